package child

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// endWithUs has the kernel end a child when the thread that started it does, which [Command.Run] keeps
// until the child has ended: a caller that loses patience kills us outright.
func endWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }

// childrenOf lists a process's children from /proc/PID/stat (proc(5): the fourth field is the
// parent; the second is a name in parentheses that may contain anything).
func childrenOf(pid int) []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	names, _ := dir.Readdirnames(-1)
	_ = dir.Close()
	var children []int
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if f := statFields(name); len(f) > 1 && string(f[1]) == strconv.Itoa(pid) {
			children = append(children, n)
		}
	}
	return children
}

// statFields gives the fields of /proc/PID/stat after the name: state, parent, group, session,
// terminal, ...
func statFields(pid string) [][]byte {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	return bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
}
