package direct

import (
	"os"
)

const (
	// offVariable turns direct answers off when it is set: none is given and none is noted.
	// It is there for tests.
	offVariable = "STS_HELPER_NO_DIRECT"
	// chainVariable carries the requests that are being answered above a process: a helper
	// below another one looks for itself, since it may have been called by its own request.
	chainVariable = "STS_HELPER_CHAIN"
)

// off reports whether direct answers are neither given nor noted in this process.
func off() bool { return os.Getenv(offVariable) != "" || os.Getenv(chainVariable) != "" }

func init() {
	if mayBeNoted(os.Args) && !off() {
		answerAndExit(os.Args)
	}
	checkLimits()
}

// mayBeNoted reports whether args may be a line that prints credentials, or how long they last for a
// shell prompt. Other commands do not pay for a look at the notes.
func mayBeNoted(args []string) bool {
	switch {
	case len(args) < 2:
		return len(args) == 1
	case args[1] == "status":
		for _, a := range args[2:] {
			if a == "--short" {
				return true
			}
		}
		return false
	}
	return hasPrefix(args[1], "-") || args[1] == "process"
}

func hasPrefix(s, prefix string) bool { return len(s) >= len(prefix) && s[:len(prefix)] == prefix }
