package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// askingKey is the context key of the lock held around a fetch, and of those around that.
type askingKey struct{}

type askingChain struct {
	held  *lock.Held
	who   lock.Holder
	outer *askingChain
}

// Asking notes in every lock held around ctx that a user is being asked, for the processes
// that wait for it.
func Asking(ctx context.Context) {
	chain, _ := ctx.Value(askingKey{}).(*askingChain)
	for ; chain != nil; chain = chain.outer {
		who := chain.who
		who.Asking = true
		chain.held.Describe(who)
	}
}

// errSettled ends a wait for the lock when the answer is there without it.
var errSettled = errors.New("settled")

// call is one Get in progress.
type call struct {
	*Cache
	Want
	name  string // of the key
	start record.Moment

	record  *Record // the last one read, nil where there is none
	missing *Miss   // why there is none
	answer  Answer
	err     error
}

// Get gives a token for w: the one on disk while it is fresh; else, of all the processes
// and goroutines that ask, one fetches and the others share what it got, token or failure.
// A token that still serves is never given up because a refresh failed. The error is that
// of Fetch, a *[Failure] that another process had, a *[HeldError], or the cause of ctx.
func (c *Cache) Get(ctx context.Context, w Want) (Answer, error) {
	if w.Wait <= 0 {
		w.Wait = DefaultWait
		if w.Interactive {
			w.Wait = DefaultWaitInteractive
		}
	}
	g := &call{Cache: c, Want: w, name: w.Key.String(), start: record.Now()}
	if g.read() || g.settledBefore() {
		return g.answer, g.err
	}
	held, done := g.lock(ctx)
	if done {
		return g.answer, g.err
	}
	if held != nil {
		defer held.Release()
		outer, _ := ctx.Value(askingKey{}).(*askingChain)
		ctx = context.WithValue(ctx, askingKey{}, &askingChain{held, g.holder(), outer})
	}
	// Another process may have refreshed, or failed to, between the first look and the lock.
	if g.read() || g.shared() || g.moot() {
		return g.answer, g.err
	}
	g.refresh(ctx)
	return g.answer, g.err
}

// read loads the record and reports whether it answers the call as it is.
func (g *call) read() bool {
	g.record, g.missing = g.load(g.Key, g.Valid)
	if g.record == nil {
		return false
	}
	if g.Renew && !g.record.file.IssuedWithin(g.start, record.Now()) {
		return false
	}
	if !g.record.file.Fresh(record.Now()) {
		return false
	}
	g.answer = Answer{Token: g.record.Token, Origin: Hit}
	return true
}

// serves reports whether the record may still be handed out.
func (g *call) serves() bool { return g.record != nil && g.record.Serves() }

// advisory reports whether the record serves and need not be refreshed at all costs.
func (g *call) advisory() bool {
	return g.record != nil && g.record.Remaining() > g.record.file.Mandatory()
}

// keep answers with the record that is due.
func (g *call) keep(why ...error) bool {
	g.answer, g.err = Answer{Token: g.record.Token, Origin: Kept, Warnings: why}, nil
	return true
}

func (g *call) fail(err error) bool {
	g.answer, g.err = Answer{}, err
	return true
}

// settledBefore reports whether the call is answered without trying for the lock: by a
// failure that is still held, or because a user would have to be asked.
func (g *call) settledBefore() bool {
	if g.Renew {
		return false
	}
	if f := g.loadState(g.name).Failure; f != nil && g.held(f) {
		if g.serves() {
			return g.keep(f.remembered())
		}
		return g.fail(f.remembered())
	}
	return g.Interactive && g.advisory() && g.keep()
}

// shared reports whether the call is answered by the failure of the lock's holder
// before: one that happened after this call began is this call's too.
func (g *call) shared() bool {
	f := g.loadState(g.name).Failure
	if f == nil {
		return false
	}
	if !f.at.Within(g.start, record.Now()) {
		if g.Renew || !g.held(f) {
			return false
		}
		f = f.remembered()
	}
	if g.serves() && !g.Renew {
		return g.keep(f)
	}
	return g.fail(f)
}

// held reports whether a failure is not to be repeated yet: where what it may have been due to has
// changed, it may.
func (g *call) held(f *Failure) bool { return f.Holds() > 0 && f.basis == g.basis() }

func (g *call) basis() string {
	if g.Basis == nil {
		return ""
	}
	return g.Basis()
}

func (g *call) moot() bool {
	if g.Moot == nil {
		return false
	}
	err := g.Moot()
	return err != nil && g.fail(err)
}

func (g *call) lock(ctx context.Context) (held *lock.Held, done bool) {
	path := g.lockPath(g.name)
	who := g.holder()
	cannotAsk := g.cannotAsk()
	if g.advisory() && !g.Renew || cannotAsk != nil {
		held, err := g.tryLock(g.name, func(p string) (*lock.Held, error) {
			path = p
			return lock.Try(p, who)
		})
		switch {
		case cannotAsk != nil:
			if held != nil {
				held.Release()
			}
			if holder, ok := lock.ReadHolder(path); !errors.Is(err, lock.ErrBusy) || !ok || !holder.Asking {
				if g.serves() {
					return nil, g.keep(cannotAsk)
				}
				return nil, g.fail(cannotAsk)
			}
		case errors.Is(err, lock.ErrBusy):
			return nil, g.keep()
		case err != nil:
			return nil, g.withoutLock(ctx, err)
		default:
			return held, false
		}
	}
	who.Asking = g.Interactive
	late := min(g.Wait/record.LateShare, record.LateWait)
	held, done, spent := g.wait(ctx, g.name, who, g.Wait-late, late)
	if spent {
		// The holder is wedged: stopped, say. A second refresh is safe; not answering is not.
		// One of those who waited does it for all, under a lock of their own; where that one
		// is wedged too, everybody helps themselves.
		held, done, _ = g.wait(ctx, g.name+"-late", who, late, 0)
	}
	return held, done
}

// wait waits for the lock with that name. It reports whether the call was answered meanwhile, and
// whether the budget was spent without an answer. A holder that is asking a user has the rest of
// the call's budget as well.
func (g *call) wait(ctx context.Context, name string, who lock.Holder, budget, rest time.Duration) (held *lock.Held, done, spent bool) {
	waiting, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	var path string
	held, err := g.tryLock(name, func(p string) (*lock.Held, error) {
		path = p
		return lock.Acquire(waiting, p, who, func() error {
			if g.Waiting != nil {
				g.Waiting(func() (lock.Holder, bool) { return lock.ReadHolder(p) })
				g.Waiting = nil
			}
			if g.read() || g.shared() || g.moot() {
				return errSettled
			}
			return nil
		})
	})
	switch {
	case err == nil:
		return held, false, false
	case errors.Is(err, errSettled):
		return nil, true, false
	case ctx.Err() != nil:
		return nil, g.fail(context.Cause(ctx)), false
	case errors.Is(err, lock.ErrUnavailable):
		return nil, g.withoutLock(ctx, err), false
	}
	holder, ok := lock.ReadHolder(path)
	waited := time.Since(g.start.Wall).Truncate(100 * time.Millisecond)
	switch {
	case g.serves() && !g.Renew:
		return nil, g.keep(fmt.Errorf("waited %s for %s to refresh it", waited, holder)), false
	case ok && holder.Asking && !g.Unattended && rest > 0:
		return g.wait(ctx, name, who, rest, 0)
	case ok && holder.Asking && !g.Unattended:
		return nil, g.fail(&HeldError{Holder: holder, Waited: waited}), false
	}
	return nil, false, true
}

func (g *call) holder() lock.Holder {
	if g.Want.Holder == nil {
		return lock.Holder{}
	}
	return g.Want.Holder()
}

// cannotAsk is why no user can be asked, nil where one can be or need not.
func (g *call) cannotAsk() error {
	if g.CanAsk == nil {
		return nil
	}
	return g.CanAsk()
}

// withoutLock spreads callers out a little where no lock can be had, so that most of them
// find what the first one stored, and reports whether that answered the call.
func (g *call) withoutLock(ctx context.Context, err error) bool {
	for _, hopeless := range []error{fs.ErrPermission, syscall.EROFS, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, hopeless) {
			// Nothing could be stored either, and each process would ask for itself: not
			// before it must.
			return g.advisory() && !g.Renew && g.keep(fmt.Errorf("it is not refreshed yet: %w", err))
		}
	}
	t := time.NewTimer(rand.N(record.NoLockSpread)) // jitter, no secret
	defer t.Stop()
	select {
	case <-ctx.Done():
		return g.fail(context.Cause(ctx))
	case <-t.C:
	}
	return false
}

// refresh fetches and stores. It is called with the lock held, or without one where it
// could not be had.
func (g *call) refresh(ctx context.Context) {
	before := g.loadState(g.name).Failure
	t, err := g.Fetch(ctx, g.advisory() && !g.Renew)
	if errors.Is(err, ErrNoLater) && g.serves() {
		g.keep()
		return
	}
	if err == nil {
		err = usable(t)
	}
	if err != nil {
		g.failed(ctx, err, before)
		return
	}
	t, err = g.store(g.Key, t, "", record.Now(), g.Interactive)
	g.answer = Answer{Token: t, Origin: Fresh}
	if err != nil {
		g.answer.Warnings = []error{fmt.Errorf("%w: %w", ErrNotKept, err)}
	}
	if before != nil {
		_ = g.deleteFile(g.name + record.StateExt)
	}
}

// usable says what is wrong with a fetched token. One that has expired, or is due for a refresh at
// all costs, is as good as none.
func usable(t token.Token) error {
	if err := t.Validate(); err != nil {
		return err
	}
	least := Mandatory
	switch t.Operation {
	case token.SourceCredentials:
		if !t.Credentials.CanExpire {
			return nil
		}
		least = HardFloor // the source gives no other ones
	case token.GetScopedCredentials, token.GetWebIdentityToken:
		least = 0 // seconds, and a minute, may be what was asked for
	}
	if rem := t.Remaining(time.Now()); rem <= least {
		return fmt.Errorf("the new token ends at %s, which by this machine's clock is in %s; is the clock right?",
			t.Credentials.Expires.UTC().Format(time.RFC3339), rem.Round(time.Second))
	}
	return nil
}

// failed keeps the failure of a fetch. before is the one that was kept until then, nil for none.
func (g *call) failed(ctx context.Context, err error, before *Failure) {
	if g.read() {
		return // another process, not kept off by the lock, succeeded
	}
	serves := g.serves()
	// One that is remembered, of what was to be made something of, would outlast its own time if it were kept once more
	// at each level. Where there is no hurry, it is a failure like others.
	if f := asFailure(err); f != nil && ctx.Err() == nil && (f.first == "" || serves) {
		f.hold(g.basis(), before)
		if serves {
			f.until = max(f.until, record.Backoff(g.record.Remaining(), g.record.file.Floor()))
		}
		_ = g.saveState(g.name, f) // others then ask for themselves
	}
	if serves && !g.Renew {
		g.keep(err)
		return
	}
	g.fail(err)
}
