//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// open reports whether f was open when the program started. Go's runtime puts /dev/null,
// opened for reading and writing, in the place of a closed standard stream, so writing to it
// would look like success. Redirections to /dev/null are opened for writing alone.
func open(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	if err != nil || !os.SameFile(info, null) {
		return true
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE != unix.O_RDWR
}
