package provider

import "github.com/sts-helper/sts-helper/internal/failure"

// Class says whose turn it is to act on an error of this package.
type Class string

// The classes of error. More may be added.
const (
	// Configuration: a setting, a file or a directory is wrong.
	Configuration = Class(failure.Configuration)
	// Source: the source credentials are missing, of the wrong kind, or refused.
	Source = Class(failure.Source)
	// Denied: AWS refused the request.
	Denied = Class(failure.Denied)
	// Unreachable: AWS could not be reached, or its answer cannot be used. Trying again may help.
	Unreachable = Class(failure.Unreachable)
	// Locked: another process is at work on the same credentials and did not finish in time.
	Locked = Class(failure.Locked)
	// InteractionRequired: the user has to log in, or did not answer.
	InteractionRequired = Class(failure.InteractionRequired)
	// Stopped: the context ended.
	Stopped = Class(failure.Stopped)
	// Internal: a fault of this program, or not an error of this package.
	Internal = Class(failure.Internal)
)

// ClassOf is the class of an error that [New] or [Provider.Retrieve] returned. The error's text is
// one line for the user: what was tried, what came back, and what to do.
func ClassOf(err error) Class {
	switch c := failure.ClassOf(err); c {
	case failure.Usage: // of the settings in a Config
		return Configuration
	default:
		return Class(c)
	}
}
