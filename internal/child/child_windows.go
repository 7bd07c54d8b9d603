package child

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
)

// RootFolder is the system drive's root, the working folder of a child that needs none.
func RootFolder() string {
	if v := filepath.VolumeName(os.Getenv("SystemRoot")); v != "" {
		return v + `\`
	}
	return `C:\`
}

// attributes hides the console window that a child without a terminal would open, and lets the child wait for
// [family.adopt] before it does anything.
func attributes(c Command) *syscall.SysProcAttr {
	a := shownOrNot(c)
	a.CreationFlags = windows.CREATE_SUSPENDED
	return a
}

func shownOrNot(c Command) *syscall.SysProcAttr {
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
	a := shownOrNot(c)
	a.CreationFlags = syscall.CREATE_NEW_PROCESS_GROUP
	return a
}

// shell is the system's own cmd.exe, not one that PATH or the working folder has.
func shell(string) (path string, args []string) {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return "cmd.exe", nil
	}
	return filepath.Join(dir, "cmd.exe"), nil
}

func killedBy(*exec.ExitError) string { return "" }

// setCloseOnExec has nothing to do: os/exec names the handles that a child inherits.
func setCloseOnExec() (restore func()) { return func() {} }
