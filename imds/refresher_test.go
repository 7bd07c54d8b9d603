package imds_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/internal/record"
)

// one is a server of one profile without a network, for time that is not real.
func one(t testing.TB, p aws.CredentialsProvider, more ...func(*imds.Config)) *imds.Server {
	c := imds.Config{Profiles: []imds.Profile{{Name: "dev", Provider: p}}, BearerToken: bearer, NoPeerCheck: true, LoginRequired: isLogin}
	for _, f := range more {
		f(&c)
	}
	return build(t, c)
}

func fetch(s *imds.Server) (int, string) {
	w := ask(s, "GET", "/credentials/dev", "Authorization", bearer)
	return w.Code, w.Body.String()
}

// running starts s and gives what ends it.
func running(t *testing.T, s *imds.Server) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Start(ctx); err != nil {
		t.Fatal(err)
	}
	return cancel
}

// hang waits for its context and no longer.
func hang(ctx context.Context) (aws.Credentials, error) {
	<-ctx.Done()
	return aws.Credentials{}, ctx.Err()
}

var errDown = errors.New("sts is down")

func TestRefreshWindows(t *testing.T) {
	for life, window := range map[time.Duration]time.Duration{
		10 * time.Minute: 200 * time.Second, 15 * time.Minute: 5 * time.Minute, 20 * time.Minute: 5 * time.Minute, 30 * time.Minute: 15 * time.Minute, time.Hour: 20 * time.Minute,
		90 * time.Minute: time.Hour, 12 * time.Hour: time.Hour,
	} {
		if w := record.AdvisoryWindow(life); w != window {
			t.Errorf("life %v: the cache's window is %v, want %v", life, w, window)
		}
		synctest.Test(t, func(t *testing.T) {
			p := newFake(life)
			s := one(t, p)
			defer running(t, s)()
			time.Sleep(life - window - time.Second)
			if n := p.calls.Load(); n != 1 {
				t.Errorf("life %v: %d fetches before the window of %v", life, n, window)
			}
			time.Sleep(window/10 + 31*time.Second)
			if n := p.calls.Load(); n != 2 {
				t.Errorf("life %v: %d fetches a tenth into the window of %v", life, n, window)
			}
		})
	}
}

// TestShortLivesAreRefreshedAtTheFloor: what is not given out any more is fetched anew, whatever the window of so
// short a life.
func TestShortLivesAreRefreshedAtTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(15 * time.Second)
		s := one(t, p)
		defer running(t, s)()
		time.Sleep(6 * time.Second) // a third of the life is left only 4 seconds later
		if n := p.calls.Load(); n < 2 {
			t.Errorf("%d fetches with 9 seconds left", n)
		}
	})
}

// TestLifetimeSetsTheWindow: credentials that were old when first seen keep the window of their kind.
func TestLifetimeSetsTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(25 * time.Minute)
		s := one(t, p, func(c *imds.Config) { c.Profiles[0].Lifetime = time.Hour })
		defer running(t, s)()
		time.Sleep(8 * time.Minute) // 17 minutes left
		if n := p.calls.Load(); n < 2 {
			t.Errorf("%d fetches with 17 minutes left of an hour", n)
		}
	})
}

// TestDownForTheWholeWindow: no client sees it while the old credentials live, they are never served in their
// last ten seconds, and the return is noticed within five.
func TestDownForTheWholeWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		s := one(t, p)
		defer running(t, s)()
		time.Sleep(39 * time.Minute)
		p.fail(errDown)
		for range 20*60 + 45 { // to 5 seconds before... the hard limit
			time.Sleep(time.Second)
			if code, _ := fetch(s); code != 200 {
				t.Fatalf("status %d with good credentials in hand", code)
			}
		}
		time.Sleep(10 * time.Second) // five seconds left
		code, body := fetch(s)
		if code != 503 || !strings.Contains(body, `"code":"ServiceUnavailable"`) {
			t.Fatalf("past the end: %d %s", code, body)
		}
		if n := p.calls.Load(); n > 60 {
			t.Errorf("asked %d times in 21 minutes of failing", n)
		}
		time.Sleep(10 * time.Minute)
		p.set(func(context.Context) (aws.Credentials, error) { return creds(9, time.Hour), nil })
		time.Sleep(5 * time.Second)
		if code, body := fetch(s); code != 200 || !strings.Contains(body, "CANARY-token-9") {
			t.Errorf("five seconds after the return: %d", code)
		}
	})
}

func TestHangingProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		s := one(t, p)
		defer running(t, s)()
		p.set(hang)
		time.Sleep(41 * time.Minute) // the refresh hangs
		for range 1000 {
			before := time.Now()
			if code, _ := fetch(s); code != 200 || time.Since(before) > 0 {
				t.Fatalf("%d after %v", code, time.Since(before))
			}
			time.Sleep(time.Second)
		}
		if p.most.Load() != 1 {
			t.Errorf("%d calls of the provider at a time", p.most.Load())
		}
	})
}

func TestColdRequestsShareOneFetchAndDoNotWaitLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		release := make(chan struct{})
		p.set(func(ctx context.Context) (aws.Credentials, error) {
			select {
			case <-release:
				return creds(1, time.Hour), nil
			case <-ctx.Done(): // a client that leaves must not end this
				return aws.Credentials{}, ctx.Err()
			}
		})
		s := one(t, p)
		begin := time.Now()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if code, _ := fetch(s); code != 503 {
					t.Errorf("status %d", code)
				}
			})
		}
		wg.Wait()
		if d := time.Since(begin); d != 800*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		close(release)
		synctest.Wait()
		if code, _ := fetch(s); code != 200 {
			t.Errorf("after the fetch: %d", code)
		}
		if n := p.calls.Load(); n != 1 {
			t.Errorf("%d fetches for 101 requests", n)
		}
	})
}

func TestColdRequestIsAnsweredAsSoonAsThereIsSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		p.set(func(context.Context) (aws.Credentials, error) {
			time.Sleep(300 * time.Millisecond)
			return creds(1, time.Hour), nil
		})
		s := one(t, p)
		begin := time.Now()
		if code, _ := fetch(s); code != 200 || time.Since(begin) != 300*time.Millisecond {
			t.Errorf("%d after %v", code, time.Since(begin))
		}
	})
}

func TestLoginIsNoticedWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		p.fail(errLogin)
		s := one(t, p)
		defer running(t, s)()
		time.Sleep(time.Hour + time.Duration(rand.IntN(1000))*time.Millisecond)
		if code, body := fetch(s); code != 400 || !strings.Contains(body, "LoginRequired") {
			t.Fatalf("%d %s", code, body)
		}
		if st := s.Status()[0]; st.Ready || !st.LoginRequired || st.Err == nil {
			t.Errorf("%+v", st)
		}
		p.set(func(context.Context) (aws.Credentials, error) { return creds(2, time.Hour), nil })
		time.Sleep(time.Second)
		if code, _ := fetch(s); code != 200 {
			t.Errorf("a second after the login: %d", code)
		}
		if st := s.Status()[0]; !st.Ready || st.LoginRequired || st.Err != nil || st.Expires.IsZero() {
			t.Errorf("%+v", st)
		}
	})
}

func TestNotifyAsksAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		var loggedIn atomic.Bool
		p.set(func(context.Context) (aws.Credentials, error) {
			ok := loggedIn.Load() // looks first, and is slow to tell
			time.Sleep(5 * time.Second)
			if !ok {
				return aws.Credentials{}, errLogin
			}
			return creds(3, time.Hour), nil
		})
		s := one(t, p)
		go func() { _ = s.Start(t.Context()) }()
		time.Sleep(time.Second) // a fetch is under way that cannot see the login
		loggedIn.Store(true)
		s.Refresh("dev")
		time.Sleep(9*time.Second + time.Millisecond)
		if code, _ := fetch(s); code != 200 {
			t.Errorf("after Refresh: %d", code)
		}
		if n := p.calls.Load(); n != 2 {
			t.Errorf("%d fetches", n)
		}
		if !s.Refresh("dev") || s.Refresh("nobody") {
			t.Error("Refresh knows the wrong names")
		}
		time.Sleep(6 * time.Second)
		if n := p.calls.Load(); n != 3 {
			t.Errorf("%d fetches after Refresh", n)
		}
	})
}

// TestSameAnswerIsNotAskedForAtEveryRequest: a provider whose own window is not open yet gives what it gave.
func TestSameAnswerIsNotAskedForAtEveryRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFake(time.Hour)
		same := creds(1, time.Hour)
		p.set(func(context.Context) (aws.Credentials, error) { return same, nil })
		s := one(t, p)
		defer running(t, s)()
		time.Sleep(45 * time.Minute)
		before := p.calls.Load()
		for range 10_000 {
			if code, _ := fetch(s); code != 200 {
				t.Fatal(code)
			}
			time.Sleep(6 * time.Millisecond)
		}
		if n := p.calls.Load() - before; n < 2 || n > 10 {
			t.Errorf("%d fetches in a minute with 15 minutes left", n)
		}
	})
}

func TestWhatIsNeverServed(t *testing.T) {
	for name, c := range map[string]aws.Credentials{
		"nothing": {}, "no secret": func() aws.Credentials { c := creds(1, time.Hour); c.SecretAccessKey = ""; return c }(),
		"no session token":      func() aws.Credentials { c := creds(1, time.Hour); c.SessionToken = ""; return c }(),
		"no end":                func() aws.Credentials { c := creds(1, time.Hour); c.CanExpire = false; return c }(),
		"ended":                 creds(1, -time.Minute),
		"ends in nine seconds":  creds(1, 9*time.Second),
		"year one":              func() aws.Credentials { c := creds(1, time.Hour); c.Expires = time.Time{}; return c }(),
		"a line end in the key": func() aws.Credentials { c := creds(1, time.Hour); c.AccessKeyID += "\n"; return c }(),
	} {
		p := newFake(time.Hour)
		p.set(func(context.Context) (aws.Credentials, error) { return c, nil })
		s := one(t, p)
		if code, body := fetch(s); code != 503 || strings.Contains(body, canary) {
			t.Errorf("%s: %d", name, code)
		}
		if err := s.Status()[0].Err; err == nil || strings.Contains(err.Error(), "CANARY-") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	p := newFake(time.Hour)
	p.set(func(context.Context) (aws.Credentials, error) { panic("CANARY-panic") })
	s := one(t, p)
	if code, _ := fetch(s); code != 503 || strings.Contains(s.Status()[0].Err.Error(), canary) {
		t.Errorf("panic: %d %v", code, s.Status()[0].Err)
	}
}

// TestGoodCredentialsAreKept: a fetch that gives rubbish displaces nothing.
func TestGoodCredentialsAreKept(t *testing.T) {
	for _, bad := range []aws.Credentials{{}, creds(2, -time.Minute), creds(3, 5*time.Second)} {
		p := newFake(time.Hour)
		s := one(t, p)
		_, before := fetch(s)
		p.set(func(context.Context) (aws.Credentials, error) { return bad, nil })
		s.Refresh("dev")
		for p.calls.Load() < 2 || s.Status()[0].Err == nil {
			time.Sleep(time.Millisecond)
		}
		if code, after := fetch(s); code != 200 || after != before {
			t.Errorf("%d, changed: %v", code, after != before)
		}
	}
}

// TestNoTornAnswers: every answer is one whole set, while sets change as fast as they can.
func TestNoTornAnswers(t *testing.T) {
	p := newFake(time.Hour)
	s := one(t, p)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				s.Refresh("dev")
			}
		}
	})
	for range 4 {
		wg.Go(func() {
			for range 2000 {
				code, body := fetch(s)
				_, rest, _ := strings.Cut(body, "CANARY-secret-")
				n, _, _ := strings.Cut(rest, `"`)
				if code != 200 || n == "" || !strings.Contains(body, "CANARY-token-"+n+"x") {
					t.Errorf("%d: torn %.120s", code, body)
					return
				}
			}
		})
	}
	time.AfterFunc(300*time.Millisecond, func() { close(stop) })
	wg.Wait()
	if p.most.Load() != 1 {
		t.Errorf("%d fetches at a time", p.most.Load())
	}
}
