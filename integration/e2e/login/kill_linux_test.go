package login_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The process that refreshes a login dies at any of its system calls on files. The login's file
// stays whole; the next process goes on with the login where the new refresh token had reached
// the disk, or the old one was not spent, and else says what to run.
func TestKillAtEverySystemCall(t *testing.T) {
	if testing.Short() {
		t.Skip("kills some hundreds of processes")
	}
	strace := harness.Need(t, "strace")
	for entry, op := range map[string]string{"app": "CreateToken", "app-console": "CreateOAuth2Token"} {
		w := newWorld(t)
		runs, adopted, lost := 0, 0, 0
		for _, call := range []string{"write", "fsync", "renameat", "renameat2", "unlinkat", "flock", "connect", "openat", "close"} {
			for n := 1; !t.Failed(); n++ {
				file := w.sso
				if entry == "app" {
					w.signIn(t, "alice")
				} else {
					file = w.cons
					w.signInConsole(t)
				}
				harness.EndsIn(t, file, -time.Hour)
				old := w.Read(t, w.rel(t, file))
				harness.Must(t, os.RemoveAll(w.Cache()))
				w.STS.ResetCounts()
				log := filepath.Join(t.TempDir(), "log")
				inner := w.Command(t, "--profile", entry)
				cmd := exec.Command(strace, append([]string{"-f", "-qq", "-o", log, "-e", "trace=" + call,
					"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}, inner.Args...)...)
				cmd.Env, cmd.Dir = inner.Env, inner.Dir
				_ = cmd.Run()
				if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() && status.ExitStatus() == 0 {
					break // no such call any more
				}
				runs++
				where := fmt.Sprintf("%s: killed at %s %d", entry, call, n)
				spent := w.STS.Succeeded(op) > 0
				text := w.Read(t, w.rel(t, file))
				if !json.Valid([]byte(text)) {
					t.Fatalf("%s: the file is torn: %s", where, text)
				}
				pending := false
				names, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".sts-helper-*.new"))
				for _, name := range names {
					b, _ := os.ReadFile(name)
					pending = pending || json.Valid(b)
				}
				r := w.Run(t, "--profile", entry)
				switch {
				case r.Code == 0:
					w.Creds(t, r)
					if spent && text == old {
						adopted++
					}
				case spent && text == old && !pending && r.Code == harness.ExitInteraction && strings.Contains(r.Stderr, "; run: sts-helper login "):
					lost++ // with the memory that the answer was in
				default:
					t.Errorf("%s: spent %t, replaced %t, pending %t: exit %d, %q", where, spent, text != old, pending, r.Code, r.Stderr)
				}
				if r.Code == 0 && len(left(t, file)) != 1 {
					t.Errorf("%s: left behind: %v", where, left(t, file))
				}
			}
		}
		t.Logf("%s: %d runs; %d logins were finished by the next process, %d were lost before they were written", entry, runs, adopted, lost)
		if adopted == 0 && !t.Failed() {
			t.Errorf("%s: nothing was left to finish: were the right calls hit?", entry)
		}
	}
}
