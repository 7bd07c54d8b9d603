package harness

// The exit codes, as README has them.
const (
	ExitInternal = 1 + iota
	ExitUsage
	ExitConfig
	ExitSource
	ExitDenied
	ExitUnreachable
	ExitLocked
	ExitInteraction
)
