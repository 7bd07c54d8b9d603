// Package failure classifies errors: each has a class, which says whose turn it is to act and
// decides the exit code, a text, and what to do next. It imports nothing of ours, so that every
// package can use it.
package failure

import (
	"context"
	"errors"
	"fmt"
)

// Class says whose turn it is to act.
type Class string

// The classes of failure. Their values are kept in records of failed refreshes (package cache).
const (
	Usage               Class = "usage"                // the command line is wrong
	Configuration       Class = "configuration"        // a file, a variable or a directory is wrong
	Source              Class = "source"               // the source credentials are missing, of the wrong kind, or refused
	Denied              Class = "denied"               // AWS refused the request
	Unreachable         Class = "unreachable"          // AWS could not be reached, or its answer cannot be used
	Locked              Class = "locked"               // another process holds the lock and did not finish in time
	InteractionRequired Class = "interaction-required" // the user has to act, and could not be asked or did not answer
	Stopped             Class = "stopped"              // this process was told to stop
	Internal            Class = "internal"             // a fault of this program
)

// Error is a classified error. Its text is one line and holds no secret.
type Error struct {
	Class Class
	// Text says what was tried and what came back.
	Text string
	// Next says what to do about it; "" where Text leaves no doubt, or where Run is enough.
	Next string
	// Run is the command line to run next, "" for none.
	Run string
	// Err is the cause, for [errors.Is] and [errors.As]; Text repeats what matters of it.
	Err error
	// Final reports that trying again cannot help before something was changed.
	Final bool
	// Busy reports that AWS was asked too often, by this host or by others: it is left alone for longer each time.
	Busy bool
	// Private reports that the failure is this process's own affair (it has no terminal, say) and
	// is not shared with other processes that want the same.
	Private bool
}

// Error is the text, what to do next and the line to run.
func (e *Error) Error() string {
	s := e.Text
	if e.Next != "" {
		s += "; " + e.Next
	}
	if e.Run != "" {
		s += "; run: " + e.Run
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind, FailureFinal and FailurePrivate say how the error is shared between processes:
// see Classified of package cache.
func (e *Error) FailureKind() string  { return string(e.Class) }
func (e *Error) FailureBusy() bool    { return e.Busy }
func (e *Error) FailureFinal() bool   { return e.Final }
func (e *Error) FailurePrivate() bool { return e.Private }

// Configf makes a final error of class [Configuration].
func Configf(format string, args ...any) *Error {
	return &Error{Class: Configuration, Text: fmt.Sprintf(format, args...), Final: true}
}

// Sourcef makes a final error of class [Source].
func Sourcef(cause error, format string, args ...any) *Error {
	return &Error{Class: Source, Text: fmt.Sprintf(format, args...), Err: cause, Final: true}
}

// Interactionf makes a private error of class [InteractionRequired]: that the user cannot be
// asked here says nothing of other terminals. run is the line to run where they can be.
func Interactionf(cause error, run, format string, args ...any) *Error {
	return &Error{Class: InteractionRequired, Text: fmt.Sprintf(format, args...), Run: run, Err: cause, Private: true}
}

// Do gives e with what to do next.
func (e *Error) Do(format string, args ...any) *Error {
	e.Next = fmt.Sprintf(format, args...)
	return e
}

// ClassOf is the class of err: its own, or that of the first error in its chain that has one.
// The end of a context is [Stopped], and what has no class at all is [Internal].
func ClassOf(err error) Class {
	if c, ok := errors.AsType[interface {
		error
		FailureKind() string
	}](err); ok && c.FailureKind() != "" {
		return Class(c.FailureKind())
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Stopped
	}
	return Internal
}
