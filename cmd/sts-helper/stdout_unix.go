//go:build unix

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// open reports whether f was open when the program started. Go's runtime puts /dev/null,
// opened for reading and writing, in the place of a closed standard stream, so writing to it
// would look like success. A shell's redirection to /dev/null is opened for writing alone; what
// some languages call the null device (Python, Node.js) cannot be told from a closed stream.
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
