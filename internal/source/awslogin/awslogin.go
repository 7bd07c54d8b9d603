// Package awslogin gets credentials from a session of "aws login": it reads the file that AWS's
// tools share, refreshes it at AWS Sign-In, logs in and out.
//
// The facts are from the service model of signin and from what botocore 1.44 and the AWS CLI 2
// write. Nothing here locks: the caller of [Refresh], [Grant.Save] or [Logout] holds a lock on
// the file, because a refresh token that is spent twice ends the session.
package awslogin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/token"
)

// FileName is the name that AWS's tools give the file of a login_session, an ARN, in
// AWS_LOGIN_CACHE_DIRECTORY or ~/.aws/login/cache.
func FileName(loginSession string) string { return awsconfig.LoginFile(loginSession) }

// Service is where AWS Sign-In is asked.
type Service struct {
	Transport http.RoundTripper
	// Endpoint is the one of a region ([Endpoint]), or another; a login that names the region
	// it was made in is refreshed there.
	Endpoint  func(region string) string
	Region    string // of logins that name none
	UserAgent string
	// Refreshed is [loginfile.Kind]'s.
	Refreshed func(before, after []byte)
}

// Endpoint is where AWS has Sign-In in a region.
func Endpoint(region string) string {
	return "https://" + region + "." + awsname.PartitionOf(region).SignInHost
}

// Login is what a file says.
type Login struct {
	Credentials  token.Credentials
	ClientID     string
	RefreshToken string
	Region       string // where it was made; empty in older files

	key  *ecdsa.PrivateKey // nil where the file has none that can be read
	text *loginfile.Text
}

var kind = loginfile.Kind[*Login]{Parse: parse}

// Read reads a login's file. Its errors are those of package loginfile.
func Read(path string) (*Login, error) { return kind.Read(path) }

func parse(t *loginfile.Text) (*Login, error) {
	a := t.Object("accessToken")
	l := &Login{
		Credentials: token.Credentials{
			AccessKeyID: a.String("accessKeyId"), SecretAccessKey: a.String("secretAccessKey"), SessionToken: a.String("sessionToken"),
			AccountID: a.String("accountId"), CanExpire: true, Expires: a.Time("expiresAt"),
		},
		ClientID: t.String("clientId"), RefreshToken: t.String("refreshToken"), Region: t.String("signInRegion"), text: t,
	}
	if !whole(l.Credentials) {
		return nil, loginfile.ErrDamaged
	}
	l.key, _ = parseKey(t.String("dpopKey"))
	return l, nil
}

func whole(c token.Credentials) bool { return c.ValidSession() && !c.Expires.IsZero() }

// parseKey reads a P-256 key in SEC1 form.
func parseKey(text string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("not PEM")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil || key.Curve != elliptic.P256() {
		return nil, errors.New("not a P-256 key")
	}
	return key, nil
}

// Valid reports whether the credentials last longer than left.
func (l *Login) Valid(now time.Time, left time.Duration) bool {
	return l.Credentials.Expires.Round(0).Sub(now.Round(0)) > left
}

// Refreshable reports whether the file has what a refresh needs.
func (l *Login) Refreshable() bool { return l.RefreshToken != "" && l.ClientID != "" && l.key != nil }

// Text is the file.
func (l *Login) Text() *loginfile.Text { return l.text }

// ErrPermissions is a user who may not have a program refresh a login.
var ErrPermissions = errors.New("the user has no permission for signin:CreateOAuth2Token")

// Refresh makes the credentials of a login last longer than left, as [loginfile.Kind.Refresh]
// does, which says what the results mean and what the caller owes. They last 15 minutes at most.
func Refresh(ctx context.Context, s Service, path string, left time.Duration) (l *Login, usable bool, err error) {
	k := kind
	k.Renew, k.Refreshed = func(l *Login) (*loginfile.Text, error) { return s.renew(ctx, l) }, s.Refreshed
	return k.Refresh(path, left)
}

func (s Service) renew(ctx context.Context, l *Login) (*loginfile.Text, error) {
	if !l.Refreshable() {
		return nil, loginfile.ErrEnded
	}
	out, err := s.createToken(ctx, l.Region, l.key, map[string]string{"clientId": l.ClientID, "grantType": "refresh_token", "refreshToken": l.RefreshToken})
	if err != nil {
		return nil, err
	}
	text := l.text.Set(loginfile.Member{Name: "accessToken", Value: l.text.Object("accessToken").Set(out.members()...)},
		loginfile.Member{Name: "refreshToken", Value: out.RefreshToken})
	return text, nil
}

// answer is the answer of CreateOAuth2Token.
type answer struct {
	AccessToken struct {
		AccessKeyID     string `json:"accessKeyId"`
		SecretAccessKey string `json:"secretAccessKey"`
		SessionToken    string `json:"sessionToken"`
	} `json:"accessToken"`
	ExpiresIn    int64  `json:"expiresIn"` // seconds, 900 at most
	RefreshToken string `json:"refreshToken"`
	TokenType    string `json:"tokenType"`
	IDToken      string `json:"idToken"`

	expires time.Time
}

func (a answer) members() []loginfile.Member {
	return []loginfile.Member{{Name: "accessKeyId", Value: a.AccessToken.AccessKeyID}, {Name: "secretAccessKey", Value: a.AccessToken.SecretAccessKey},
		{Name: "sessionToken", Value: a.AccessToken.SessionToken}, {Name: "expiresAt", Value: a.expires}}
}

// createToken sends one request with a proof of its own. Refusals that a new login cures are
// [loginfile.ErrEnded].
func (s Service) createToken(ctx context.Context, region string, key *ecdsa.PrivateKey, in map[string]string) (answer, error) {
	if region == "" {
		region = s.Region
	}
	url := s.Endpoint(region) + "/v1/token"
	proof, err := makeProof(key, url, time.Now())
	if err != nil {
		return answer{}, err
	}
	var out answer
	err = oauth.Request{URL: url, Body: in, Header: map[string]string{"User-Agent": s.UserAgent, "DPoP": proof}}.Do(ctx, s.Transport, &out)
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		switch e.Reason {
		case "TOKEN_EXPIRED", "USER_CREDENTIALS_CHANGED", "AUTHCODE_EXPIRED":
			return answer{}, fmt.Errorf("%w: %w", loginfile.ErrEnded, err)
		case "INSUFFICIENT_PERMISSIONS":
			return answer{}, fmt.Errorf("%w: %w", ErrPermissions, err)
		}
	}
	if err != nil {
		return answer{}, err
	}
	a := out.AccessToken
	out.expires = time.Now().Add(time.Duration(out.ExpiresIn) * time.Second).Truncate(time.Second)
	if !whole(token.Credentials{AccessKeyID: a.AccessKeyID, SecretAccessKey: a.SecretAccessKey, SessionToken: a.SessionToken, Expires: out.expires}) ||
		out.ExpiresIn <= 0 || out.RefreshToken == "" {
		return answer{}, errors.New("the answer of AWS Sign-In has no whole credentials")
	}
	return out, nil
}

// Logout removes a login's file. AWS has no way to end the session for programs: it ends when it
// is no longer refreshed. A missing file is no error. The caller holds the lock.
func Logout(path string) error {
	if _, err := Read(path); errors.Is(err, loginfile.ErrNotLoggedIn) {
		return nil
	}
	f, err := loginfile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Remove()
}
