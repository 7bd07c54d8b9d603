package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/record"
)

// steadyClocks has the cache believe what the wall clock says of old files.
func steadyClocks(t *testing.T, c *cache.Cache) {
	t.Helper()
	since := record.Now()
	since.Wall, since.Boot = since.Wall.Add(-2*time.Hour), since.Boot-2*time.Hour
	if err := cache.SteadySince(c, since); err != nil {
		t.Fatal(err)
	}
}

// What is swept has ended by both clocks. The wall clock of this table is days ahead of the
// files' times, which is what makes them look old.
func TestSweepGoesByBothClocks(t *testing.T) {
	boot, id := bootClock(t)
	boot += 1000 * time.Hour // as if the machine ran for long
	real := time.Now().Round(0)
	const ahead = 72 * time.Hour
	for _, tt := range []struct {
		name    string
		life    time.Duration
		passed  time.Duration // since it was stored, by the boot clock
		reboot  time.Duration // how long ago, 0 for none
		gone    bool          // the record
		states  bool          // what is no record is gone
		healthy time.Duration // how long both clocks have run alike
	}{
		{name: "three days ahead", life: time.Hour, passed: time.Minute},
		{name: "three days ahead, ended by the boot clock", life: time.Hour, passed: 61 * time.Minute, gone: true},
		{name: "three days ahead after a reboot", life: 12 * time.Hour, passed: time.Hour, reboot: time.Minute},
		{name: "three days ahead, the boot lasted longer than the token", life: time.Hour, passed: 3 * time.Hour, reboot: 2 * time.Hour, gone: true},
		{name: "three days passed", life: 36 * time.Hour, passed: 72 * time.Hour, healthy: 72 * time.Hour, gone: true, states: true},
		{name: "three days passed, the clocks alike for minutes", life: 36 * time.Hour, passed: 72 * time.Hour, healthy: 10 * time.Minute, gone: true},
		{name: "three days passed, switched off", life: 36 * time.Hour, passed: time.Hour, reboot: 30 * time.Minute, healthy: 30 * time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, s := open(t), newSource("dev", time.Hour)
			issued := record.Moment{Wall: real, Boot: boot - tt.passed, BootID: id}
			now := record.Moment{Wall: real.Add(ahead), Boot: boot, BootID: id}
			if tt.reboot > 0 {
				now.Boot, now.BootID = tt.reboot, "another boot"
			}
			token := tok(s.key, 0, 0)
			token.Credentials.Expires = real.Add(tt.life)
			if err := cache.StoreAt(c, s.key, token, issued.Wall, issued.Boot, issued.BootID); err != nil {
				t.Fatal(err)
			}
			state := filepath.Join(c.Path(), "v1", "mfa-device.state")
			write(t, state, []byte("x"))
			since := now
			since.Wall, since.Boot = now.Wall.Add(-tt.healthy), now.Boot-tt.healthy
			if err := cache.SteadySince(c, since); err != nil {
				t.Fatal(err)
			}
			cache.SweepAt(c, now)
			if gone := !exists(cache.RecordPath(c, s.key)); gone != tt.gone {
				t.Errorf("the record is gone: %v", gone)
			}
			if gone := !exists(state); gone != tt.states {
				t.Errorf("the state is gone: %v", gone)
			}
		})
	}
}

// A jump of the wall clock has the clocks compared anew: for an hour nothing is swept that does
// not say itself when it ended.
func TestSweepAfterAJump(t *testing.T) {
	boot, id := bootClock(t)
	c := open(t)
	now := record.Moment{Wall: time.Now().Round(0), Boot: boot + 1000*time.Hour, BootID: id}
	state := filepath.Join(c.Path(), "v1", "mfa-device.state")
	write(t, state, []byte("x"))
	sweep := func(wall, boot time.Duration) {
		t.Helper()
		if err := cache.BackdateSweep(c); err != nil {
			t.Fatal(err)
		}
		now.Wall, now.Boot = now.Wall.Add(wall), now.Boot+boot
		cache.SweepAt(c, now)
	}
	sweep(0, 0)
	sweep(2*time.Hour, 2*time.Hour)
	sweep(72*time.Hour, time.Minute) // ahead
	sweep(30*time.Minute, 30*time.Minute)
	if !exists(state) {
		t.Fatal("swept by a clock that jumped")
	}
	sweep(-72*time.Hour, 0) // set right
	old := now.Wall.Add(-49 * time.Hour)
	if err := os.Chtimes(state, old, old); err != nil {
		t.Fatal(err)
	}
	sweep(time.Minute, time.Minute)
	if !exists(state) {
		t.Fatal("swept by a clock that was set a minute ago")
	}
	sweep(time.Hour, time.Hour)
	if exists(state) {
		t.Error("never swept")
	}
}
