package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

// The rules about wrong codes: after maxStrikes of them within strikeWindow nobody asks
// again for strikeHold, so that no loop locks a device out at AWS. A login lifts it.
const (
	maxStrikes   = 3
	strikeWindow = 5 * time.Minute
	strikeHold   = 5 * time.Minute
)

// Device is an MFA device whose lock this process holds: nobody else on this machine asks
// for a code of it meanwhile. It remembers which time step's code was sent last, since AWS
// takes each code once, and how often one was refused. It never knows a code: of the last one
// it keeps ten bits of a digest, enough to know it again and too little to find it out.
type Device struct {
	cache *Cache
	held  *lock.Held
	name  string
	state deviceFile
}

type deviceFile struct {
	Version  int       `json:"version"`
	LastStep int64     `json:"last_step"` // of the last code that was sent; 0 for none
	Mark     uint16    `json:"mark"`      // of the last code that was sent, see mark
	MarkStep int64     `json:"mark_step"` // when that was; 0 for never
	Strikes  int       `json:"strikes"`
	StruckAt time.Time `json:"struck_at"`
}

// Device waits for the lock of the MFA device with the given serial number. It is always
// taken after a key's lock. Errors are a *[HeldError] when wait is spent, the cause of ctx,
// or match [lock.ErrUnavailable].
func (c *Cache) Device(ctx context.Context, serial string, who lock.Holder, wait time.Duration) (*Device, error) {
	sum := sha256.Sum256([]byte("sts-helper/mfa/1\n" + serial))
	d := &Device{cache: c, name: "mfa-" + hex.EncodeToString(sum[:])}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	held, err := lock.Acquire(waiting, c.lockPath(d.name), who, nil)
	if err != nil {
		if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			holder, _ := lock.ReadHolder(c.lockPath(d.name))
			return nil, &HeldError{Holder: holder, Waited: wait}
		}
		return nil, err
	}
	d.held = held
	if data, m := c.read(d.name + record.StateExt); m == nil {
		var f deviceFile
		if decodeFile(data, &f) && f.Version == record.Version {
			d.state = f
		}
	}
	return d, nil
}

// Release gives the device's lock back.
func (d *Device) Release() { d.held.Release() }

// LastStep is the time step whose code was sent last, 0 where none is known.
func (d *Device) LastStep() int64 { return d.state.LastStep }

// Spend notes, before it is sent, that the code of step is used, so that it is not sent
// again, whatever happens afterwards. An error means that the note is not on disk, a full one
// say: the promise then holds for this Device alone, and another process may send that code.
func (d *Device) Spend(step int64) error {
	d.state.LastStep = step
	return d.save(safefile.Synced)
}

// Unspend takes a Spend back after AWS said that the code was wrong, or where it is certain
// that it was not sent: the step's right code is still good. last is what LastStep was before.
func (d *Device) Unspend(last int64) {
	d.state.LastStep = last
	_ = d.save(safefile.Unsynced)
}

// Note remembers enough of a code that is about to be sent to know it again. [Device.Spend]
// writes it down.
func (d *Device) Note(code string) {
	d.state.Mark, d.state.MarkStep = d.mark(code), stepAt(time.Now())
}

// Forget takes a Note back, where it is certain that the code was not sent.
func (d *Device) Forget() { d.state.Mark, d.state.MarkStep = 0, 0 }

// Sent reports whether code looks like the one that was sent last, while AWS could still
// take that for a new one. Of a thousand other codes it also suspects one.
func (d *Device) Sent(code string) bool {
	if d.state.MarkStep == 0 || d.state.Mark != d.mark(code) {
		return false
	}
	age := stepAt(time.Now()) - d.state.MarkStep
	return age >= -markLife && age <= markLife
}

// markLife is for how many time steps a code is known again. AWS takes the code of a step for
// some steps more, since devices' clocks are off.
const markLife = 4

// stepAt is the time step of t: 30 seconds (RFC 6238).
func stepAt(t time.Time) int64 { return t.Unix() / 30 }

// mark is ten bits of a digest of a code: a thousand codes share each value, so that the code
// cannot be told from it.
func (d *Device) mark(code string) uint16 {
	sum := sha256.Sum256([]byte(d.name + "\n" + code))
	return uint16(sum[0])<<8&0x300 | uint16(sum[1])
}

// Refused counts a code that AWS refused.
func (d *Device) Refused() {
	at := time.Now().Round(0).UTC()
	if age := at.Sub(d.state.StruckAt); age < 0 || age > strikeWindow {
		d.state.Strikes = 0
	}
	d.state.Strikes++
	d.state.StruckAt = at
	_ = d.save(safefile.Unsynced)
}

// Accepted forgets what was refused.
func (d *Device) Accepted() {
	if d.state.Strikes != 0 {
		d.state.Strikes = 0
		_ = d.save(safefile.Unsynced)
	}
}

// Barred is how much longer nobody is to be asked for a code, after too many were refused.
// Somebody who logs in is asked all the same.
func (d *Device) Barred() time.Duration {
	if d.state.Strikes < maxStrikes {
		return 0
	}
	age := time.Since(d.state.StruckAt.Round(0))
	if age < 0 || age > strikeHold {
		return 0
	}
	return strikeHold - age
}

func (d *Device) save(how safefile.Durability) error {
	d.state.Version = record.Version
	data, err := encodeFile(d.state)
	if err != nil {
		return err
	}
	return d.cache.write(d.name+record.StateExt, data, how)
}
