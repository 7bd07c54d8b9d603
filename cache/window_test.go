package cache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/token"
)

func TestAdvisoryWindowByLifetime(t *testing.T) {
	for _, tt := range []struct{ life, want time.Duration }{
		{time.Minute, 20 * time.Second},
		{9 * time.Minute, 3 * time.Minute},
		{10 * time.Minute, 200 * time.Second},
		{15 * time.Minute, 5 * time.Minute},
		{20 * time.Minute, 5 * time.Minute},
		{20*time.Minute + time.Second, 15 * time.Minute},
		{39 * time.Minute, 15 * time.Minute},
		{40*time.Minute - time.Second, 15 * time.Minute},
		{40 * time.Minute, 20 * time.Minute},
		{89 * time.Minute, 20 * time.Minute},
		{90*time.Minute - time.Second, 20 * time.Minute},
		{90 * time.Minute, time.Hour},
		{12 * time.Hour, time.Hour},
		{36 * time.Hour, time.Hour},
	} {
		if got := cache.AdvisoryWindow(tt.life); got != tt.want {
			t.Errorf("life %v: window %v, want %v", tt.life, got, tt.want)
		}
		var least, most time.Duration = tt.life, 0
		for range 2000 {
			w := cache.Jittered(tt.life)
			least, most = min(least, w), max(most, w)
		}
		if least < tt.want*9/10-time.Second || most > tt.want || least == most {
			t.Errorf("life %v: jitter from %v to %v, want within a tenth below %v", tt.life, least, most, tt.want)
		}
	}
}

// botocore and the .NET SDK run the helper on every use of what has less than 15 minutes
// left: where the life allows, no caller must see that.
func TestWindowsStayAboveWhatSDKsStormOn(t *testing.T) {
	for life := 40 * time.Minute; life <= 36*time.Hour; life += 7 * time.Minute {
		for range 50 {
			if w := cache.Jittered(life); w < 15*time.Minute {
				t.Fatalf("life %v: window %v", life, w)
			}
		}
	}
}

func TestBackoffIsBounded(t *testing.T) {
	for _, rem := range []time.Duration{11 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute, time.Hour, 12 * time.Hour} {
		for range 1000 {
			b := cache.Backoff(rem, cache.HardFloor)
			if b > rem-cache.HardFloor || b > 3*cache.BackoffMost/2 {
				t.Fatalf("%v left: back-off of %v", rem, b)
			}
			if rem > time.Minute && b < cache.BackoffLeast/2 {
				t.Fatalf("%v left: back-off of only %v", rem, b)
			}
		}
	}
}

// The window is drawn once: a record is not due for one process and fresh for another.
func TestWindowIsFixedPerRecord(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	r, err := c.Load(s.key)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		again, err := c.Load(s.key)
		if err != nil || again.Advisory != r.Advisory {
			t.Fatalf("window %v, then %v, %v", r.Advisory, again.Advisory, err)
		}
	}
	if most := cache.AdvisoryWindow(time.Hour); r.Advisory > most || r.Advisory < most*9/10-time.Second {
		t.Errorf("window %v", r.Advisory)
	}
}

// A whole life in the bubble's time, second by second around every border: fresh until the
// window, refreshed in it by the first who asks.
func TestBordersOfTheWindows(t *testing.T) {
	for _, life := range []time.Duration{15 * time.Minute, 20 * time.Minute, 39 * time.Minute, 40 * time.Minute, 89 * time.Minute, 90 * time.Minute, 12 * time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			c := open(t)
			synctest.Test(t, func(t *testing.T) {
				s := newSource("dev", life)
				expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 1))
				r, err := c.Load(s.key)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(life - r.Advisory - time.Second)
				expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)}), cache.Hit, stamp(s.key, 1))
				time.Sleep(time.Second)
				expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 2))
				if !s.advisory.Load() {
					t.Error("the source was not given that the old token still serves")
				}
				// Again to the window's end, with a source that is away: kept, but not when
				// less than the floor is left.
				s.err = errAway
				time.Sleep(life - cache.Mandatory)
				expect(t, mustGet(t, c, s.want()), cache.Kept, stamp(s.key, 2))
				if s.advisory.Load() {
					t.Error("the source was given that there is time, and there is none")
				}
				time.Sleep(cache.Mandatory - cache.HardFloor - time.Second)
				expect(t, mustGet(t, c, s.want()), cache.Kept, stamp(s.key, 2))
				time.Sleep(time.Second)
				if a, err := c.Get(t.Context(), s.want()); err == nil {
					t.Fatalf("handed out with %v left", a.Token.Remaining(time.Now()))
				}
			})
		})
	}
}

// Lives of seconds, as GetScopedCredentials gives them: what is handed out and what must be refreshed are
// shares of the life.
func TestLivesOfSeconds(t *testing.T) {
	for _, tt := range []struct{ life, floor, mandatory time.Duration }{
		{time.Second, 250 * time.Millisecond, 500 * time.Millisecond},
		{4 * time.Second, time.Second, 2 * time.Second},
		{20 * time.Second, 5 * time.Second, 10 * time.Second},
		{40 * time.Second, 10 * time.Second, 20 * time.Second},
		{time.Minute, 10 * time.Second, 30 * time.Second},
		{2 * time.Minute, 10 * time.Second, time.Minute},
		{15 * time.Minute, 10 * time.Second, time.Minute},
		{36 * time.Hour, 10 * time.Second, time.Minute},
	} {
		if floor, mandatory := cache.FloorOf(tt.life), cache.MandatoryOf(tt.life); floor != tt.floor || mandatory != tt.mandatory {
			t.Errorf("life %v: floor %v, mandatory %v, want %v, %v", tt.life, floor, mandatory, tt.floor, tt.mandatory)
		}
		if tt.life%(4*time.Second) != 0 || tt.life > 2*time.Minute {
			continue // times on the disk are whole seconds
		}
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", tt.life)
			s.operation = token.GetScopedCredentials
			expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 1))
			time.Sleep(tt.life - tt.mandatory - time.Second)
			expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)}), cache.Hit, stamp(s.key, 1))
			time.Sleep(time.Second)
			expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 2))
			if s.advisory.Load() {
				t.Errorf("life %v: the source was given that there is time, and there is none", tt.life)
			}
			s.err = errAway
			time.Sleep(tt.life - tt.floor - time.Second)
			expect(t, mustGet(t, c, s.want()), cache.Kept, stamp(s.key, 2))
			time.Sleep(time.Second)
			if a, err := c.Get(t.Context(), s.want()); err == nil {
				t.Errorf("life %v: handed out with %v left", tt.life, a.Token.Remaining(time.Now()))
			}
		})
	}
}

// Whatever fails and however often: a source that is back serves within 5 seconds of its
// return once nothing valid is left, and a token is never handed out below the floor.
func TestServiceIsBackWithin5Seconds(t *testing.T) {
	for _, failure := range []error{errAway, errDenied} {
		c := open(t)
		synctest.Test(t, func(t *testing.T) {
			s := newSource("dev", 15*time.Minute)
			mustGet(t, c, s.want())
			s.err = failure
			for {
				a, err := c.Get(t.Context(), s.want())
				if err != nil {
					break
				}
				if a.Token.Remaining(time.Now()) <= cache.HardFloor {
					t.Fatal("handed out below the floor")
				}
				time.Sleep(time.Second)
			}
			s.err = nil
			for range 5 {
				time.Sleep(time.Second)
				if _, err := c.Get(t.Context(), s.want()); err == nil {
					return
				}
			}
			t.Errorf("%v: still failing 5 s after the source came back", failure)
		})
	}
}

// In an outage one attempt an interval is made, however many ask.
func TestOutageIsNotHammered(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		s := newSource("dev", 12*time.Hour)
		mustGet(t, c, s.want())
		s.err = errAway
		time.Sleep(11*time.Hour + 7*time.Minute) // past the shortest window
		for range 52 * 60 {
			expect(t, mustGet(t, c, s.want()), cache.Kept, stamp(s.key, 1))
			time.Sleep(time.Second)
		}
		// At least 7.5 s and at most 450 s between two.
		if n := s.calls.Load() - 1; n < 8 || n > 90 {
			t.Errorf("the source was asked %d times in 52 minutes", n)
		}
	})
}

func TestAnswersThatAreOverCountAsFailures(t *testing.T) {
	for _, life := range []time.Duration{-12 * time.Hour, -time.Second, 0, time.Second, cache.HardFloor, cache.Mandatory} {
		c, s := open(t), newSource("dev", life)
		if a, err := c.Get(t.Context(), s.want()); err == nil {
			t.Errorf("a token with %v left was handed out as %s", life, a.Origin)
		}
		if _, err := c.Load(s.key); err == nil {
			t.Errorf("a token with %v left was stored", life)
		}
		if cache.Held(c, s.key) != cache.FailureHeldPassing {
			t.Errorf("%v: the failure holds %v", life, cache.Held(c, s.key))
		}
	}
	for name, bad := range map[string]func(*token.Token){
		"empty":     func(x *token.Token) { *x = token.Token{} },
		"no secret": func(x *token.Token) { x.Credentials.SecretAccessKey = "" },
		"odd key":   func(x *token.Token) { x.Credentials.AccessKeyID += "\n" },
		"no end":    func(x *token.Token) { x.Credentials.CanExpire = false },
	} {
		c, k := open(t), key("dev")
		a, err := c.Get(t.Context(), cache.Want{Key: k, Fetch: func(context.Context, bool) (token.Token, error) {
			x := tok(k, 1, time.Hour)
			bad(&x)
			return x, nil
		}})
		if !errors.Is(err, token.ErrIncomplete) || a.Origin != "" {
			t.Errorf("%s: %v, %v", name, a.Origin, err)
		}
	}
}
