package source

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/token"
)

// The portal takes some 20 requests a second of an account's. Those that it refuses for that
// are sent again after a pause between these, which doubles.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
)

// Fetch gets the credentials of the role from the portal.
func (s identityCenter) Fetch(ctx context.Context) (token.Credentials, error) {
	c, _, err := s.FetchFrom(ctx)
	return c, err
}

// FetchFrom is Fetch with the login that was shown to the portal.
func (s identityCenter) FetchFrom(ctx context.Context) (token.Credentials, State, error) {
	l, usable, err := s.usable(ctx)
	if !usable {
		return token.Credentials{}, State{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for pause, again := firstPause, false; ; pause = min(2*pause, lastPause) {
		c, err := s.service.RoleCredentials(ctx, l.AccessToken, s.def.Login.AccountID, s.def.Login.RoleName)
		e, _ := errors.AsType[*oauth.Error](err)
		switch {
		case err == nil:
			return c, s.state(l), nil
		case errors.Is(err, loginfile.ErrEnded) && !again:
			// The user may have logged in again since the file was read.
			now, rerr := s.read(s.file())
			if rerr != nil {
				return c, State{}, s.failed(rerr)
			}
			if now.AccessToken == l.AccessToken {
				return c, State{}, s.failed(err)
			}
			l, again = now, true
			continue
		case e == nil || e.Status != http.StatusTooManyRequests && e.Status < 500:
			return c, State{}, s.failed(err)
		}
		timer := time.NewTimer(pause/2 + rand.N(pause)) // jitter, no secret
		select {
		case <-ctx.Done():
			timer.Stop()
			return c, State{}, s.failed(err)
		case <-timer.C:
		}
	}
}

// Fetch gives the credentials of the login itself.
func (s awsLogin) Fetch(ctx context.Context) (token.Credentials, error) {
	c, _, err := s.FetchFrom(ctx)
	return c, err
}

// FetchFrom is Fetch with that login.
func (s awsLogin) FetchFrom(ctx context.Context) (token.Credentials, State, error) {
	l, usable, err := s.usable(ctx)
	switch {
	case !usable:
		return token.Credentials{}, State{}, err
	case err != nil:
		return token.Credentials{}, State{}, &NotRefreshed{l.Credentials, s.state(l), err}
	}
	return l.Credentials, s.state(l), nil
}

// tooMany reports whether the other end said that it is asked too often.
func tooMany(err error) bool {
	e, ok := errors.AsType[*oauth.Error](err)
	return ok && e.Status == http.StatusTooManyRequests
}

// refused reports whether a service said no, and would again.
func refused(err error) bool { return !oauth.Spent(err) && !tooMany(err) }
