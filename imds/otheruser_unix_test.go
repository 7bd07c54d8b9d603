//go:build linux || darwin

package imds_test

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// commonDir is a directory that all users can use.
func commonDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("this test becomes another user, and needs to be run by root")
	}
	dir, err := os.MkdirTemp("/tmp", "imds-other-user-") // not below $TMPDIR, which on macOS is one user's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func whoAmI() string { return strconv.Itoa(os.Getuid()) }

func runAs(t *testing.T, uid uint32, exe, order string, sandbox bool) {
	t.Helper()
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	cmd.Env = []string{"IMDS_TEST_AS=" + order}
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if sandbox {
		inSandbox(cmd.SysProcAttr, int(uid))
	}
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
}
