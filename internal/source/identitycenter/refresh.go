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

// Refresh makes the access token of a token file last longer than left. It reads the file anew,
// since another program may have been first, finishes what a crash interrupted, and asks for a
// token only where it must. The new refresh token is on disk when it returns.
//
// Where it fails and the token is good still, it gives both the login and the error. A refusal
// is believed after the file has been read again: [ErrEnded]. The caller holds the lock.
func Refresh(ctx context.Context, s Service, path string, left time.Duration) (*Login, error) {
	l, err := Read(path)
	if err != nil {
		return nil, err
	}
	f, err := loginfile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if l, err = parse(f.Adopt(l.text)); err != nil {
		return nil, err
	}
	if l.Valid(time.Now(), left) {
		return l, nil
	}
	next, err := s.refresh(ctx, f, path, l)
	if err != nil && next == nil && l.Valid(time.Now(), 0) {
		next = l
	}
	return next, err
}

func (s Service) refresh(ctx context.Context, f *loginfile.File, path string, l *Login) (*Login, error) {
	if !l.Refreshable(time.Now()) {
		return nil, ErrEnded
	}
	if err := f.CanWrite(len(l.text.Bytes())); err != nil {
		return nil, fmt.Errorf("the login is not refreshed, because its file cannot be written: %w", err)
	}
	out, err := s.createToken(ctx, map[string]string{"clientId": l.ClientID, "clientSecret": l.ClientSecret,
		"grantType": "refresh_token", "refreshToken": l.RefreshToken})
	if err != nil {
		return again(path, l, err)
	}
	text := l.text.Set(
		loginfile.Member{Name: "accessToken", Value: out.AccessToken},
		loginfile.Member{Name: "expiresAt", Value: expiry(out.ExpiresIn)})
	if out.RefreshToken != "" {
		text = text.Set(loginfile.Member{Name: "refreshToken", Value: out.RefreshToken})
	}
	if err := f.Replace(l.RefreshToken, text); err != nil {
		return nil, fmt.Errorf("the login was refreshed, but its file cannot be written: %w", err)
	}
	return parse(text)
}

func expiry(seconds int64) time.Time {
	return time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second)
}

// again reads the file after a failure: where another program has refreshed the login, or the
// user has logged in again, that is the answer.
func again(path string, old *Login, err error) (*Login, error) {
	now, rerr := Read(path)
	switch {
	case errors.Is(rerr, ErrNotLoggedIn):
		return nil, rerr
	case rerr == nil && !now.Same(old) && now.Valid(time.Now(), 0):
		return now, nil
	}
	switch oauth.CodeOf(err) {
	case "InvalidGrantException", "InvalidClientException", "ExpiredTokenException", "UnauthorizedClientException":
		return nil, fmt.Errorf("%w: %w", ErrEnded, err)
	}
	return nil, err
}
