package cache

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

// State is what is known about refreshing a record beside the record itself: the last
// failure, until a refresh succeeds.
type State struct {
	Failure *Failure
}

// Failure is a failed refresh that other processes share instead of repeating it.
type Failure struct {
	// Kind is the caller's own word for the class of the failure.
	Kind string
	// Message is one line for the user who must act. It holds no secret.
	Message string
	// Final reports that asking again cannot help: STS said no.
	Final bool
	// Busy reports that AWS was asked too often. Each such failure in a row holds for longer.
	Busy bool

	at    record.Moment
	until time.Duration // after at, the next attempt
	basis string        // see Want.Basis
	first string        // of one that is remembered, its message when it happened
}

// Since is when the refresh failed.
func (f *Failure) Since() time.Time { return f.at.Wall }

// Holds is how long it is until the next attempt; zero or less when it may be made.
func (f *Failure) Holds() time.Duration {
	since := record.Now().Since(f.at)
	if since < 0 {
		return 0 // from the future: a clock was set back, and no caller shall wait for it
	}
	return f.until - since
}

// inARow is how long a failure held that the next one of the same kind, busy, follows soon enough to be of the same
// rush; else 0.
func (f *Failure) inARow() time.Duration {
	if f == nil || !f.Busy || f.Holds() < -2*record.ThrottledMost {
		return 0
	}
	return min(f.until, record.ThrottledMost)
}

// hold makes f one of now that holds against calls with that basis. before is the one that was kept until now, nil for
// none.
func (f *Failure) hold(basis string, before *Failure) {
	f.at, f.basis = record.Now(), basis
	switch {
	case f.Final:
		f.until = record.FailureHeldFinal
	case f.Busy:
		f.until = record.ThrottledHold(before.inARow())
	default:
		f.until = record.FailureHeldPassing
	}
}

// Held is the failure that [Cache.Hold] keeps under name, a *[Failure], as long as it holds against calls with that
// basis; else nil.
func (c *Cache) Held(name, basis string) error {
	if f := c.loadState(name).Failure; f != nil && f.Holds() > 0 && f.basis == basis {
		return f.remembered()
	}
	return nil
}

// Hold keeps err, of something that is asked for beside a record, as [Cache.Get] keeps that of a Fetch: other processes
// then share it. The name has a prefix of its own, as that of [Cache.WriteState], and its lock is held, see
// [Cache.LockState].
func (c *Cache) Hold(name, basis string, err error) {
	if f := asFailure(err); f != nil && f.first == "" {
		f.hold(basis, c.loadState(name).Failure)
		_ = c.saveState(name, f) // others then ask for themselves
	}
}

// Error is the message.
func (f *Failure) Error() string { return f.Message }

// remembered is f for a call that did not happen because of it.
func (f *Failure) remembered() *Failure {
	again := *f
	ago := "less than a second"
	if d := record.Now().Since(f.at).Truncate(time.Second); d > 0 {
		ago = d.String()
	}
	again.Message, again.first = "tried "+ago+" ago: "+f.Message, f.Message
	return &again
}

// Failure is [Classified] as the error was that it was made from.
func (f *Failure) FailureKind() string { return f.Kind }

// FailureFinal reports that trying again cannot help before something was changed.
func (f *Failure) FailureFinal() bool { return f.Final }

// FailurePrivate is false: what is remembered is shared.
func (f *Failure) FailurePrivate() bool { return false }

// Classified is implemented by errors of a [Fetch] that know how they are to be shared.
// Errors that do not implement it are passing failures of kind "".
type Classified interface {
	error
	// FailureKind is the caller's own word for the class.
	FailureKind() string
	// FailureFinal reports that asking again cannot help.
	FailureFinal() bool
	// FailurePrivate reports that the failure is this process's own affair (it was asked to
	// stop, say) and says nothing to others.
	FailurePrivate() bool
}

// busy is implemented by errors that know whether AWS was asked too often.
type busy interface{ FailureBusy() bool }

// maxMessage bounds the message of a failure, in bytes.
const maxMessage = 4 << 10

// asFailure is err as it is to be shared, nil where it is not.
func asFailure(err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok && f.first != "" {
		again := *f
		again.Message = f.first
		return &again
	}
	var c Classified
	if !errors.As(err, &c) {
		return &Failure{Message: plain(err.Error())}
	}
	if c.FailurePrivate() {
		return nil
	}
	b, ok := c.(busy)
	return &Failure{Kind: plain(c.FailureKind()), Message: plain(err.Error()), Final: c.FailureFinal(), Busy: ok && b.FailureBusy()}
}

// plain makes s fit a record: bounded, and UTF-8, which is all that JSON can carry.
func plain(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxMessage)], "?") }

// stateFile is a state on disk.
type stateFile struct {
	Kind    string    `json:"kind"`
	Message string    `json:"message"`
	Final   bool      `json:"final"`
	Busy    bool      `json:"busy,omitempty"`
	At      time.Time `json:"at"`
	Boot    int64     `json:"boottime_ns"`
	BootID  string    `json:"boot_id"`
	Hold    int64     `json:"hold_ns"`
	Basis   string    `json:"basis,omitempty"`
}

// loadState reads the state of the record with that name. A state that cannot be read is
// none: no caller waits for it.
func (c *Cache) loadState(name string) State {
	var f stateFile
	if !c.ReadState(name, &f) || f.Hold < 0 || time.Duration(f.Hold) > 2*record.BackoffMost {
		return State{}
	}
	return State{Failure: &Failure{
		Kind: f.Kind, Message: f.Message, Final: f.Final, Busy: f.Busy,
		at:    record.Moment{Wall: f.At, Boot: time.Duration(f.Boot), BootID: f.BootID},
		until: time.Duration(f.Hold),
		basis: f.Basis,
	}}
}

// saveState writes the state, unsynced: losing it to a power cut costs one more call.
func (c *Cache) saveState(name string, f *Failure) error {
	return c.WriteState(name, stateFile{
		Kind: f.Kind, Message: f.Message, Final: f.Final, Busy: f.Busy,
		At: f.at.Wall.UTC(), Boot: int64(f.at.Boot), BootID: f.at.BootID, Hold: int64(f.until), Basis: f.basis,
	}, false)
}

// ReadState reads what [Cache.WriteState] wrote under name into v, and reports whether it is
// there and undamaged. A state that cannot be believed is none.
func (c *Cache) ReadState(name string, v any) bool {
	data, m := c.read(name + record.StateExt)
	return m == nil && decodeFile(data, v)
}

// WriteState keeps v, a struct for encoding/json, beside the records for two days: for what
// other packages remember of a user's devices. The names of states, other than those of keys,
// have a prefix of their own. It is on disk on return where synced is set.
func (c *Cache) WriteState(name string, v any, synced bool) error {
	data, err := encodeFile(v)
	if err != nil {
		return err
	}
	durability := safefile.Unsynced
	if synced {
		durability = safefile.Synced
	}
	return c.write(name+record.StateExt, data, durability)
}

// DeleteState deletes a state; one that does not exist is no error.
func (c *Cache) DeleteState(name string) { _ = c.deleteFile(name + record.StateExt) }

// StatePath is the file of a state.
func (c *Cache) StatePath(name string) string {
	return filepath.Join(c.path, record.VersionDir, name+record.StateExt)
}

// LockState waits for the lock of a state. It is always taken after a key's lock. Errors are a
// *[HeldError] when wait is spent, the cause of ctx, or match [lock.ErrUnavailable].
func (c *Cache) LockState(ctx context.Context, name string, who lock.Holder, wait time.Duration) (*lock.Held, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	held, err := c.tryLock(name, func(path string) (*lock.Held, error) { return lock.Acquire(waiting, path, who, nil) })
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		holder, _ := lock.ReadHolder(c.lockPath(name))
		return nil, &HeldError{Holder: holder, Waited: wait}
	}
	return held, err
}
