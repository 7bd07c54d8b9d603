//go:build unix

// Command maxrss runs a program and writes the most memory it had, in bytes, to the file named
// first. It is small itself, and that matters: what the kernel reports of a process includes
// the one it was forked from, which in a test is many times larger than the program.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		err = errors.Join(err, os.WriteFile(os.Args[1], fmt.Appendf(nil, "%d", usage.Maxrss<<10), 0o600))
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "maxrss:", err)
		os.Exit(125)
	}
}
