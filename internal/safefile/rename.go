package safefile

import (
	"errors"
	"os"
	"runtime"
	"syscall"
	"time"
)

// Rename gives a file of dir another name there, in the place of what has it. On Windows it tries for two seconds
// where another program has either file open: a virus scanner, an indexer, or a reader that does not share it
// (cmd/go/internal/robustio tries as long).
func Rename(dir *os.Root, from, to string) error {
	return tryAgain(func() error { return dir.Rename(from, to) }, passes)
}

const (
	tryTime   = 2 * time.Second
	firstWait = time.Millisecond
	mostWait  = 50 * time.Millisecond
)

// tryAgain calls f until it fails otherwise than passes says will pass, for tryTime at most.
func tryAgain(f func() error, passes func(error) bool) error {
	var start time.Time
	for wait := firstWait; ; wait = min(2*wait, mostWait) {
		err := f()
		if err == nil || !passes(err) {
			return err
		}
		if now := time.Now(); start.IsZero() {
			start = now
		} else if now.Sub(start) >= tryTime {
			return err
		}
		time.Sleep(wait)
	}
}

func passes(err error) bool { return passesOn(runtime.GOOS, err) }

// passesOn reports whether an error of that system is one that an open file causes, and that passes when it
// is closed.
func passesOn(goos string, err error) bool {
	const accessDenied, sharingViolation, lockViolation = 5, 32, 33 // winerror.h
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && goos == "windows" && (errno == accessDenied || errno == sharingViolation || errno == lockViolation)
}
