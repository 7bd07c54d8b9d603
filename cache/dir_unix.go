//go:build unix

package cache

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// A FIFO in a record's place must not make open wait.
const openFlags = syscall.O_NONBLOCK

// checkOwner refuses a directory that is somebody else's or that others may enter.
func checkOwner(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%w: %s does not tell its owner", ErrUnsafe, path)
	}
	if int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to uid %d, not to you (uid %d); use --cache-dir or remove it", ErrUnsafe, path, st.Uid, os.Geteuid())
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("%w: others may use %s (mode %04o); run: chmod 700 %s", ErrUnsafe, path, perm, path)
	}
	return nil
}

// strangeFile says what is wrong with an open file that this package did not make.
func strangeFile(info fs.FileInfo) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "the file does not tell its owner"
	case int(st.Uid) != os.Geteuid():
		return "the file belongs to somebody else"
	case st.Nlink > 1: // 0 is a file that was replaced after it was opened
		return "the file has another name elsewhere"
	case info.Mode().Perm()&0o077 != 0:
		return "others may use the file"
	case !info.Mode().IsRegular():
		return "it is not a plain file"
	}
	return ""
}
