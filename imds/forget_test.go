package imds_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sts-helper/sts-helper/imds"
)

// TestForget: after a logout nothing is answered from memory, and session tokens stay good for the login
// that follows.
func TestForget(t *testing.T) {
	t.Parallel()
	p := newFake(time.Hour)
	s := build(t, config(p))
	addr := serve(t, s, "127.0.0.1:0")
	tok := session(t, addr)
	status := func() int {
		resp, _ := do(t, http.MethodGet, addr, rolePath, "X-aws-ec2-metadata-token", tok)
		return resp.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Fatal(got)
	}
	p.fail(errLogin)
	if s.Forget("nobody") || !s.Forget("dev") {
		t.Error("it does not know its profiles")
	}
	if got := status(); got != http.StatusNotFound {
		t.Errorf("after the logout: %d", got)
	}
	p.set(newFake(time.Hour).answer)
	for end := time.Now().Add(2 * time.Second); status() != http.StatusOK; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the login was not seen")
		}
	}
}

// held is a provider whose first call gives credentials once they are let go, and whose others want a login.
func held() (p *fake, let chan struct{}) {
	p, let = newFake(time.Hour), make(chan struct{})
	first := true
	p.set(func(context.Context) (aws.Credentials, error) {
		if !first {
			return aws.Credentials{}, errLogin
		}
		first = false
		<-let
		return creds(7, time.Hour), nil
	})
	return p, let
}

// TestForgetDuringAFetch: what a fetch brings that began before the logout is not kept.
func TestForgetDuringAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		s := one(t, p)
		defer running(t, s)()
		slow, let := held()
		p.set(slow.answer)
		s.Refresh("dev")
		synctest.Wait()
		s.Forget("dev")
		close(let)
		synctest.Wait()
		if code, body := fetch(s); code == http.StatusOK {
			t.Errorf("after the logout: %.60s", body)
		}
		if n := p.calls.Load(); n != 3 {
			t.Errorf("%d fetches, want one before, one during and one after the logout", n)
		}
		if st := s.Status()[0]; st.Ready || !st.LoginRequired {
			t.Errorf("status %+v", st)
		}
	})
}

// TestForgetDuringAReload: the new configuration was handed the credentials already, or is fetching them.
func TestForgetDuringAReload(t *testing.T) {
	for name, lose := range map[string]bool{"handed over": true, "fetched": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				named := func(c *imds.Config) { c.Profiles[0].Identity = "alice" }
				s := one(t, newFake(time.Hour), named)
				defer running(t, s)()
				slow, let := held()
				if lose {
					slow.set(func(context.Context) (aws.Credentials, error) { <-let; return aws.Credentials{}, errLogin })
				}
				c := imds.Config{Profiles: []imds.Profile{{Name: "dev", Provider: slow}}, BearerToken: bearer, NoPeerCheck: true, LoginRequired: isLogin}
				named(&c)
				done := make(chan error, 1)
				go func() { done <- s.Reload(c) }()
				synctest.Wait()
				if code, _ := fetch(s); code != http.StatusOK {
					t.Errorf("the old configuration does not answer meanwhile: %d", code)
				}
				if !s.Forget("dev") {
					t.Error("it does not know its profile")
				}
				close(let)
				if err := <-done; err != nil {
					t.Fatal(err)
				}
				if code, body := fetch(s); code == http.StatusOK {
					t.Errorf("after the logout: %.60s", body)
				}
			})
		})
	}
}

// TestRefreshDuringAReload: a login that a fetch of the new configuration came too early for is seen.
func TestRefreshDuringAReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := one(t, newFake(time.Hour))
		defer running(t, s)()
		slow, let := held()
		c := imds.Config{Profiles: []imds.Profile{{Name: "dev", Provider: slow}}, BearerToken: bearer, NoPeerCheck: true}
		done := make(chan error, 1)
		go func() { done <- s.Reload(c) }()
		synctest.Wait()
		s.Refresh("dev")
		close(let)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if n := slow.calls.Load(); n != 2 {
			t.Errorf("%d fetches, want one more after the login", n)
		}
	})
}

// TestIMDSWithoutPeerCheck: metadata has no secret, so where users are not told apart it needs a word.
func TestIMDSWithoutPeerCheck(t *testing.T) {
	var log bytes.Buffer
	c := config(newFake(time.Hour))
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	c.NoPeerCheck, c.IMDSWithoutPeerCheck = true, false
	if _, err := imds.New(c); !errors.Is(err, imds.ErrNoPeerCheck) {
		t.Errorf("New: %v", err)
	}
	plain := c
	plain.IMDS = nil
	s := build(t, plain)
	if err := s.Reload(c); !errors.Is(err, imds.ErrNoPeerCheck) {
		t.Errorf("Reload: %v", err)
	}
	if log.Len() != 0 {
		t.Errorf("it warns of what it does not do: %s", &log)
	}
	c.IMDSWithoutPeerCheck = true
	build(t, c)
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "every user of this machine") {
		t.Errorf("the log does not warn: %q", &log)
	}
}
