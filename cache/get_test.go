package cache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// snapshot is the names, sizes and times of all files of a cache.
func snapshot(t testing.TB, c *cache.Cache) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(c.Path(), func(path string, info os.FileInfo, err error) error {
		if err == nil {
			b.WriteString(path + " " + info.ModTime().String() + "\n")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHitTouchesNothing(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	// A held lock must not matter, and a held failure neither.
	held, err := lock.Try(cache.LockPath(c, s.key), lock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	if err := cache.SaveFailureAged(c, s.key, cache.Failure{Message: "no"}, 0, time.Minute); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, c)
	expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t), Holder: func() lock.Holder {
		t.Error("a lock was wanted")
		return lock.Holder{}
	}}), cache.Hit, stamp(s.key, 1))
	if after := snapshot(t, c); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
}

// due stores a token of s that has rem of life left.
func due(t testing.TB, c *cache.Cache, s *source, rem time.Duration) {
	t.Helper()
	if err := cache.StoreAged(c, s.key, tok(s.key, 0, rem), s.life-rem); err != nil {
		t.Fatal(err)
	}
}

func TestAdvisoryNeverWaits(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	due(t, c, s, 10*time.Minute)
	held, err := lock.Try(cache.LockPath(c, s.key), lock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	synctest.Test(t, func(t *testing.T) {
		due(t, c, s, 10*time.Minute) // by the bubble's clock
		start := time.Now()
		a := mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)})
		expect(t, a, cache.Kept, stamp(s.key, 0))
		if time.Since(start) != 0 || len(a.Warnings) > 0 {
			t.Errorf("it took %v, with warnings %v", time.Since(start), a.Warnings)
		}
	})
}

func TestAdvisoryOneTriesOthersKeep(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", time.Hour)
		s.delay = 5 * time.Second
		due(t, c, s, 10*time.Minute)
		origins := make(chan cache.Origin, 50)
		for range 50 {
			go func() {
				a, err := c.Get(t.Context(), s.want())
				if err != nil {
					t.Error(err)
				}
				origins <- a.Origin
			}()
		}
		count := map[cache.Origin]int{}
		for range 50 {
			count[<-origins]++
		}
		if count[cache.Fresh] != 1 || count[cache.Kept] != 49 || s.calls.Load() != 1 {
			t.Errorf("%v, %d calls", count, s.calls.Load())
		}
	})
}

func TestMandatoryAllWaitForOne(t *testing.T) {
	for _, fails := range []error{nil, errAway, errDenied} {
		for name, rem := range map[string]time.Duration{"mandatory": 50 * time.Second, "floor": 8 * time.Second, "over": -time.Hour} {
			c := open(t)
			synctest.Test(t, func(t *testing.T) {
				s := newSource("dev", time.Hour)
				s.delay, s.err = 3*time.Second, fails
				due(t, c, s, rem)
				type result struct {
					a   cache.Answer
					err error
				}
				results := make(chan result, 20)
				for range 20 {
					go func() {
						a, err := c.Get(t.Context(), s.want())
						results <- result{a, err}
					}()
				}
				for range 20 {
					switch r := <-results; {
					case fails == nil && (r.err != nil || r.a.Token.Credentials.AccessKeyID != stamp(s.key, 1)):
						t.Errorf("%s: %v, %v", name, r.a.Token, r.err)
					case fails != nil && name == "mandatory" && (r.err != nil || r.a.Origin != cache.Kept || len(r.a.Warnings) != 1):
						t.Errorf("%s, failing: %v, %v", name, r.a, r.err)
					case fails != nil && name != "mandatory" && (r.err == nil || r.err.Error() != fails.Error() || r.a.Origin != ""):
						t.Errorf("%s, failing: %v, %v", name, r.a, r.err)
					}
				}
				if s.calls.Load() != 1 {
					t.Errorf("%s: %d calls", name, s.calls.Load())
				}
			})
		}
	}
}

func TestHeldFailureIsAnsweredForItsTimeAndThenAskedAgain(t *testing.T) {
	for _, tt := range []struct {
		err  error
		held time.Duration
	}{{errAway, cache.FailureHeldPassing}, {errDenied, cache.FailureHeldFinal}, {errors.New("plain"), cache.FailureHeldPassing}} {
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", time.Hour)
			s.err = tt.err
			if _, err := c.Get(t.Context(), s.want()); !errors.Is(err, tt.err) {
				t.Fatalf("the first to fail gets its own error, not %v", err)
			}
			time.Sleep(tt.held - time.Millisecond)
			w := s.want()
			w.Holder = func() lock.Holder {
				t.Error("a held failure needs no lock")
				return lock.Holder{}
			}
			_, err := c.Get(t.Context(), w)
			var f *cache.Failure
			if !errors.As(err, &f) || !strings.HasPrefix(f.Message, "tried ") || !strings.HasSuffix(f.Message, " ago: "+tt.err.Error()) || f.Final != (tt.err == errDenied) || s.calls.Load() != 1 {
				t.Fatalf("err = %#v, %d calls", err, s.calls.Load())
			}
			if cl, ok := tt.err.(cache.Classified); ok && f.Kind != cl.FailureKind() {
				t.Errorf("kind %q", f.Kind)
			}
			time.Sleep(time.Millisecond)
			if _, err := c.Get(t.Context(), s.want()); !errors.Is(err, tt.err) || s.calls.Load() != 2 {
				t.Fatalf("after its time: %v, %d calls", err, s.calls.Load())
			}
			s.err = nil
			time.Sleep(tt.held)
			expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 3))
			if _, err := os.Lstat(cache.StatePath(c, s.key)); err == nil {
				t.Error("the failure outlives the success")
			}
		})
	}
}

// While STS refuses because it is asked too often, it is asked less and less, and after a rest, or a success, anew.
func TestThrottlingIsHeldForLongerEachTime(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", time.Hour)
		s.err = errBusy
		refused := func(least, most time.Duration) time.Duration {
			t.Helper()
			calls := s.calls.Load()
			if _, err := c.Get(t.Context(), s.want()); !errors.Is(err, errBusy) || s.calls.Load() != calls+1 {
				t.Fatalf("%v, %d calls", err, s.calls.Load())
			}
			held := cache.Held(c, s.key)
			if held < least || held > most {
				t.Errorf("it holds for %v, want %v to %v", held, least, most)
			}
			return held
		}
		held := refused(time.Second, 3*time.Second)
		for range 12 {
			time.Sleep(held)
			base := min(max(2*held, 2*time.Second), 30*time.Second)
			held = refused(base/2, base*3/2)
		}
		if held < 15*time.Second {
			t.Errorf("after twelve refusals it holds for %v", held)
		}
		time.Sleep(held + 61*time.Second)
		held = refused(time.Second, 3*time.Second)
		time.Sleep(held)
		s.err = nil
		mustGet(t, c, s.want())
		if cache.Held(c, s.key) != 0 {
			t.Error("the failure outlives the success")
		}
	})
}

func TestFailureKeepsTheOldAndBacksOff(t *testing.T) {
	for _, fails := range []error{errAway, errDenied} {
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", 12*time.Hour)
			s.err = fails
			due(t, c, s, 40*time.Minute)
			a := mustGet(t, c, s.want())
			expect(t, a, cache.Kept, stamp(s.key, 0))
			if len(a.Warnings) != 1 || !errors.Is(a.Warnings[0], fails) {
				t.Errorf("warnings %v", a.Warnings)
			}
			held := cache.Held(c, s.key)
			if held < 150*time.Second || held > 450*time.Second {
				t.Errorf("back-off of %v", held)
			}
			time.Sleep(held - time.Millisecond)
			a = mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)})
			expect(t, a, cache.Kept, stamp(s.key, 0))
			if len(a.Warnings) != 1 || !strings.HasSuffix(a.Warnings[0].Error(), " ago: "+fails.Error()) {
				t.Errorf("warnings %v", a.Warnings)
			}
			s.err = nil
			time.Sleep(time.Millisecond)
			expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 2))
		})
	}
}

// What is to be made from something that failed, and is not asked again yet, is tried again as soon as that is: chained
// requests do not add up their times. A token that serves meanwhile is left alone for as long as after a failure of its own.
func TestRememberedFailureIsPassedOn(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		source, old := newSource("source", time.Hour), newSource("old", 12*time.Hour)
		role, other := key("role"), key("role of the role")
		source.err = errAway
		from := func(of cache.Key, fetch cache.Fetch) cache.Fetch {
			return func(ctx context.Context, _ bool) (token.Token, error) {
				a, err := c.Get(ctx, cache.Want{Key: of, Fetch: fetch})
				return a.Token, err
			}
		}
		chain := cache.Want{Key: other, Fetch: from(role, from(source.key, source.fetch))}
		if _, err := c.Get(t.Context(), source.want()); !errors.Is(err, errAway) {
			t.Fatal(err)
		}
		time.Sleep(1900 * time.Millisecond) // it holds for 2 seconds
		for range 3 {
			if _, err := c.Get(t.Context(), chain); err == nil || err.Error() != "tried 1s ago: "+errAway.Error() {
				t.Errorf("err = %v", err)
			}
		}
		if held := cache.Held(c, other); held > 0 {
			t.Errorf("it is held for %s more", held)
		}
		due(t, c, old, 40*time.Minute)
		a := mustGet(t, c, cache.Want{Key: old.key, Fetch: from(source.key, never(t))})
		if expect(t, a, cache.Kept, stamp(old.key, 0)); len(a.Warnings) != 1 || strings.Count(a.Warnings[0].Error(), "tried") != 1 || cache.Held(c, old.key) < 10*time.Second {
			t.Errorf("%v, held for %s", a.Warnings, cache.Held(c, old.key))
		}
		source.err = nil
		time.Sleep(200 * time.Millisecond)
		if a := mustGet(t, c, chain); a.Origin != cache.Fresh {
			t.Errorf("%s", a.Origin)
		}
	})
}

func TestPrivateFailuresAreNotShared(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	s.err = errMine
	for n := range 3 {
		if _, err := c.Get(t.Context(), s.want()); !errors.Is(err, errMine) || s.calls.Load() != int32(n+1) {
			t.Fatalf("err = %v, %d calls", err, s.calls.Load())
		}
	}
	// And neither is the failure of a process that was asked to stop.
	s.err = nil
	ctx, cancel := context.WithCancel(t.Context())
	w := s.want()
	w.Fetch = func(ctx context.Context, _ bool) (token.Token, error) {
		cancel()
		return token.Token{}, ctx.Err()
	}
	if _, err := c.Get(ctx, w); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if _, err := os.Lstat(cache.StatePath(c, s.key)); err == nil {
		t.Error("it was shared")
	}
}

func TestStoppedWaiterGivesItsCause(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	held, err := lock.Try(cache.LockPath(c, s.key), lock.Holder{})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	cause := errors.New("asked to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(cause) })
	if _, err := c.Get(ctx, cache.Want{Key: s.key, Fetch: never(t)}); !errors.Is(err, cause) {
		t.Fatalf("err = %v", err)
	}
}

func TestFailureMessagesOfAnyBytesAreShared(t *testing.T) {
	for _, text := range []string{"caf\xe9", strings.Repeat("é", 5000), strings.Repeat("x", 100_000), "<&>\u2028"} {
		c, s := open(t), newSource("dev", time.Hour)
		s.err = classified{text: text, final: true}
		_, _ = c.Get(t.Context(), s.want())
		_, err := c.Get(t.Context(), s.want())
		var f *cache.Failure
		if !errors.As(err, &f) || s.calls.Load() != 1 || len(f.Message) < min(len(text), 4000) {
			t.Errorf("%.20q: %.80v, %d calls", text, err, s.calls.Load())
		}
	}
}

// The holder of the lock may be stopped: what needs no lock does not wait for one.
func TestWaitersTakeWhatAppears(t *testing.T) {
	for _, fails := range []bool{false, true} {
		c, s := open(t), newSource("dev", time.Hour)
		held, err := lock.Try(cache.LockPath(c, s.key), lock.Holder{})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			done := make(chan error)
			start := time.Now()
			go func() {
				_, err := c.Get(t.Context(), cache.Want{Key: s.key, Fetch: never(t)})
				done <- err
			}()
			time.Sleep(3 * time.Second)
			if fails {
				err = cache.SaveFailureAged(c, s.key, cache.Failure{Message: "no"}, 0, time.Minute)
			} else {
				err = c.Store(s.key, tok(s.key, 1, time.Hour), false)
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := <-done; (err != nil) != fails || time.Since(start) > 4*time.Second {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
			// And who comes later does not wait at all.
			start = time.Now()
			_, err := c.Get(t.Context(), cache.Want{Key: s.key, Fetch: never(t)})
			if (err != nil) != fails || time.Since(start) != 0 {
				t.Errorf("after %v: %v", time.Since(start), err)
			}
		})
		held.Release()
	}
}

func TestDeleteIfKeyOnlyWhatWasRefused(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	c.DeleteIfKey(s.key, stamp(s.key, 99))
	c.DeleteIfKey(key("another"), stamp(s.key, 1))
	expect(t, mustGet(t, c, s.want()), cache.Hit, stamp(s.key, 1))
	c.DeleteIfKey(s.key, stamp(s.key, 1))
	expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 2))
}

// What was refused may be in the course of being replaced: the new one must not go.
func TestDeleteIfKeyWaitsForARefresh(t *testing.T) {
	c := open(t)
	s := newSource("dev", time.Hour)
	due(t, c, s, 30*time.Second)
	w, inside := s.want(), make(chan struct{})
	w.Fetch = func(ctx context.Context, _ bool) (token.Token, error) {
		close(inside)
		time.Sleep(50 * time.Millisecond)
		return tok(s.key, 1, time.Hour), nil
	}
	done := make(chan struct{})
	go func() { defer close(done); _, _ = c.Get(t.Context(), w) }()
	<-inside
	c.DeleteIfKey(s.key, stamp(s.key, 0))
	<-done
	expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)}), cache.Hit, stamp(s.key, 1))
}

func TestDelete(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	if err := cache.SaveFailureAged(c, s.key, cache.Failure{Message: "no"}, 0, time.Minute); err != nil {
		t.Fatal(err)
	}
	for range 2 { // twice is no error
		if err := c.Delete(s.key.String()); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := entriesOf(c); len(entries) != 0 || err != nil {
		t.Errorf("%v, %v", entries, err)
	}
	expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 2))
}

// A failure is not held against a call that would go about it with other files or variables, and a
// record that the caller finds to be another's is none.
func TestBasisAndValidity(t *testing.T) {
	c := open(t)
	s := newSource("dev", time.Hour)
	s.err = errDenied
	w := s.want()
	w.Basis = func() string { return "a wrong secret" }
	if _, err := c.Get(t.Context(), w); !errors.Is(err, errDenied) {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), w); err == nil || s.calls.Load() != 1 {
		t.Fatalf("%v, %d calls", err, s.calls.Load())
	}
	s.err = nil
	w.Basis = func() string { return "the right secret" }
	expect(t, mustGet(t, c, w), cache.Fresh, stamp(s.key, 2))
	w.Valid = func(r *cache.Record) string {
		if r.Token.Credentials.AccessKeyID == stamp(s.key, 2) {
			return "another's"
		}
		return ""
	}
	expect(t, mustGet(t, c, w), cache.Fresh, stamp(s.key, 3))
	expect(t, mustGet(t, c, w), cache.Hit, stamp(s.key, 3))
	// Neither is it kept where the refresh fails.
	s.err = errAway
	w.Valid = func(*cache.Record) string { return "another's" }
	if a, err := c.Get(t.Context(), w); !errors.Is(err, errAway) {
		t.Errorf("%+v, %v", a, err)
	}
}
