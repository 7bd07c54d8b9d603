//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package harness

import "golang.org/x/sys/unix"

const getTermios = unix.TIOCGETA
