// Package lock is one lock that many processes share: an advisory kernel lock (flock(2),
// LockFileEx) on a file that is never removed.
//
// The kernel releases the lock the moment its holder exits, however it exits. It works between
// processes of one machine on a local file system; network file systems may emulate it loosely
// or not at all, which is [ErrUnavailable] where it can be detected. The lock file describes
// its [Holder], so that those that wait can name it.
package lock

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// ErrBusy is returned by [Try] when the lock is held, by another process or in this one.
var ErrBusy = errors.New("the lock is held by another process")

// ErrUnavailable is matched by errors of [Try] and [Acquire] for a place where locking does not
// work: the file cannot be made or is not a regular file, or the file system has no locks.
// Waiting would not help.
var ErrUnavailable = errors.New("locking does not work here")

// How long a waiter sleeps between two tries. It starts short, since most holders need
// tens of milliseconds, and ends long enough that hundreds of waiters cost little. Each
// sleep is cut by up to half at random so that waiters do not poll in step.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 150 * time.Millisecond
)

// maxReopen bounds how often a lock file that was replaced while it was being locked is
// opened again.
const maxReopen = 8

// Held is a lock that this process holds until Release or its exit.
type Held struct {
	flock *flock.Flock
	path  string
	once  sync.Once
}

// local keeps goroutines of one process apart where the file system's locks belong to the
// process rather than to the open file (flock emulated by fcntl, as NFS does).
var local sync.Map // path -> struct{}

// Try takes the lock at path if it is free, creating the file (0600) if need be. It never
// waits. Errors are [ErrBusy] or match [ErrUnavailable].
func Try(path string, who Holder) (*Held, error) {
	if _, taken := local.LoadOrStore(path, struct{}{}); taken {
		return nil, ErrBusy
	}
	h, err := try(path)
	if err != nil {
		local.Delete(path)
		return nil, err
	}
	h.Describe(who)
	return h, nil
}

func try(path string) (*Held, error) {
	for range maxReopen {
		f := flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|openFlags), flock.SetPermissions(0o600))
		ok, err := f.TryLock()
		for errors.Is(err, syscall.EINTR) {
			ok, err = f.TryLock()
		}
		switch {
		case err != nil:
			return nil, unavailable(path, err)
		case !ok:
			return nil, ErrBusy
		}
		// A cleaner may have removed the file between open and lock; then what is locked
		// is not what the next process opens.
		same, err := current(f, path)
		if err != nil {
			_ = f.Unlock()
			return nil, unavailable(path, err)
		}
		if same {
			return &Held{flock: f, path: path}, nil
		}
		_ = f.Unlock()
	}
	return nil, unavailable(path, errors.New("the file is replaced each time that it is locked"))
}

func current(f *flock.Flock, path string) (bool, error) {
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	if !held.Mode().IsRegular() {
		return false, errors.New("not a regular file")
	}
	named, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(held, named), nil
}

func unavailable(path string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return fmt.Errorf("%w: %s: %w", ErrUnavailable, path, err)
}

// Acquire takes the lock at path, trying again until ctx ends. After every try that finds
// the lock held it calls busy, if not nil; an error from busy ends the wait and is
// returned. Errors are that one, the cause of ctx, or match [ErrUnavailable].
func Acquire(ctx context.Context, path string, who Holder, busy func() error) (*Held, error) {
	for delay := firstPoll; ; delay = min(2*delay, lastPoll) {
		h, err := Try(path, who)
		if !errors.Is(err, ErrBusy) {
			return h, err
		}
		if busy != nil {
			if err := busy(); err != nil {
				return nil, err
			}
		}
		t := time.NewTimer(delay/2 + rand.N(delay/2+1)) // jitter, no secret
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, context.Cause(ctx)
		case <-t.C:
		}
	}
}

// Release gives the lock back. The file stays, since removing it would let two processes
// hold two locks of one name. Releasing twice does nothing.
func (h *Held) Release() {
	h.once.Do(func() {
		_ = h.flock.Unlock()
		local.Delete(h.path)
	})
}
