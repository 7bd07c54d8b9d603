package child_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// A child ends with a process that was killed and could end nothing itself.
func TestChildEndsWithUs(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pidfile := filepath.Join(t.TempDir(), "pid")
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "CHILD_TEST_RUN=echo $$ >"+pidfile+"; exec sleep 300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := readPid(t, pidfile)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	endsSoon(t, pid)
}
