package mfa

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

const (
	getTermios = unix.TCGETS
	setTermios = unix.TCSETS // at once: waiting for the output to drain may take for ever (Ctrl-S)
)

func flushInput(fd int) error { return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIFLUSH) }

// foregroundGroup is the process group that has the terminal. The kernel writes four bytes: [unix.IoctlGetInt] reads
// eight, which is another number where the first of them are the highest (s390x).
func foregroundGroup(fd int) (int, error) {
	group, err := unix.IoctlGetUint32(fd, unix.TIOCGPGRP)
	return int(group), err
}

// terminalName names the controlling terminal as ps does, since /dev/tty is everybody's name: from
// the device number in /proc/self/stat (proc(5)), major 136 to 143 for pts, 4 for consoles.
func terminalName() string {
	stat, _ := os.ReadFile("/proc/self/stat")
	// The second field is a name in parentheses that may contain anything.
	if f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]); len(f) > 4 {
		if nr, err := strconv.ParseUint(string(f[4]), 10, 32); err == nil {
			major, minor := unix.Major(nr), unix.Minor(nr)
			switch {
			case major >= 136 && major <= 143:
				return fmt.Sprintf("terminal pts/%d", minor+(major-136)<<8)
			case major == 4 && minor < 64:
				return fmt.Sprintf("terminal tty%d", minor)
			}
		}
	}
	return "terminal"
}
