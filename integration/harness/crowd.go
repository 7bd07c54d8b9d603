package harness

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// Crowd is how many processes a machine may start at once.
const Crowd = 500

// GatedSource gives the home a source profile of that name, whose keys come from another helper
// that waits until release is called. So the one that holds the lock can be kept there, for
// 20 s at most, until a crowd has gathered behind it.
func (w *World) GatedSource(t *testing.T) (release func()) {
	t.Helper()
	gate := filepath.Join(w.Dir, "open")
	Must(t, w.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.User.AccessKeyID, w.User.SecretAccessKey)))
	Must(t, w.Write(".aws/config", fmt.Sprintf("[profile gated]\ncredential_process = while ! test -e %s; do sleep 0.05; done; cat %s/keys\n", gate, w.Dir)))
	return func() { Must(t, os.WriteFile(gate, nil, 0o600)) }
}

// RunTogether starts n helpers, calls started once all run, and gives their results.
func (w *World) RunTogether(t *testing.T, n int, started func(), args ...string) []Result {
	t.Helper()
	type running struct {
		cmd       *exec.Cmd
		out, errs bytes.Buffer
	}
	all := make([]*running, n)
	for i := range all {
		r := &running{cmd: w.Command(t, args...)}
		r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
		Must(t, r.cmd.Start())
		all[i] = r
	}
	if started != nil {
		started()
	}
	results := make([]Result, n)
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			_ = r.cmd.Wait()
			results[i] = Result{Stdout: r.out.String(), Stderr: r.errs.String(), Code: r.cmd.ProcessState.ExitCode()}
			if err := results[i].Leaks(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return results
}

// CrowdOn starts n helpers in one session on the terminal, or on none, helper number i with
// the arguments that args gives; they share the terminal's foreground. The results come in
// order.
func (w *World) CrowdOn(t *testing.T, tt *Terminal, n int, args string, started func(session int)) []Result {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`i=0
while [ $i -lt %d ]; do
	( "$0" %s >%[3]s/$i.out 2>%[3]s/$i.err </dev/null; echo $? >%[3]s/$i.code ) &
	i=$((i + 1))
done
wait`, n, args, dir)
	cmd := exec.Command("sh", "-c", script, w.Bin)
	cmd.Env, cmd.Dir = w.Environ(), w.Dir
	j := Start(t, tt, cmd)
	if started != nil {
		started(cmd.Process.Pid)
	}
	if r := j.Result(t); r.Code != 0 || r.Stderr != "" {
		t.Fatalf("the crowd: exit %d, %s", r.Code, r.Stderr)
	}
	results := make([]Result, n)
	for i := range results {
		read := func(ext string) string {
			b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)+ext))
			Must(t, err)
			return string(b)
		}
		r := Result{Stdout: read(".out"), Stderr: read(".err")}
		if _, err := fmt.Sscan(read(".code"), &r.Code); err != nil {
			t.Fatal(err)
		}
		if err := r.Leaks(); err != nil {
			t.Error(err)
		}
		results[i] = r
	}
	return results
}

// AwaitAsleep waits until n helpers that this process started wait for somebody.
func AwaitAsleep(t *testing.T, n int) {
	t.Helper()
	awaitAsleep(t, n, func(parent, _ int) bool { return parent == os.Getpid() })
}

// AwaitAsleepIn waits until n helpers of a session wait for somebody.
func AwaitAsleepIn(t *testing.T, session, n int) {
	t.Helper()
	awaitAsleep(t, n, func(_, of int) bool { return of == session })
}

// awaitAsleep waits until n helpers that belong have each been found asleep three times: past
// their start, that is, and at the polling that a wait consists of. They need not all be
// found so at once, which on a busy machine hundreds that poll never are.
func awaitAsleep(t *testing.T, n int, belongs func(parent, session int) bool) {
	t.Helper()
	seen := map[string]int{}
	asleep := 0
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range stats {
			b, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			_, after, ok := strings.Cut(string(b), "(sts-helper) ")
			if !ok {
				continue
			}
			var state string
			var parent, group, session int
			if _, err := fmt.Sscan(after, &state, &parent, &group, &session); err != nil || state != "S" || !belongs(parent, session) {
				continue
			}
			if seen[file]++; seen[file] == 3 {
				asleep++
			}
		}
		if asleep >= n {
			return
		}
	}
	t.Fatalf("%d of %d helpers wait", asleep, n)
}
