package login_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// refreshing starts a process that refreshes alice's login, until release is called.
func (w *world) refreshing(t *testing.T) (first *harness.Job, release func()) {
	t.Helper()
	w.signIn(t, "alice")
	harness.EndsIn(t, w.sso, -time.Hour)
	release = w.STS.Gate("CreateToken")
	t.Cleanup(release)
	first = harness.Start(t, nil, w.Command(t, "--source-profile", "corp"))
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "CreateToken", 1))
	return first, release
}

// The process that refreshes a login is stopped (Ctrl-Z): the next one waits for it as long as for
// any other, and then says who has the lock, since the token may be spent. What is valid still it
// would have used. When the first one goes on, its login serves.
func TestStoppedWhileRefreshing(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for half a minute")
	}
	w := newWorld(t)
	first, release := w.refreshing(t)
	harness.Must(t, first.Cmd.Process.Signal(syscall.SIGSTOP))
	r := w.Run(t, "--profile", "app")
	if r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "never done without its lock") || w.STS.Count("CreateToken") != 1 {
		t.Errorf("exit %d, %q, after %s", r.Code, r.Stderr, r.Wall)
	}
	t.Logf("after %s: %s", r.Wall, r.Stderr)
	harness.Must(t, first.Cmd.Process.Signal(syscall.SIGCONT))
	release()
	one := first.Result(t)
	t.Logf("the first after %s", one.Wall)
	w.Creds(t, one)
	r = w.Run(t, "--profile", "app")
	t.Logf("the next after %s", r.Wall)
	w.Creds(t, r)
	if n := w.STS.Count("CreateToken"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

// A call that may not wait for long fails for itself: others, which wait for the same process, go on waiting.
func TestBriefWaitIsOneCallsOwn(t *testing.T) {
	w := newWorld(t)
	first, release := w.refreshing(t)
	patient := harness.Start(t, nil, w.Command(t, "--source-profile", "corp"))
	if r := w.Run(t, "--source-profile", "corp", "--wait", "0"); r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "never done without its lock") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	release()
	w.Creds(t, first.Result(t))
	w.Creds(t, patient.Result(t))
	if n := w.STS.Count("CreateToken"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}
