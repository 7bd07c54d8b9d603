package mfa

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/lock"
)

// The rules about wrong codes: after maxFailures of them within failureWindow no code is asked
// for during the cooldown, so that no loop locks a device out at AWS. A login lifts it.
const (
	maxFailures   = 3
	failureWindow = 5 * time.Minute
	cooldown      = 5 * time.Minute
)

// Device is an MFA device whose lock this process holds: no other process on this machine asks
// for a code of it meanwhile. It remembers which time step's code was sent last, since AWS
// takes each code once, and how often one was refused. It never stores a code: of the last one
// it keeps ten bits of a digest, enough to know it again and too little to find it out.
type Device struct {
	cache *cache.Cache // nil where there is none: then it remembers for itself alone
	held  *lock.Held
	name  string
	state deviceFile
}

type deviceFile struct {
	Version  int       `json:"version"`
	LastStep int64     `json:"last_step"` // of the last code that was sent; 0 for none
	Mark     uint16    `json:"mark"`      // of the last code that was sent, see mark
	MarkStep int64     `json:"mark_step"` // when that was; 0 for never
	Failures int       `json:"strikes"`
	FailedAt time.Time `json:"struck_at"`
}

// OpenDevice waits for the lock of the MFA device with the given serial number, in c. It is
// always taken after a key's lock. Errors are those of [cache.Cache.LockState].
func OpenDevice(ctx context.Context, c *cache.Cache, serial string, who lock.Holder, wait time.Duration) (*Device, error) {
	name := deviceName(serial)
	held, err := c.LockState(ctx, name, who, wait)
	if err != nil {
		return nil, err
	}
	d := &Device{cache: c, name: name, held: held}
	d.load()
	return d, nil
}

// UnlockedDevice is the device without its lock, for a caller that has waited long enough for a
// process that has it and may be stopped. Two codes may then be sent at the same time.
func UnlockedDevice(c *cache.Cache, serial string) *Device {
	d := &Device{cache: c, name: deviceName(serial)}
	d.load()
	return d
}

func deviceName(serial string) string {
	sum := sha256.Sum256([]byte("sts-helper/mfa/1\n" + serial))
	return "mfa-" + hex.EncodeToString(sum[:])
}

func (d *Device) load() {
	if !d.cache.ReadState(d.name, &d.state) || d.state.Version != record.Version {
		d.state = deviceFile{}
	}
}

// MemoryDevice is a device of this process alone, where there is no cache or no lock.
func MemoryDevice() *Device { return &Device{} }

// Release gives the device's lock back.
func (d *Device) Release() {
	if d.held != nil {
		d.held.Release()
	}
}

// LastStep is the time step whose code was sent last, 0 where none is known.
func (d *Device) LastStep() int64 { return d.state.LastStep }

// MarkUsed notes, before it is sent, that the code of step is used, so that it is not sent
// again, whatever happens afterwards. An error means that the note is not on disk, a full one
// say: the promise then holds for this Device alone, and another process may send that code.
func (d *Device) MarkUsed(step int64) error {
	d.state.LastStep = step
	return d.save(true)
}

// UnmarkUsed takes a MarkUsed back after AWS said that the code was wrong, or where it is certain
// that it was not sent: the step's right code is still good. last is what LastStep was before.
func (d *Device) UnmarkUsed(last int64) {
	d.state.LastStep = last
	_ = d.save(false)
}

// Remember keeps enough of a code that is about to be sent to know it again. [Device.MarkUsed]
// writes it down.
func (d *Device) Remember(code string) {
	d.state.Mark, d.state.MarkStep = d.mark(code), Step(time.Now())
}

// Unremember takes a Remember back, where it is certain that the code was not sent.
func (d *Device) Unremember() { d.state.Mark, d.state.MarkStep = 0, 0 }

// WasSent reports whether code looks like the one that was sent last, while AWS could still
// take that for a new one. Of a thousand other codes it also suspects one.
func (d *Device) WasSent(code string) bool {
	if d.state.MarkStep == 0 || d.state.Mark != d.mark(code) {
		return false
	}
	age := Step(time.Now()) - d.state.MarkStep
	return age >= -markLife && age <= markLife
}

// markLife is for how many time steps a code is known again. AWS takes the code of a step for
// some steps more, since devices' clocks are off.
const markLife = 4

// mark is ten bits of a digest of a code: a thousand codes share each value, so that the code
// cannot be found out from it.
func (d *Device) mark(code string) uint16 {
	sum := sha256.Sum256([]byte(d.name + "\n" + code))
	return uint16(sum[0])<<8&0x300 | uint16(sum[1])
}

// Refused counts a code that AWS refused.
func (d *Device) Refused() {
	at := time.Now().Round(0).UTC()
	if age := at.Sub(d.state.FailedAt); age < 0 || age > failureWindow {
		d.state.Failures = 0
	}
	d.state.Failures++
	d.state.FailedAt = at
	_ = d.save(false)
}

// Accepted forgets what was refused.
func (d *Device) Accepted() {
	if d.state.Failures != 0 {
		d.state.Failures = 0
		_ = d.save(false)
	}
}

// CooldownLeft is how long no code is to be asked for, after too many were refused. A user who
// logs in is asked all the same.
func (d *Device) CooldownLeft() time.Duration {
	if d.state.Failures < maxFailures {
		return 0
	}
	age := time.Since(d.state.FailedAt.Round(0))
	if age < 0 || age > cooldown {
		return 0
	}
	return cooldown - age
}

func (d *Device) save(synced bool) error {
	if d.cache == nil {
		return nil
	}
	d.state.Version = record.Version
	return d.cache.WriteState(d.name, d.state, synced)
}
