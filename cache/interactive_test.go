package cache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

var errNoPrompt = errors.New("no user can be asked here")

// interactive is what s gives, by way of a user.
func (s *source) interactive() cache.Want {
	w := s.want()
	w.Interactive = true
	return w
}

func TestNoPromptWhileTheTokenServes(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", 12*time.Hour)
		due(t, c, s, 61*time.Second)
		before := snapshot(t, c)
		w := s.interactive()
		w.Fetch = never(t)
		expect(t, mustGet(t, c, w), cache.Kept, stamp(s.key, 0))
		if snapshot(t, c) != before {
			t.Error("it left traces")
		}
		time.Sleep(time.Second) // now it must be
		expect(t, mustGet(t, c, s.interactive()), cache.Fresh, stamp(s.key, 1))
	})
}

func TestNoWayToAskIsReportedAtOnce(t *testing.T) {
	for rem, serves := range map[time.Duration]bool{time.Hour / 2: true, 30 * time.Second: true, 5 * time.Second: false, -time.Hour: false} {
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", 12*time.Hour)
			due(t, c, s, rem)
			w := s.interactive()
			w.Fetch, w.CanAsk = never(t), func() error { return errNoPrompt }
			start := time.Now()
			a, err := c.Get(t.Context(), w)
			if serves && (err != nil || a.Origin != cache.Kept) || !serves && !errors.Is(err, errNoPrompt) {
				t.Errorf("%v left: %v, %v", rem, a.Origin, err)
			}
			if time.Since(start) != 0 {
				t.Errorf("%v left: it took %v", rem, time.Since(start))
			}
		})
	}
}

// A user is being asked by another process, so the answer may come although none can be asked here.
func TestAnAnswerGivenElsewhereIsShared(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", 12*time.Hour)
		s.delay = 20 * time.Second
		go func() { _, _ = c.Get(t.Context(), s.interactive()) }()
		synctest.Wait()
		w := s.interactive()
		w.Fetch, w.CanAsk = never(t), func() error { return errNoPrompt }
		expect(t, mustGet(t, c, w), cache.Hit, stamp(s.key, 1))
	})
}

func TestWaitingForAPromptEndsWithItsHolder(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", 12*time.Hour)
		s.delay = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		first := s.interactive()
		first.Holder = func() lock.Holder { return lock.Holder{PID: 812, TTY: "pts/3", Purpose: "a token for dev"} }
		done := make(chan struct{})
		go func() { defer close(done); _, _ = c.Get(ctx, first) }()
		synctest.Wait()
		for _, wait := range []time.Duration{0, 7 * time.Second} {
			want := wait
			if wait == 0 {
				want = cache.DefaultWaitInteractive
			}
			w := s.interactive()
			w.Fetch, w.Wait = never(t), wait
			start := time.Now()
			_, err := c.Get(t.Context(), w)
			var held *cache.HeldError
			if !errors.As(err, &held) || held.Holder.TTY != "pts/3" || held.Holder.PID != 812 || held.Waited != want {
				t.Errorf("err = %v", err)
			}
			if took := time.Since(start); took < want || took > want+time.Second {
				t.Errorf("it took %v", took)
			}
		}
		// Renewing waits no less, and does not ask a second time either.
		w := s.interactive()
		w.Fetch, w.Renew = never(t), true
		var held *cache.HeldError
		if _, err := c.Get(t.Context(), w); !errors.As(err, &held) {
			t.Errorf("err = %v", err)
		}
		cancel()
		<-done
	})
}

// A role's token that needs no user may rest on a session that does: those who wait for
// the role learn of it.
func TestAskingIsNotedInEveryLockAround(t *testing.T) {
	c, outer, inner := open(t), newSource("role", time.Hour), newSource("session", 12*time.Hour)
	w := outer.want()
	w.Fetch = func(ctx context.Context, advisory bool) (token.Token, error) {
		in := inner.interactive()
		in.Fetch = func(ctx context.Context, _ bool) (token.Token, error) {
			if who, _ := lock.ReadHolder(cache.LockPath(c, outer.key)); who.Asking {
				t.Error("asking is noted before a user is asked")
			}
			cache.Asking(ctx)
			for _, k := range []cache.Key{outer.key, inner.key} {
				if who, ok := lock.ReadHolder(cache.LockPath(c, k)); !ok || !who.Asking {
					t.Errorf("lock of %s: %v", k, who)
				}
			}
			return inner.fetch(ctx, false)
		}
		if _, err := c.Get(ctx, in); err != nil {
			return token.Token{}, err
		}
		return outer.fetch(ctx, advisory)
	}
	expect(t, mustGet(t, c, w), cache.Fresh, stamp(outer.key, 1))
	cache.Asking(t.Context()) // with no lock around: nothing
}

func TestRenewAsksThoughFresh(t *testing.T) {
	for _, interactive := range []bool{false, true} {
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", 12*time.Hour)
			mustGet(t, c, s.want())
			time.Sleep(time.Millisecond) // the bubble's clock does not move by itself, and what was issued at this very moment is shared
			w := s.want()
			w.Renew, w.Interactive = true, interactive
			expect(t, mustGet(t, c, w), cache.Fresh, stamp(s.key, 2))
			if s.advisory.Load() {
				t.Error("who logs in wants to be asked")
			}
			// Its failure is an error, though the token still serves and keeps serving.
			s.err = errDenied
			time.Sleep(time.Millisecond)
			if a, err := c.Get(t.Context(), w); !errors.Is(err, errDenied) || a.Origin != "" {
				t.Errorf("%v, %v", a.Origin, err)
			}
			// It asks although the failure is held.
			time.Sleep(time.Millisecond)
			s.err = nil
			if cache.Held(c, s.key) == 0 {
				t.Error("the failure is not held")
			}
			expect(t, mustGet(t, c, w), cache.Fresh, stamp(s.key, 4))
			if cache.Held(c, s.key) != 0 {
				t.Error("the failure is still held")
			}
		})
	}
}

// Without a boot clock the wall clock decides, to the nanosecond, what was issued since a call began.
func TestRenewWithoutABootClock(t *testing.T) {
	c := open(t)
	s := newSource("dev", 12*time.Hour)
	second := time.Now().UTC().Truncate(time.Second)
	for since, shared := range map[time.Duration]bool{0: true, time.Nanosecond: true, -time.Nanosecond: false, -time.Second: false} {
		start := second.Add(500 * time.Millisecond)
		if err := cache.StoreAt(c, s.key, tok(s.key, 1, 12*time.Hour), start.Add(since), 0, ""); err != nil {
			t.Fatal(err)
		}
		if got := cache.IssuedWithin(c, s.key, start, second.Add(time.Second)); got != shared {
			t.Errorf("issued %v after the call began: shared %v", since, got)
		}
	}
}

// Two who renew at the same time are both content with one new token, or one failure.
func TestRenewIsShared(t *testing.T) {
	t.Parallel()
	for _, fails := range []error{nil, errDenied} {
		c := open(t)
		s := newSource("dev", 12*time.Hour)
		mustGet(t, c, s.want())
		s.err = fails
		w := s.want()
		w.Renew = true
		var waiting atomic.Int32
		w.Fetch = func(ctx context.Context, advisory bool) (token.Token, error) {
			for waiting.Load() < 8 {
				time.Sleep(time.Millisecond)
			}
			time.Sleep(500 * time.Millisecond) // for all to get as far as the lock
			return s.fetch(ctx, advisory)
		}
		results := make(chan error, 8)
		for range 8 {
			go func() {
				waiting.Add(1)
				a, err := c.Get(t.Context(), w)
				if err == nil && a.Token.Credentials.AccessKeyID != stamp(s.key, 2) {
					t.Errorf("got %v", a.Token)
				}
				results <- err
			}()
		}
		for range 8 {
			if err := <-results; (err != nil) != (fails != nil) {
				t.Error(err)
			}
		}
		if s.calls.Load() != 2 {
			t.Errorf("the source was asked %d times", s.calls.Load()-1)
		}
	}
}
