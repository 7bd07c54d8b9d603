//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package mfa

import "golang.org/x/sys/unix"

const (
	getTermios = unix.TIOCGETA
	setTermios = unix.TIOCSETA // at once: waiting for the output to drain may take for ever (Ctrl-S)
)

func flushInput(fd int) error {
	const read = 1 // FREAD, the input queue
	return unix.IoctlSetPointerInt(fd, unix.TIOCFLUSH, read)
}

// foregroundGroup is the process group that has the terminal.
func foregroundGroup(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.TIOCGPGRP) }

func terminalName() string { return "terminal" }
