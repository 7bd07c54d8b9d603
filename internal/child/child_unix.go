//go:build unix

package child

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// RootFolder is the working folder of a child that needs none.
func RootFolder() string { return "/" }

// attributes gives a child that must not use a terminal a session of its own: opening /dev/tty then
// fails at once, where a mere background process group would be stopped by SIGTTIN.
func attributes(c Command) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: !c.Terminal}
	endWithUs(a)
	return a
}

// detached gives a child a session of its own, and does not end it with us.
func detached(Command) *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// shell gives a line to the shell as every SDK does.
func shell(line string) (path string, args []string) { return "sh", []string{"-c", line} }

// family is a child and what it starts. The kernel knows it.
type family struct{}

func newFamily() family { return family{} }

func (family) adopt(*os.Process) {}

func (family) leave() {}

// kill ends a child and what it started: its process group where it has one of its own, else its
// descendants, since the group is ours.
func (family) kill(p *os.Process, own bool) error {
	if own {
		if err := syscall.Kill(-p.Pid, syscall.SIGKILL); err == nil {
			return nil
		}
	} else {
		killDescendants(p.Pid)
	}
	return p.Kill()
}

// killDescendants stops a process, so that it starts nothing more, and does the same to its
// children before it kills them. What has left the family (a daemon) is left alone.
func killDescendants(pid int) {
	if syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return
	}
	for _, c := range childrenOf(pid) {
		killDescendants(c)
		_ = syscall.Kill(c, syscall.SIGKILL) // it may be gone, which is as good
	}
}

func killedBy(e *exec.ExitError) string {
	if ws, ok := e.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return unix.SignalName(ws.Signal())
	}
	return ""
}

// setCloseOnExec marks the files that were open when we were started, and that we know nothing of, so
// that a child does not inherit them; the function it gives takes that back, because a program
// we may become later (exec) has a right to them. Go opens its own files that way already.
func setCloseOnExec() (restore func()) {
	dir, err := os.Open("/dev/fd")
	if err != nil {
		return func() {}
	}
	names, err := dir.Readdirnames(-1)
	_ = dir.Close()
	if err != nil && len(names) == 0 {
		return func() {}
	}
	var marked []uintptr
	for _, name := range names {
		n, err := strconv.Atoi(name)
		if err != nil || n <= 2 {
			continue
		}
		flags, err := unix.FcntlInt(uintptr(n), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue
		}
		if _, err := unix.FcntlInt(uintptr(n), unix.F_SETFD, flags|unix.FD_CLOEXEC); err == nil {
			marked = append(marked, uintptr(n))
		}
	}
	return func() {
		for _, fd := range marked {
			_, _ = unix.FcntlInt(fd, unix.F_SETFD, 0)
		}
	}
}
