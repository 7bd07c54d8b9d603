package harness

// The exit codes, as docs/reference/exit-codes.md has them.
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
