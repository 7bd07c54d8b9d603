package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// terminal is a pseudo-terminal seen from the side of the person at it.
type terminal struct {
	t     *testing.T
	human *os.File // what is typed and seen
	line  *os.File // the terminal itself

	mu   sync.Mutex
	seen strings.Builder
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	human, line, err := pty.Open()
	must(t, err)
	// A file in non-blocking mode can be closed while it is being read.
	fd, err := unix.FcntlInt(human.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	must(t, err)
	must(t, unix.SetNonblock(fd, true))
	human.Close()
	tt := &terminal{t: t, human: os.NewFile(uintptr(fd), "ptmx"), line: line}
	t.Cleanup(func() { tt.human.Close(); line.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := tt.human.Read(b)
			if err != nil {
				return
			}
			tt.mu.Lock()
			tt.seen.Write(b[:n])
			tt.mu.Unlock()
		}
	}()
	return tt
}

func (tt *terminal) screen() string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.seen.String()
}

// prompt is the end of every question.
const prompt = "six digits ("

// sees waits until a text has been on the screen n times.
func (tt *terminal) sees(text string, n int) {
	tt.t.Helper()
	for end := time.Now().Add(60 * time.Second); strings.Count(tt.screen(), text) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			tt.t.Fatalf("never saw %q %d times; saw:\n%s", text, n, tt.screen())
		}
	}
}

func (tt *terminal) types(keys string) {
	tt.t.Helper()
	if _, err := tt.human.WriteString(keys); err != nil {
		tt.t.Fatal(err)
	}
}

// job is a command that has been started.
type job struct {
	cmd       *exec.Cmd
	out, errs bytes.Buffer
	ended     chan struct{}
	began     time.Time
}

// start runs cmd in a session of its own on the terminal, or on none where tt is nil, as a
// program that captures both streams.
func (tt *terminal) start(t *testing.T, cmd *exec.Cmd) *job {
	t.Helper()
	j := &job{cmd: cmd, ended: make(chan struct{}), began: time.Now()}
	if cmd.Stdout == nil {
		cmd.Stdout = &j.out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &j.errs
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tt != nil {
		cmd.ExtraFiles = []*os.File{tt.line}
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
	}
	must(t, cmd.Start())
	go func() { defer close(j.ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); <-j.ended })
	return j
}

// result waits for the end.
func (j *job) result(t *testing.T) harness.Result {
	t.Helper()
	select {
	case <-j.ended:
	case <-time.After(80 * time.Second):
		t.Fatalf("it hangs: %v", j.cmd.Args)
	}
	r := harness.Result{Stdout: j.out.String(), Stderr: j.errs.String(), Code: j.cmd.ProcessState.ExitCode(), Wall: time.Since(j.began)}
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

// modes is the state of the terminal, to see whether it is left as it was found.
func (tt *terminal) modes() term.State {
	tt.t.Helper()
	s, err := term.GetState(int(tt.line.Fd()))
	must(tt.t, err)
	return *s
}

// crowdOn starts n helpers in one session on the terminal, or on none, helper number i with
// the arguments that args gives; they share the terminal's foreground. The results come in
// order.
func (w *world) crowdOn(t *testing.T, tt *terminal, n int, args string, started func(session int)) []harness.Result {
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
	j := tt.start(t, cmd)
	if started != nil {
		started(cmd.Process.Pid)
	}
	if r := j.result(t); r.Code != 0 || r.Stderr != "" {
		t.Fatalf("the crowd: exit %d, %s", r.Code, r.Stderr)
	}
	results := make([]harness.Result, n)
	for i := range results {
		read := func(ext string) string {
			b, err := os.ReadFile(filepath.Join(dir, fmt.Sprint(i)+ext))
			must(t, err)
			return string(b)
		}
		r := harness.Result{Stdout: read(".out"), Stderr: read(".err")}
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
