package harness

import (
	"errors"
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
)

// Terminal is a pseudo-terminal seen from the side of the user at it.
type Terminal struct {
	t      *testing.T
	Master *os.File // what is typed and seen
	Line   *os.File // the terminal itself

	mu   sync.Mutex
	seen strings.Builder
	read chan struct{} // closed when all has been read
}

// NewTerminal opens a terminal, which is closed with the test.
func NewTerminal(t *testing.T) *Terminal {
	t.Helper()
	master, line, err := pty.Open()
	Must(t, err)
	// A file in non-blocking mode can be closed while it is being read.
	fd, err := unix.FcntlInt(master.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	Must(t, err)
	Must(t, unix.SetNonblock(fd, true))
	Must(t, master.Close())
	tt := &Terminal{t: t, Master: os.NewFile(uintptr(fd), "ptmx"), Line: line, read: make(chan struct{})}
	t.Cleanup(func() { _ = tt.Master.Close(); _ = line.Close() })
	go func() {
		defer close(tt.read)
		b := make([]byte, 4096)
		for {
			n, err := tt.Master.Read(b)
			tt.mu.Lock()
			tt.seen.Write(b[:n])
			tt.mu.Unlock()
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded): // see Rest
				_ = tt.Master.SetReadDeadline(time.Time{})
			case err != nil:
				return
			}
		}
	}()
	return tt
}

// Screen is all that has been shown so far.
func (tt *Terminal) Screen() string {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	return tt.seen.String()
}

// Rest is all that was ever shown, once nothing that runs has the terminal open; it cannot be
// used after that.
func (tt *Terminal) Rest() string {
	tt.t.Helper()
	_ = tt.Line.Close()
	patience := time.After(Patience)
	// The poller is told once that the last process has closed the terminal, and on a busy
	// machine that word has been lost. So the reader looks for itself now and then.
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-tt.read:
			return tt.Screen()
		case <-look.C:
			_ = tt.Master.SetReadDeadline(time.Now())
		case <-patience:
			tt.t.Fatalf("still open in %q is the terminal, which shows:\n%s", tt.holders(), tt.Screen())
		}
	}
}

// holders is the processes that have the terminal open, as /proc shows them.
func (tt *Terminal) holders() []string {
	var all []string
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		if to, _ := os.Readlink(l); to == tt.Line.Name() {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(l), "../cmdline"))
			all = append(all, l+" "+strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	return all
}

// Prompt is the end of every question.
const Prompt = "six digits ("

// Await waits until a text has been on the screen n times.
func (tt *Terminal) Await(text string, n int) {
	tt.t.Helper()
	defer func() {
		if tt.t.Failed() {
			tt.t.Logf("the screen shows:\n%s", tt.Screen())
		}
	}()
	Await(tt.t, fmt.Sprintf("%q, %d times", text, n), func() bool { return strings.Count(tt.Screen(), text) >= n })
}

// AwaitHidden waits until a prompt has been shown and what is typed is not.
func (tt *Terminal) AwaitHidden(prompt string) {
	tt.t.Helper()
	tt.Await(prompt, 1)
	Await(tt.t, "no echo", func() bool { return !tt.Echoes() })
}

// Echoes reports whether the terminal shows what is typed.
func (tt *Terminal) Echoes() bool {
	tt.t.Helper()
	state, err := unix.IoctlGetTermios(int(tt.Line.Fd()), getTermios)
	Must(tt.t, err)
	return state.Lflag&unix.ECHO != 0
}

// Type types keys.
func (tt *Terminal) Type(keys string) {
	tt.t.Helper()
	if _, err := tt.Master.WriteString(keys); err != nil {
		tt.t.Fatal(err)
	}
}

// Job is a command that has been started.
type Job struct {
	Cmd    *exec.Cmd
	Stderr Output
	stdout Output
	ended  chan struct{}
	began  time.Time
}

// Start runs cmd in a session of its own on the terminal, or on none where tt is nil, as a
// program that captures both streams.
func Start(t *testing.T, tt *Terminal, cmd *exec.Cmd) *Job {
	t.Helper()
	j := &Job{Cmd: cmd, ended: make(chan struct{}), began: time.Now()}
	if cmd.Stdout == nil {
		cmd.Stdout = &j.stdout
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &j.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if tt != nil {
		cmd.ExtraFiles = []*os.File{tt.Line}
		cmd.SysProcAttr.Setctty, cmd.SysProcAttr.Ctty = true, 3
	}
	Must(t, Begin(cmd))
	go func() { defer close(j.ended); _ = cmd.Wait() }()
	t.Cleanup(func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); <-j.ended })
	return j
}

// Running reports whether it has not ended.
func (j *Job) Running() bool {
	select {
	case <-j.ended:
		return false
	default:
		return true
	}
}

// Result waits for the end.
func (j *Job) Result(t *testing.T) Result {
	t.Helper()
	select {
	case <-j.ended:
	case <-time.After(Patience):
		t.Fatalf("it hangs: %v", j.Cmd.Args)
	}
	r := Result{Stdout: j.stdout.String(), Stderr: j.Stderr.String(), Code: j.Cmd.ProcessState.ExitCode(), Wall: time.Since(j.began)}
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

// Modes is the state of the terminal, to see whether it is left as it was found.
func (tt *Terminal) Modes() term.State {
	tt.t.Helper()
	s, err := term.GetState(int(tt.Line.Fd()))
	Must(tt.t, err)
	return *s
}
