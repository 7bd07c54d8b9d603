package cache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
)

const serial = "arn:aws:iam::123456789012:mfa/alice"

func device(t testing.TB, c *cache.Cache) *cache.Device {
	t.Helper()
	d, err := c.Device(t.Context(), serial, lock.Holder{Purpose: "a code", Asking: true}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeviceIsOneProcessAtATime(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		d := device(t, c)
		start := time.Now()
		_, err := c.Device(t.Context(), serial, lock.Holder{}, 9*time.Second)
		var held *cache.HeldError
		if !errors.As(err, &held) || held.Holder.Purpose != "a code" || time.Since(start) != 9*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		other, err := c.Device(t.Context(), serial+"2", lock.Holder{}, time.Second)
		if err != nil {
			t.Fatalf("another device: %v", err)
		}
		other.Release()
		d.Release()
		device(t, c).Release()
	})
}

// A code is sent once, whoever asks next.
func TestSpentStepIsRemembered(t *testing.T) {
	c := open(t)
	d := device(t, c)
	if d.LastStep() != 0 {
		t.Fatalf("last step %d", d.LastStep())
	}
	if err := d.Spend(58_000_000); err != nil {
		t.Fatal(err)
	}
	d.Release()
	d = device(t, c)
	if d.LastStep() != 58_000_000 {
		t.Fatalf("last step %d", d.LastStep())
	}
	d.Unspend(57_999_999) // the code was wrong: the step's right one is still good
	d.Release()
	d = device(t, c)
	defer d.Release()
	if d.LastStep() != 57_999_999 {
		t.Fatalf("last step %d", d.LastStep())
	}
}

// A code that was sent is known again for as long as AWS could take it for a new one.
func TestSentCodeIsKnownAgain(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		d := device(t, c)
		if d.Sent("123456") || d.Sent("") {
			t.Error("known before it was sent")
		}
		d.Note("123456")
		if err := d.Spend(1); err != nil {
			t.Fatal(err)
		}
		d.Release()
		d = device(t, c)
		if !d.Sent("123456") {
			t.Error("not known to the next process")
		}
		suspected := 0
		for n := range 20_000 {
			if d.Sent(fmt.Sprintf("%06d", 200_000+n)) {
				suspected++
			}
		}
		if suspected < 5 || suspected > 60 {
			t.Errorf("%d of 20,000 other codes are suspected, want about 20", suspected)
		}
		states, err := filepath.Glob(filepath.Join(c.Path(), "v1", "mfa-*.state"))
		if err != nil || len(states) != 1 || strings.Contains(string(read(t, states[0])), "123456") {
			t.Errorf("the code is on disk: %v, %v", states, err)
		}
		time.Sleep(2 * time.Minute)
		if !d.Sent("123456") {
			t.Error("not known after 2 minutes")
		}
		time.Sleep(time.Minute)
		if d.Sent("123456") {
			t.Error("still known after 3 minutes")
		}
		d.Note("654321")
		d.Forget()
		if d.Sent("654321") {
			t.Error("known although it was not sent")
		}
		d.Release()
	})
}

func TestSpendSaysWhenItIsNotOnDisk(t *testing.T) {
	c := open(t)
	d := device(t, c)
	defer d.Release()
	// A full directory of that name cannot be replaced by the state.
	states, err := filepath.Glob(filepath.Join(c.Path(), "v1", "mfa-*"))
	if err != nil || len(states) != 0 {
		t.Fatal(states, err)
	}
	locks, err := filepath.Glob(filepath.Join(c.Path(), "locks", "mfa-*.lock"))
	if err != nil || len(locks) != 1 {
		t.Fatal(locks, err)
	}
	name := filepath.Base(locks[0])
	name = name[:len(name)-len(".lock")]
	if err := os.MkdirAll(filepath.Join(c.Path(), "v1", name+".state", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if d.Spend(1) == nil {
		t.Error("no error")
	}
	if temps := cache.Temps(c); len(temps) > 0 {
		t.Errorf("left behind: %v", temps)
	}
}

func TestThreeRefusedCodesBarTheDevice(t *testing.T) {
	c := open(t)
	synctest.Test(t, func(t *testing.T) {
		again := func(d *cache.Device) *cache.Device { d.Release(); return device(t, c) }
		d := device(t, c)
		for n := range 3 {
			if d.Barred() != 0 {
				t.Fatalf("barred after %d", n)
			}
			d.Refused()
			d = again(d)
			time.Sleep(time.Second)
		}
		if got := d.Barred(); got != 5*time.Minute-time.Second {
			t.Fatalf("barred for %v", got)
		}
		time.Sleep(5*time.Minute - 2*time.Second)
		if d.Barred() != time.Second {
			t.Fatalf("barred for %v", d.Barred())
		}
		time.Sleep(time.Second + 1)
		if d = again(d); d.Barred() != 0 {
			t.Fatalf("barred for %v", d.Barred())
		}
		// Old ones do not count any more, and a right one clears the slate.
		d.Refused()
		d.Refused()
		d.Accepted()
		d = again(d)
		d.Refused()
		d.Refused()
		if d = again(d); d.Barred() != 0 {
			t.Fatal("barred by codes refused before an accepted one")
		}
		time.Sleep(6 * time.Minute)
		d.Refused()
		if d.Barred() != 0 {
			t.Fatal("barred by codes refused long ago")
		}
		d.Release()
	})
}

// What is on disk for the device is not believed blindly.
func TestDamagedDeviceState(t *testing.T) {
	c := open(t)
	d := device(t, c)
	if err := d.Spend(7); err != nil {
		t.Fatal(err)
	}
	d.Release()
	states, _ := filepath.Glob(filepath.Join(c.Path(), "v1", "mfa-*.state"))
	if len(states) != 1 {
		t.Fatal(states)
	}
	good := read(t, states[0])
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "longer": append(good[:len(good):len(good)], ' '),
		"unknown member": cache.SealDocument([]byte(`{"version":1,"last_step":9,"mark":0,"mark_step":0,"strikes":9,"struck_at":"2026-01-01T00:00:00Z","x":1}`)),
		"other version":  cache.SealDocument([]byte(`{"version":2,"last_step":9,"mark":0,"mark_step":0,"strikes":9,"struck_at":"2026-01-01T00:00:00Z"}`)),
	} {
		write(t, states[0], bad)
		d := device(t, c)
		if d.LastStep() != 0 || d.Barred() != 0 {
			t.Errorf("%s: last step %d, barred %v", name, d.LastStep(), d.Barred())
		}
		d.Release()
	}
	write(t, states[0], good)
	if d := device(t, c); d.LastStep() != 7 {
		t.Error("the undamaged state is not read")
	} else {
		d.Release()
	}
}
