package mfa_test

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
	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

const deviceSerial = "arn:aws:iam::123456789012:mfa/alice"

func openCache(t testing.TB) *cache.Cache {
	t.Helper()
	c, err := cache.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func writeFile(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// file is a document with the right checksum.
func file(t testing.TB, doc string) []byte {
	t.Helper()
	data, err := envelope.EncodeFile([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func device(t testing.TB, c *cache.Cache) *mfa.Device {
	t.Helper()
	d, err := mfa.OpenDevice(t.Context(), c, deviceSerial, lock.Holder{Purpose: "a code", Asking: true}, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDeviceIsOneProcessAtATime(t *testing.T) {
	c := openCache(t)
	synctest.Test(t, func(t *testing.T) {
		d := device(t, c)
		start := time.Now()
		_, err := mfa.OpenDevice(t.Context(), c, deviceSerial, lock.Holder{}, 9*time.Second)
		var held *cache.HeldError
		if !errors.As(err, &held) || held.Holder.Purpose != "a code" || time.Since(start) != 9*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		other, err := mfa.OpenDevice(t.Context(), c, deviceSerial+"2", lock.Holder{}, time.Second)
		if err != nil {
			t.Fatalf("another device: %v", err)
		}
		other.Release()
		d.Release()
		device(t, c).Release()
	})
}

// A code is sent once, whichever process asks next.
func TestUsedStepIsRemembered(t *testing.T) {
	t.Parallel()
	c := openCache(t)
	d := device(t, c)
	if d.LastStep() != 0 {
		t.Fatalf("last step %d", d.LastStep())
	}
	if err := d.MarkUsed(58_000_000); err != nil {
		t.Fatal(err)
	}
	d.Release()
	d = device(t, c)
	if d.LastStep() != 58_000_000 {
		t.Fatalf("last step %d", d.LastStep())
	}
	d.UnmarkUsed(57_999_999) // the code was wrong: the step's right one is still good
	d.Release()
	d = device(t, c)
	defer d.Release()
	if d.LastStep() != 57_999_999 {
		t.Fatalf("last step %d", d.LastStep())
	}
}

// A code that was sent is known again for as long as AWS could take it for a new one.
func TestSentCodeIsKnownAgain(t *testing.T) {
	c := openCache(t)
	synctest.Test(t, func(t *testing.T) {
		d := device(t, c)
		if d.WasSent("123456") || d.WasSent("") {
			t.Error("known before it was sent")
		}
		d.Remember("123456")
		if err := d.MarkUsed(1); err != nil {
			t.Fatal(err)
		}
		d.Release()
		d = device(t, c)
		if !d.WasSent("123456") {
			t.Error("not known to the next process")
		}
		suspected := 0
		for n := range 20_000 {
			if d.WasSent(fmt.Sprintf("%06d", 200_000+n)) {
				suspected++
			}
		}
		if suspected < 5 || suspected > 60 {
			t.Errorf("%d of 20,000 other codes are suspected, want about 20", suspected)
		}
		states, err := filepath.Glob(filepath.Join(c.Path(), "v1", "mfa-*.state"))
		if err != nil || len(states) != 1 || strings.Contains(string(readFile(t, states[0])), "123456") {
			t.Errorf("the code is on disk: %v, %v", states, err)
		}
		time.Sleep(2 * time.Minute)
		if !d.WasSent("123456") {
			t.Error("not known after 2 minutes")
		}
		time.Sleep(time.Minute)
		if d.WasSent("123456") {
			t.Error("still known after 3 minutes")
		}
		d.Remember("654321")
		d.Unremember()
		if d.WasSent("654321") {
			t.Error("known although it was not sent")
		}
		d.Release()
	})
}

func TestMarkUsedSaysWhenItIsNotOnDisk(t *testing.T) {
	t.Parallel()
	c := openCache(t)
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
	if d.MarkUsed(1) == nil {
		t.Error("no error")
	}
	if temps, _ := filepath.Glob(filepath.Join(c.Path(), "v1", safefile.TempPrefix+"*")); len(temps) > 0 {
		t.Errorf("left behind: %v", temps)
	}
}

func TestThreeRefusedCodesStartTheCooldown(t *testing.T) {
	c := openCache(t)
	synctest.Test(t, func(t *testing.T) {
		again := func(d *mfa.Device) *mfa.Device { d.Release(); return device(t, c) }
		d := device(t, c)
		for n := range 3 {
			if d.CooldownLeft() != 0 {
				t.Fatalf("cooldown after %d", n)
			}
			d.Refused()
			d = again(d)
			time.Sleep(time.Second)
		}
		if got := d.CooldownLeft(); got != 5*time.Minute-time.Second {
			t.Fatalf("cooldown for %v", got)
		}
		time.Sleep(5*time.Minute - 2*time.Second)
		if d.CooldownLeft() != time.Second {
			t.Fatalf("cooldown for %v", d.CooldownLeft())
		}
		time.Sleep(time.Second + 1)
		if d = again(d); d.CooldownLeft() != 0 {
			t.Fatalf("cooldown for %v", d.CooldownLeft())
		}
		// Old ones do not count any more, and a right one clears the slate.
		d.Refused()
		d.Refused()
		d.Accepted()
		d = again(d)
		d.Refused()
		d.Refused()
		if d = again(d); d.CooldownLeft() != 0 {
			t.Fatal("cooldown by codes refused before an accepted one")
		}
		time.Sleep(6 * time.Minute)
		d.Refused()
		if d.CooldownLeft() != 0 {
			t.Fatal("cooldown by codes refused long ago")
		}
		d.Release()
	})
}

// What is on disk for the device is not believed blindly.
func TestDamagedDeviceState(t *testing.T) {
	t.Parallel()
	c := openCache(t)
	d := device(t, c)
	if err := d.MarkUsed(7); err != nil {
		t.Fatal(err)
	}
	d.Release()
	states, _ := filepath.Glob(filepath.Join(c.Path(), "v1", "mfa-*.state"))
	if len(states) != 1 {
		t.Fatal(states)
	}
	good := readFile(t, states[0])
	for name, bad := range map[string][]byte{
		"empty": {}, "cut": good[:len(good)-1], "longer": append(good[:len(good):len(good)], ' '),
		"unknown member": file(t, `{"version":1,"last_step":9,"mark":0,"mark_step":0,"strikes":9,"struck_at":"2026-01-01T00:00:00Z","x":1}`),
		"other version":  file(t, `{"version":2,"last_step":9,"mark":0,"mark_step":0,"strikes":9,"struck_at":"2026-01-01T00:00:00Z"}`),
	} {
		writeFile(t, states[0], bad)
		d := device(t, c)
		if d.LastStep() != 0 || d.CooldownLeft() != 0 {
			t.Errorf("%s: last step %d, cooldown %v", name, d.LastStep(), d.CooldownLeft())
		}
		d.Release()
	}
	writeFile(t, states[0], good)
	if d := device(t, c); d.LastStep() != 7 {
		t.Error("the undamaged state is not read")
	} else {
		d.Release()
	}
}

// Without a cache a device remembers what was sent for itself.
func TestMemoryDevice(t *testing.T) {
	t.Parallel()
	d := mfa.MemoryDevice()
	defer d.Release()
	d.Remember("123456")
	if err := d.MarkUsed(7); err != nil || !d.WasSent("123456") || d.WasSent("654321") || d.LastStep() != 7 {
		t.Errorf("%v, last step %d", err, d.LastStep())
	}
	d.UnmarkUsed(0)
	d.Refused()
	if !d.WasSent("123456") || d.LastStep() != 0 || d.CooldownLeft() != 0 {
		t.Error("a refused code would be sent again, or its step's right one not at all")
	}
	d.Accepted()
}

// One process looks for the device, the others find what it found; what is not known to AWS is
// looked for anew.
func TestFindSerial(t *testing.T) {
	t.Parallel()
	c := openCache(t)
	const key = "AKIAIOSFODNN7EXAMPLE"
	calls := 0
	find := func() (string, error) { calls++; return deviceSerial, nil }
	for range 2 {
		if got, err := mfa.FindSerial(t.Context(), c, key, find); got != deviceSerial || err != nil || calls != 1 {
			t.Fatalf("%q, %v after %d calls", got, err, calls)
		}
	}
	if mfa.KnownSerial(c, key) != deviceSerial || mfa.KnownSerial(c, key+"X") != "" {
		t.Error("it is not known, or to another key")
	}
	if data := readFile(t, mfa.SerialPath(c, key)); !strings.Contains(string(data), deviceSerial) {
		t.Errorf("its file is %q", data)
	}
	mfa.DeleteSerial(c, key)
	failed := errors.New("no answer")
	if _, err := mfa.FindSerial(t.Context(), c, key, func() (string, error) { return "", failed }); !errors.Is(err, failed) || mfa.KnownSerial(c, key) != "" {
		t.Errorf("%v, and it is remembered as %q", err, mfa.KnownSerial(c, key))
	}
	writeFile(t, mfa.SerialPath(c, key), file(t, `{"version":2,"access_key_id":"`+key+`","serial_number":"x"}`))
	if mfa.KnownSerial(c, key) != "" {
		t.Error("another version is believed")
	}
}
