package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// exitStopped plus the number of a signal is the exit code of a run that the signal ended, as
// for a shell. What other errors end with is in package failure.
const exitStopped = 128

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// FailureKind is the class of the error, see [failure.ClassOf].
func (usageError) FailureKind() string { return string(failure.Usage) }

func exitCode(ctx context.Context, err error) int {
	if own, ok := errors.AsType[exitError](err); ok {
		return own.code
	}
	if errors.Is(err, mfa.ErrCancelled) {
		// The prompt and this program hear of a signal at the same time.
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	var stop stopped
	if errors.As(context.Cause(ctx), &stop) {
		return exitStopped + int(stop.signal)
	}
	if ended, ok := errors.AsType[mfa.Signalled](err); ok {
		if s, ok := ended.Signal.(syscall.Signal); ok {
			return exitStopped + int(s)
		}
	}
	return failure.ClassOf(err).ExitCode()
}
