package main

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// The exit codes. They are part of the interface: README has the same table.
const (
	exitOK          = 0
	exitInternal    = 1   // a fault of sts-helper, or the output could not be written
	exitUsage       = 2   // the command line is wrong
	exitConfig      = 3   // a file, a variable or the cache directory is wrong
	exitSource      = 4   // the source credentials are missing, of the wrong kind, or refused
	exitDenied      = 5   // STS said no
	exitUnreachable = 6   // STS could not be reached or gave no usable answer
	exitLocked      = 7   // another process was waited for in vain
	exitHuman       = 8   // a person is needed, and nobody could be asked or answered
	exitStopped     = 128 // plus the number of the signal
)

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(ctx context.Context, err error) int {
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
	var usage usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	var wrong *settings.Error
	if errors.As(err, &wrong) {
		if wrong.Kind == settings.Usage {
			return exitUsage
		}
		return exitConfig
	}
	switch broker.ClassOf(err) {
	case broker.ClassConfig:
		return exitConfig
	case broker.ClassSource:
		return exitSource
	case broker.ClassDenied:
		return exitDenied
	case broker.ClassUnreachable:
		return exitUnreachable
	case broker.ClassLocked:
		return exitLocked
	case broker.ClassHuman:
		return exitHuman
	}
	return exitInternal
}
