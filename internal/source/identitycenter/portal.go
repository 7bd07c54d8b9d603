package identitycenter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/token"
)

// portal asks the portal, which takes the access token in a header of its own.
func (s Service) portal(method, pathAndQuery, accessToken string) oauth.Request {
	return oauth.Request{Method: method, URL: s.Portal + pathAndQuery,
		Header: map[string]string{"User-Agent": s.UserAgent, "X-Amz-Sso_bearer_token": accessToken}}
}

// ErrNoAccess is a role that the user may not enter.
var ErrNoAccess = errors.New("no access")

// RoleCredentials are the credentials of a permission set in an account. A token that the
// portal does not know any more is [loginfile.ErrEnded], a role that is not assigned [ErrNoAccess].
func (s Service) RoleCredentials(ctx context.Context, accessToken, account, role string) (token.Credentials, error) {
	var out struct {
		RoleCredentials struct {
			AccessKeyID     string `json:"accessKeyId"`
			SecretAccessKey string `json:"secretAccessKey"`
			SessionToken    string `json:"sessionToken"`
			Expiration      int64  `json:"expiration"` // milliseconds
		} `json:"roleCredentials"`
	}
	err := s.portal(http.MethodGet, oauth.AuthorizeURL("/federation/credentials", "account_id", account, "role_name", role), accessToken).
		Do(ctx, s.Transport, &out)
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		switch e.Status {
		case http.StatusUnauthorized:
			return token.Credentials{}, fmt.Errorf("%w: %w", loginfile.ErrEnded, err)
		case http.StatusForbidden:
			return token.Credentials{}, fmt.Errorf("%w to role %s in account %s: %w", ErrNoAccess, role, account, err)
		}
	}
	if err != nil {
		return token.Credentials{}, err
	}
	rc := out.RoleCredentials
	c := token.Credentials{AccessKeyID: rc.AccessKeyID, SecretAccessKey: rc.SecretAccessKey, SessionToken: rc.SessionToken,
		CanExpire: true, Expires: time.UnixMilli(rc.Expiration).UTC(), AccountID: account}
	if !c.ValidSession() || rc.Expiration <= 0 {
		return token.Credentials{}, errors.New("the portal's answer has no whole credentials")
	}
	return c, nil
}

// Logout ends the session at the portal and removes the token file, also where the portal
// cannot be asked, which is the error then. A session that has ended already, and a missing
// file, are no errors. The caller holds the lock.
func Logout(ctx context.Context, s Service, path string) error {
	l, err := Read(path)
	if errors.Is(err, loginfile.ErrNotLoggedIn) {
		return nil
	}
	f, ferr := loginfile.Open(path)
	if ferr != nil {
		return ferr
	}
	defer f.Close()
	if err == nil {
		if next, err := parse(f.Adopt(l.text)); err == nil {
			l = next
		}
		err = s.portal(http.MethodPost, "/logout", l.AccessToken).Do(ctx, s.Transport, nil)
	}
	if rerr := f.Remove(); rerr != nil {
		return rerr
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Status == http.StatusUnauthorized || errors.Is(err, loginfile.ErrDamaged) {
		return nil // nothing was left to end
	}
	if err != nil {
		return fmt.Errorf("the token file is removed, but the portal could not be told: %w", err)
	}
	return nil
}
