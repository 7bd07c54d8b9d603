//go:build unix

package mfa_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/integration/harness/overlap"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// This test binary plays other parts too: the program that asks, on a terminal of its own, and a
// command that is asked for a code.
func TestMain(m *testing.M) {
	harness.DefaultSignals()
	if len(os.Args) == 3 && os.Args[1] == "report" {
		report(os.Args[2])
		return
	}
	switch os.Getenv("MFA_TEST_ROLE") {
	case "ask":
		ask()
		return
	case "background":
		background()
		return
	}
	overlap.Tests()
	os.Exit(m.Run())
}

// script is what the asking program is told to do.
type script struct {
	Process, Prompt string
	Serial, Profile string
	Problem         string
	Timeout         time.Duration
	ProcessTimeout  time.Duration
	Wait            time.Duration // the next code comes after that time
	Attempt         int
	Catch           bool          // it handles SIGINT itself, as the commands do
	Cancel          time.Duration // it gives up after that time
	HangUp          bool          // it gets one more SIGHUP before it answers
	Stay            bool          // it then reads one line of its terminal, as a shell would
}

// told is what it answers on stdout.
type told struct {
	Name, Code, Err string
	Kinds           []string
	Took            time.Duration
	Leaked          string
	Line            string
}

func kinds(err error) (k []string) {
	for _, e := range []error{mfa.ErrNonInteractive, mfa.ErrCancelled, mfa.ErrTimeout, mfa.ErrBadCode, mfa.ErrUsed, mfa.ErrProcess} {
		if errors.Is(err, e) {
			k = append(k, e.Error())
		}
	}
	return k
}

func openFiles() (n int) {
	for fd := range uintptr(256) {
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil {
			n++
		}
	}
	return n
}

func ask() {
	var s script
	if err := json.Unmarshal([]byte(os.Getenv("MFA_TEST_SCRIPT")), &s); err != nil {
		panic(err)
	}
	ctx := context.Background()
	if s.Catch {
		c, stop := signal.NotifyContext(ctx, os.Interrupt)
		defer stop()
		ctx = c
	}
	// What Go starts once and for all is no leak: its signal loop and its poller.
	warm := make(chan os.Signal, 1)
	signal.Notify(warm, syscall.SIGUSR2)
	r, w, _ := os.Pipe()
	r.Close()
	w.Close()
	goroutines, files := runtime.NumGoroutine(), openFiles()

	start := time.Now()
	asking, cancel := context.WithCancel(ctx)
	if s.Cancel > 0 {
		time.AfterFunc(s.Cancel, cancel)
	}
	var out told
	notBefore := time.Time{}
	if s.Wait > 0 {
		notBefore = start.Add(s.Wait)
	}
	src, err := mfa.Pick(mfa.Options{Process: s.Process, ProcessTimeout: s.ProcessTimeout, Prompt: mfa.Prompt(s.Prompt), Profile: s.Profile})
	if err == nil {
		out.Name = src.Name()
		out.Code, err = src.Code(asking, mfa.Question{
			SerialNumber: s.Serial, Profile: s.Profile, Problem: s.Problem,
			Timeout: s.Timeout, NotBefore: notBefore, Attempt: s.Attempt,
		})
	}
	out.Took = time.Since(start)
	if s.HangUp {
		_ = syscall.Kill(os.Getpid(), syscall.SIGHUP)
		time.Sleep(10 * time.Millisecond) // to die in, if it does
	}
	cancel()
	if err != nil {
		out.Err, out.Kinds = err.Error(), kinds(err)
	}
	for range 50 { // goroutines that are ending may take a moment
		if out.Leaked = ""; runtime.NumGoroutine() > goroutines || openFiles() > files {
			stacks := make([]byte, 1<<16)
			out.Leaked = fmt.Sprintf("%d files more\n%s", openFiles()-files, stacks[:runtime.Stack(stacks, true)])
			time.Sleep(10 * time.Millisecond)
		}
	}
	if s.Stay {
		tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
		if err != nil {
			panic(err)
		}
		fmt.Fprint(tty, "shell$ ")
		b := make([]byte, 100)
		n, _ := tty.Read(b)
		out.Line = string(b[:n])
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}

// background runs the asking program as `prog &` would: same session, another process group.
func background() {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "MFA_TEST_ROLE=ask")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// report is a command that writes down what it was given, and prints a code.
func report(file string) {
	var b strings.Builder
	dir, _ := os.Getwd()
	fmt.Fprintf(&b, "dir %s\n", dir)
	for fd := range uintptr(1024) {
		to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		// Go's runtime opens the CPU limits of its control group for itself.
		if _, err := unix.FcntlInt(fd, unix.F_GETFD, 0); err == nil && !strings.HasPrefix(to, "/sys/fs/cgroup/") {
			fmt.Fprintf(&b, "fd %d %s\n", fd, to)
		}
	}
	for _, kv := range os.Environ() {
		fmt.Fprintf(&b, "env %s\n", kv)
	}
	in, err := io.ReadAll(os.Stdin)
	fmt.Fprintf(&b, "stdin %d %v\n", len(in), err)
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		panic(err)
	}
	fmt.Println("123456")
}

// session is a running program, with a terminal or without one.
type session struct {
	t                 *testing.T
	*harness.Terminal // nil for none
	*harness.Job
}

func newTerminal(t *testing.T) *session {
	t.Helper()
	return &session{t: t, Terminal: harness.NewTerminal(t)}
}

// start runs the program in a session of its own, on the terminal where there is one, with stdin
// empty and stdout and stderr captured, as botocore does.
func (s *session) start(role string, sc script, env ...string) *session {
	s.t.Helper()
	if sc.Timeout == 0 {
		sc.Timeout = 20 * time.Second
	}
	b, err := json.Marshal(sc)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "MFA_TEST_ROLE=" + role, "MFA_TEST_SCRIPT=" + string(b)}, env...)
	s.Job = harness.Start(s.t, s.Terminal, cmd)
	return s
}

// result waits for the program and checks what holds in every case: nothing leaks, and stdout has
// its answer and stderr nothing.
func (s *session) result() told {
	s.t.Helper()
	ended := s.Result(s.t)
	if ended.Stderr != "" {
		s.t.Errorf("stderr: %s", ended.Stderr)
	}
	var r told
	if err := json.Unmarshal([]byte(ended.Stdout), &r); err != nil {
		s.t.Fatalf("stdout %q: %v (exit %d)", ended.Stdout, err, ended.Code)
	}
	if r.Leaked != "" {
		s.t.Errorf("leaked: %s", r.Leaked)
	}
	return r
}

// is checks for exactly one kind of error, or for none and the code.
func (r told) is(t *testing.T, kind error, words ...string) {
	t.Helper()
	if kind == nil {
		if r.Err != "" || r.Code != "123456" {
			t.Errorf("got %q, %s", r.Code, r.Err)
		}
		return
	}
	if r.Code != "" || len(r.Kinds) != 1 || r.Kinds[0] != kind.Error() {
		t.Errorf("got %q, %s (%v); want %v", r.Code, r.Err, r.Kinds, kind)
	}
	for _, w := range words {
		if !strings.Contains(r.Err, w) {
			t.Errorf("the error does not say %q: %s", w, r.Err)
		}
	}
	if strings.ContainsAny(r.Err, "\n\x1b") {
		t.Errorf("not one safe line: %q", r.Err)
	}
}
