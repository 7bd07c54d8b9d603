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
// that waits until release is called. So the one that holds the lock can be kept there until a
// crowd has gathered behind it, for 20 s at most: see [Gather].
func (w *World) GatedSource(t *testing.T) (release func()) {
	t.Helper()
	gate := filepath.Join(w.Dir, "open")
	Must(t, w.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.User.AccessKeyID, w.User.SecretAccessKey)))
	// In a script: a file that the line itself names is part of whom the source speaks for.
	Must(t, w.Write("gated", fmt.Sprintf("while ! test -e %s; do sleep 0.05; done; cat %s/keys\n", gate, w.Dir)))
	Must(t, w.Write(".aws/config", fmt.Sprintf("[profile gated]\ncredential_process = sh %s/gated\n", w.Dir)))
	return func() {
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Error(err)
		}
	}
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
		Must(t, Begin(r.cmd))
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

// AwaitAsleep waits until n helpers of a session wait for another.
func AwaitAsleep(t *testing.T, session, n int) {
	t.Helper()
	seen := sleepers{}
	Await(t, fmt.Sprintf("%d helpers that wait", n), func() bool {
		return seen.look(func(_, of int) bool { return of == session }) >= n
	})
}

// Gather gives a crowd of this process's children, or of a session, time to gather behind the
// one they wait for, and reports whether all did. That one gives up after a while, so on a
// busy machine some may come later, and find what it has got.
func Gather(t *testing.T, session, n int, limit time.Duration) bool {
	t.Helper()
	seen := sleepers{}
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		if seen.look(func(parent, of int) bool { return of == session || session == 0 && parent == os.Getpid() }) >= n {
			return true
		}
	}
	t.Logf("after %s not all of %d helpers wait", limit, n)
	return false
}

// sleepers counts how often each helper was found asleep.
type sleepers map[string]int

// look gives how many helpers that belong were found asleep three times: past their start,
// that is, and at the polling that a wait consists of. They need not all be found so at once,
// which on a busy machine hundreds that poll never are.
func (s sleepers) look(belongs func(parent, session int) bool) (asleep int) {
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
		if _, err := fmt.Sscan(after, &state, &parent, &group, &session); err == nil && state == "S" && belongs(parent, session) {
			s[file]++
		}
	}
	for _, n := range s {
		if n >= 3 {
			asleep++
		}
	}
	return asleep
}
