//go:build unix

package mfa

import "golang.org/x/sys/unix"

// DiscardInput throws away what was typed at a terminal and not read yet: half a secret, which the
// next program, a shell say, would take for its own and show.
func DiscardInput(terminal uintptr) { _ = flushInput(int(terminal)) }

// HideInput has a terminal show nothing of what is typed from here on.
func HideInput(terminal uintptr) {
	if modes, err := unix.IoctlGetTermios(int(terminal), getTermios); err == nil {
		modes.Lflag &^= unix.ECHO
		_ = unix.IoctlSetTermios(int(terminal), setTermios, modes)
	}
}
