//go:build unix

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// A FIFO in a file's place must not make open wait.
const openNonblock = syscall.O_NONBLOCK

// checkDir refuses a directory in which others could replace a file.
func checkDir(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("%s does not tell its owner", path)
	case int(st.Uid) != os.Geteuid() && st.Uid != 0:
		return fmt.Errorf("the directory %s belongs to uid %d, not to you (uid %d)", path, st.Uid, os.Geteuid())
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to the directory %s (mode %04o)", path, info.Mode().Perm())
	}
	return nil
}

// checkPrivateDir refuses a directory that is somebody else's or that others may enter.
func checkPrivateDir(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", path)
	case !ok:
		return fmt.Errorf("%s does not tell its owner", path)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to uid %d, not to you (uid %d)", path, st.Uid, os.Geteuid())
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may use %s (mode %04o); run: chmod 700 %s", path, info.Mode().Perm(), path)
	}
	return nil
}

// checkFile refuses a file that others own or can read.
func checkFile(info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return errors.New("it does not tell its owner")
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to uid %d, not to you (uid %d)", st.Uid, os.Geteuid())
	case st.Nlink != 1:
		return errors.New("it has another name elsewhere")
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("others may use it (mode %04o)", info.Mode().Perm())
	}
	return nil
}

func v6Only(fd uintptr) bool {
	n, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
	return err == nil && n != 0
}
