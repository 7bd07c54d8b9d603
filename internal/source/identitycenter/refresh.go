package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// tokenAnswer is the answer of CreateToken.
type tokenAnswer struct {
	AccessToken  string `json:"accessToken"`
	ExpiresIn    int64  `json:"expiresIn"` // seconds
	RefreshToken string `json:"refreshToken"`
}

func (s Service) createToken(ctx context.Context, in map[string]string) (tokenAnswer, error) {
	var out tokenAnswer
	err := s.request(s.OIDC+"/token", in).Do(ctx, s.Transport, &out)
	if err == nil && (out.AccessToken == "" || out.ExpiresIn <= 0) {
		err = errors.New("the answer has no token")
	}
	return out, err
}

func (s Service) request(url string, body any) oauth.Request {
	return oauth.Request{URL: url, Body: body, Header: map[string]string{"User-Agent": s.UserAgent}}
}

// Refresh makes the access token of a token file last longer than left, as
// [loginfile.Kind.Refresh] does, which says what the results mean and what the caller owes.
func Refresh(ctx context.Context, s Service, path string, left time.Duration) (l *Login, usable bool, err error) {
	k := kind
	k.Renew, k.Refreshed = func(l *Login) (*loginfile.Text, error) { return s.renew(ctx, l) }, s.Refreshed
	return k.Refresh(path, left)
}

func (s Service) renew(ctx context.Context, l *Login) (*loginfile.Text, error) {
	if !l.Refreshable(time.Now()) {
		return nil, loginfile.ErrEnded
	}
	out, err := s.createToken(ctx, map[string]string{"clientId": l.ClientID, "clientSecret": l.ClientSecret,
		"grantType": "refresh_token", "refreshToken": l.RefreshToken})
	switch oauth.CodeOf(err) {
	case "InvalidGrantException", "InvalidClientException", "ExpiredTokenException", "UnauthorizedClientException":
		return nil, fmt.Errorf("%w: %w", loginfile.ErrEnded, err)
	}
	if err != nil {
		return nil, err
	}
	text := l.text.Set(
		loginfile.Member{Name: "accessToken", Value: out.AccessToken},
		loginfile.Member{Name: "expiresAt", Value: expiry(out.ExpiresIn)})
	if out.RefreshToken != "" {
		text = text.Set(loginfile.Member{Name: "refreshToken", Value: out.RefreshToken})
	}
	return text, nil
}

func expiry(seconds int64) time.Time {
	return time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second)
}
