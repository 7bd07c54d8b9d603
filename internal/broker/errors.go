package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/sts"
)

// Class says whose turn it is to act on an error of a [Provider].
type Class string

// The classes of error.
const (
	ClassConfig      Class = "configuration" // a setting or a file is wrong
	ClassSource      Class = "source"        // the source credentials are missing, wrong or of the wrong kind
	ClassDenied      Class = "denied"        // STS said no
	ClassUnreachable Class = "unreachable"   // STS could not be reached, or gave no answer that can be believed
	ClassLocked      Class = "locked"        // another process is at it and did not finish in time
	ClassHuman       Class = "human"         // a person is needed and nobody can be asked
	ClassStopped     Class = "stopped"       // this process was told to stop
	ClassInternal    Class = "internal"      // a fault of this program
)

// Error is an error with its class. Its text is one line for the person who must act, and
// holds no secret.
type Error struct {
	Class Class
	Text  string
	Err   error // the cause, for errors.Is and errors.As; its text is not repeated

	final   bool
	private bool
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind, FailureFinal and FailurePrivate say how other processes share the error: see
// [cache.Classified].
func (e *Error) FailureKind() string  { return string(e.Class) }
func (e *Error) FailureFinal() bool   { return e.final }
func (e *Error) FailurePrivate() bool { return e.private }

func configError(format string, args ...any) *Error {
	return &Error{Class: ClassConfig, Text: fmt.Sprintf(format, args...), final: true}
}

func sourceError(err error, format string, args ...any) *Error {
	return &Error{Class: ClassSource, Text: fmt.Sprintf(format, args...), Err: err, final: true}
}

// humanError is private: that nobody can be asked here says nothing of other terminals.
func humanError(err error, format string, args ...any) *Error {
	return &Error{Class: ClassHuman, Text: fmt.Sprintf(format, args...), Err: err, private: true}
}

var errTooLarge = errors.New("the file is too large")

// ClassOf is the class of any error a [Provider] returned.
func ClassOf(err error) Class {
	var mine *Error
	var shared *cache.Failure
	var held *cache.HeldError
	switch {
	case errors.As(err, &mine):
		return mine.Class
	case errors.As(err, &shared):
		return Class(shared.Kind)
	case errors.As(err, &held):
		return ClassLocked
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ClassStopped
	case errors.Is(err, cache.ErrUnsafe):
		return ClassConfig
	}
	return ClassInternal
}

// fromSTS gives an error of package sts its class.
func fromSTS(err error) *Error {
	e := &Error{Class: ClassInternal, Text: err.Error(), Err: err}
	var field *sts.FieldError
	if errors.As(err, &field) {
		e.Class, e.final = ClassConfig, true
		return e
	}
	var se *sts.Error
	if !errors.As(err, &se) {
		return e
	}
	e.final = se.Final()
	switch se.Class {
	case sts.Denied, sts.Invalid, sts.MFARejected, sts.ClockWrong:
		e.Class = ClassDenied
	case sts.SourceRejected:
		e.Class = ClassSource
	default:
		e.Class = ClassUnreachable
	}
	return e
}
