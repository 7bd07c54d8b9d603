//go:build unix

package mfa_test

import (
	"bytes"
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
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/internal/mfa"
)

// This test binary plays other parts too: the program that asks, on a terminal of its own, and a
// command that is asked for a code.
func TestMain(m *testing.M) {
	defaultSignals()
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
	os.Exit(m.Run())
}

// script is what the asking program is told to do.
type script struct {
	Process, Prompt string
	Serial, Profile string
	Problem         string
	Timeout         time.Duration
	ProcessTimeout  time.Duration
	NotBefore       time.Time
	Attempt         int
	Catch           bool          // it handles SIGINT itself, as the commands do
	Cancel          time.Duration // it gives up after that time
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
	for _, e := range []error{mfa.ErrNobody, mfa.ErrCancelled, mfa.ErrTimeout, mfa.ErrBadCode, mfa.ErrUsed, mfa.ErrProcess} {
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
	src, err := mfa.Pick(mfa.Options{Process: s.Process, ProcessTimeout: s.ProcessTimeout, Prompt: mfa.Prompt(s.Prompt), Profile: s.Profile})
	if err == nil {
		out.Name = src.Name()
		out.Code, err = src.Code(asking, mfa.Question{
			SerialNumber: s.Serial, Profile: s.Profile, Problem: s.Problem,
			Timeout: s.Timeout, NotBefore: s.NotBefore, Attempt: s.Attempt,
		})
	}
	out.Took = time.Since(start)
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

// session is a running program with a terminal, seen from the terminal's other end.
type session struct {
	t      *testing.T
	human  *os.File // what the human types on and sees
	line   *os.File // the terminal itself, to look at its modes
	cmd    *exec.Cmd
	stdout bytes.Buffer
	stderr bytes.Buffer
	ended  chan struct{}

	mu   sync.Mutex
	seen strings.Builder
}

func newTerminal(t *testing.T) *session {
	t.Helper()
	human, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	// A file in non-blocking mode can be closed while it is being read.
	fd, err := unix.FcntlInt(human.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	human.Close()
	human = os.NewFile(uintptr(fd), "ptmx")
	s := &session{t: t, human: human, line: line, ended: make(chan struct{})}
	t.Cleanup(func() { human.Close(); line.Close() })
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := human.Read(b)
			if err != nil {
				return
			}
			s.mu.Lock()
			s.seen.Write(b[:n])
			s.mu.Unlock()
		}
	}()
	return s
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
	s.cmd = exec.Command(os.Args[0])
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "MFA_TEST_ROLE=" + role, "MFA_TEST_SCRIPT=" + string(b)}, env...)
	s.cmd.Stdout, s.cmd.Stderr = &s.stdout, &s.stderr
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if s.line != nil {
		s.cmd.ExtraFiles = []*os.File{s.line}
		s.cmd.SysProcAttr.Setctty, s.cmd.SysProcAttr.Ctty = true, 3
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() { defer close(s.ended); _ = s.cmd.Wait() }()
	s.t.Cleanup(func() { _ = s.cmd.Process.Kill(); <-s.ended })
	return s
}

func (s *session) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen.String()
}

// sees waits until the human has seen a text n times.
func (s *session) sees(text string, n int) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); strings.Count(s.screen(), text) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("never saw %q %d times; saw:\n%s\nstdout: %s\nstderr: %s", text, n, s.screen(), s.stdout.String(), s.stderr.String())
		}
	}
}

func (s *session) types(keys string) {
	s.t.Helper()
	if _, err := s.human.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// result waits for the program and checks what holds in every case: nothing leaks, and stdout has
// its answer and stderr nothing.
func (s *session) result() told {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("it hangs; saw:\n%s", s.screen())
	}
	if s.stderr.Len() > 0 {
		s.t.Errorf("stderr: %s", &s.stderr)
	}
	var r told
	if err := json.Unmarshal(s.stdout.Bytes(), &r); err != nil {
		s.t.Fatalf("stdout %q: %v (%v)", s.stdout.String(), err, s.cmd.ProcessState)
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

// defaultSignals gives this process's children the usual signals where somebody who started
// the tests in the background has them ignored: what is caught here is theirs by default.
func defaultSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}
