package cache_test

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// bootClock is the boot clock, on systems that have one.
func bootClock(t testing.TB) (time.Duration, string) {
	t.Helper()
	boot, id := cache.BootClock()
	if id == "" {
		if runtime.GOOS == "linux" && os.Getenv("CI") != "" {
			t.Fatal("there is no boot clock")
		}
		t.Skip("there is no boot clock")
	}
	return boot, id
}

// A clock that was set back makes nothing live longer: the boot clock went on.
func TestClockSetBack(t *testing.T) {
	boot, id := bootClock(t)
	now := time.Now().Round(0)
	for _, tt := range []struct {
		name       string
		life, aged time.Duration // by the boot clock
		back       time.Duration // how far the wall clock was set back since it was issued
		want       cache.Origin
	}{
		{"fresh", time.Hour, time.Minute, 4 * time.Minute, cache.Hit},
		{"over by the boot clock", time.Hour, 61 * time.Minute, 30 * time.Minute, cache.Fresh},
		{"below the floor by the boot clock", time.Hour, time.Hour - 9*time.Second, 30 * time.Minute, cache.Fresh},
		{"due by the boot clock", time.Hour, 43 * time.Minute, 30 * time.Minute, cache.Fresh},
		{"set back before its issue", time.Hour, time.Minute, 10 * time.Minute, cache.Hit},
		{"set back far before its issue", time.Hour, time.Minute, 10 * 365 * 24 * time.Hour, cache.Hit},
		{"set back before its issue, over by the boot clock", time.Hour, 61 * time.Minute, 10 * 365 * 24 * time.Hour, cache.Fresh},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := open(t), newSource("dev", time.Hour)
			issued := now.Add(tt.back - tt.aged)
			token := tok(s.key, 0, 0)
			token.Credentials.Expires = issued.Add(tt.life)
			if err := cache.StoreAt(c, s.key, token, issued, boot-tt.aged, id); err != nil {
				t.Fatal(err)
			}
			if a := mustGet(t, c, s.want()); a.Origin != tt.want {
				t.Errorf("%s", a.Origin)
			}
			expect(t, mustGet(t, c, s.want()), cache.Hit, stamp(s.key, int(s.calls.Load())))
		})
	}
}

// A clock that was set forward ends tokens early, whatever the boot clock says.
func TestClockSetForward(t *testing.T) {
	boot, id := cache.BootClock()
	c, s := open(t), newSource("dev", time.Hour)
	issued := time.Now().Add(-2 * time.Hour)
	token := tok(s.key, 0, -time.Hour)
	if err := cache.StoreAt(c, s.key, token, issued, boot-time.Second, id); err != nil {
		t.Fatal(err)
	}
	expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 1))
}

// Another boot's boot clock says nothing.
func TestRecordOfAnotherBoot(t *testing.T) {
	for _, boot := range []time.Duration{0, time.Second, 1 << 60} {
		c, s := open(t), newSource("dev", time.Hour)
		if err := cache.StoreAt(c, s.key, tok(s.key, 0, 50*time.Minute), time.Now().Add(-10*time.Minute), boot, "another boot"); err != nil {
			t.Fatal(err)
		}
		expect(t, mustGet(t, c, s.want()), cache.Hit, stamp(s.key, 0))
	}
}

// A failure noted under a clock that was wrong holds no caller back, be it from before a reboot or
// from a system without boot clock.
func TestFailureFromTheFutureHoldsNoProcess(t *testing.T) {
	boot, _ := cache.BootClock()
	for name, at := range map[string]struct {
		ahead time.Duration
		boot  time.Duration
		id    string
	}{
		"another boot, an hour ahead": {time.Hour, boot, "another boot"},
		"no boot clock":               {time.Hour, 0, ""},
		"a second ahead":              {time.Second, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, renew := range []bool{false, true} {
				c, s := open(t), newSource("dev", time.Hour)
				if err := cache.SaveFailure(c, s.key, cache.Failure{Message: "no"}, time.Now().Add(at.ahead), at.boot, at.id, 5*time.Minute); err != nil {
					t.Fatal(err)
				}
				w := s.want()
				w.Renew = renew
				if a, err := c.Get(t.Context(), w); err != nil || a.Origin != cache.Fresh {
					t.Errorf("renew %v: %v, %v", renew, a.Origin, err)
				}
			}
		})
	}
}

// While the boot runs, a wall clock set back or forward does not change how long a failure
// holds at most.
func TestHeldFailureUnderAWallClockThatJumps(t *testing.T) {
	boot, id := bootClock(t)
	for _, tt := range []struct {
		wall, boot time.Duration // how long ago, by each clock
		holds      bool
	}{
		{-time.Hour, time.Second, true}, // set back by an hour
		{-time.Hour, 3 * time.Minute, false},
		{time.Hour, time.Second, false}, // set forward: asks early
		{time.Second, time.Second, true},
	} {
		c, s := open(t), newSource("dev", time.Hour)
		if err := cache.SaveFailure(c, s.key, cache.Failure{Message: "no", Kind: "k"}, time.Now().Add(-tt.wall), boot-tt.boot, id, 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		_, err := c.Get(t.Context(), s.want())
		var f *cache.Failure
		if errors.As(err, &f) != tt.holds || (s.calls.Load() == 0) != tt.holds {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A login after the clock was set back is not answered with the old token.
func TestRenewWithARecordFromTheFuture(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	if err := cache.StoreAt(c, s.key, tok(s.key, 0, time.Hour), time.Now().Add(5*time.Minute-time.Second), 0, "another boot"); err != nil {
		t.Fatal(err)
	}
	w := s.want()
	w.Renew = true
	expect(t, mustGet(t, c, w), cache.Fresh, stamp(s.key, 1))
}
