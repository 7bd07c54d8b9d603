//go:build !otheros

package audit

import (
	"os"
	"strconv"
)

// Caller is the process that started this one, and its program where that may be looked at.
func Caller() (pid int, program string) {
	pid = os.Getppid()
	program, _ = os.Readlink("/proc/" + strconv.Itoa(pid) + "/exe")
	return pid, program
}
