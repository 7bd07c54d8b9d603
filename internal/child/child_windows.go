package child

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// RootFolder is the system drive's root, the working folder of a child that needs none.
func RootFolder() string {
	if v := filepath.VolumeName(os.Getenv("SystemRoot")); v != "" {
		return v + `\`
	}
	return `C:\`
}

// attributes hides the console window that a child without a terminal would open.
func attributes(c Command) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{HideWindow: !c.Terminal}
	if c.line != "" {
		// cmd.exe reads its line by rules of its own: with /S it takes off the first and the last quote,
		// and nothing else.
		a.CmdLine = `cmd.exe /S /C "` + c.line + `"`
	}
	return a
}

// detached gives a child a group of its own, which Ctrl-C does not reach.
func detached(c Command) *syscall.SysProcAttr {
	a := attributes(c)
	a.CreationFlags = syscall.CREATE_NEW_PROCESS_GROUP
	return a
}

func shell(string) (path string, args []string) { return "cmd.exe", nil }

// kill ends the child; its own children lose its pipes.
func kill(p *os.Process, _ bool) error { return p.Kill() }

func killedBy(*exec.ExitError) string { return "" }

// setCloseOnExec has nothing to do: os/exec names the handles that a child inherits.
func setCloseOnExec() (restore func()) { return func() {} }
