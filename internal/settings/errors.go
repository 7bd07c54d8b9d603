package settings

import (
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// ErrorKind says whose turn it is to act on an [Error].
type ErrorKind int

const (
	// Usage is a mistake on the command line.
	Usage ErrorKind = iota + 1
	// Config is a mistake in a file or an environment variable.
	Config
)

// Error is returned for settings that make no request. It is one line: where the fault
// is, what it is, and what to do about it. No value of a secret setting is ever part of it.
type Error struct {
	Kind  ErrorKind
	Where string // a flag, a variable, or file:line; "" where no single place is at fault
	What  string
	Do    string // "" where What leaves no doubt
	Err   error  // the cause where the operating system gave one, ErrLoop or ErrAgentRefused
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where)
		b.WriteString(": ")
	}
	b.WriteString(e.What)
	if e.Do != "" {
		b.WriteString("; ")
		b.WriteString(e.Do)
	}
	return b.String()
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// FailureKind is the class of the error, see [failure.ClassOf].
func (e *Error) FailureKind() string {
	if e.Kind == Usage {
		return string(failure.Usage)
	}
	return string(failure.Configuration)
}

// origin names the place of a value. It is a function because counting lines is too dear to
// do for an error that is not made.
type origin func() string

func named(place string) origin { return func() string { return place } }

// fileLine names a line of a file.
func fileLine(path string, line int) string {
	return display.Safe(path) + ":" + strconv.Itoa(line)
}
