//go:build unix

package mfa

// DiscardInput throws away what was typed at a terminal and not read yet: half a secret, which the
// next program, a shell say, would take for its own and show.
func DiscardInput(terminal uintptr) { _ = flushInput(int(terminal)) }
