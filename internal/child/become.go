package child

import "errors"

// Why a program cannot be become, as env(1) and the shells tell them apart (exit status 127 and 126).
var (
	// ErrNotFound: there is no program of that name.
	ErrNotFound = errors.New("command not found")
	// errCannotRun: there is one, and the system does not run it.
	errCannotRun = errors.New("cannot be run")
)
