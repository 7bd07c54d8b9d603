package harness

import (
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A command that has ended is not waited for because a process that it left behind, in a session of
// its own, has its output open.
func TestFinishLeavesWhatWasLeftBehind(t *testing.T) {
	cmd := exec.Command(Need(t, "setsid"), "sh", "-c", "sleep 1000 & echo $!")
	cmd.WaitDelay = 100 * time.Millisecond
	r := Finish(cmd)
	if pid := strings.TrimSpace(r.Stdout); pid == "" || exec.Command("kill", pid).Run() != nil {
		t.Errorf("%q did not run", pid)
	}
	if r.Code != -1 || !strings.Contains(r.Stderr, "WaitDelay expired") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}
