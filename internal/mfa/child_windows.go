package mfa

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// rootFolder is the system drive's root.
func rootFolder() string {
	if v := filepath.VolumeName(os.Getenv("SystemRoot")); v != "" {
		return v + `\`
	}
	return `C:\`
}

// childAttr hides the console window that a child without a terminal would open.
func childAttr(own bool) *syscall.SysProcAttr { return &syscall.SysProcAttr{HideWindow: own} }

// kill ends the child; its own children lose its pipes.
func kill(p *os.Process, _ bool) error { return p.Kill() }

func killedBy(*exec.ExitError) string { return "" }

// sealFiles has nothing to do: os/exec names the handles that a child inherits.
func sealFiles() (unseal func()) { return func() {} }
