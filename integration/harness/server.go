package harness

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Output is what a running process has written so far.
type Output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write adds to it.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// Server is a running "sts-helper serve".
type Server struct {
	World   *World
	Cmd     *exec.Cmd
	Log     *Output
	EnvFile string
	Env     map[string]string // of the env-file
	Base    string            // http://127.0.0.1:PORT
	Ended   chan struct{}
}

// Serve starts a server with args and waits until it is ready. Unless the test ends it, it
// is ended with the test; no secret may be in its log.
func (w *World) Serve(t testing.TB, args ...string) *Server {
	t.Helper()
	s := w.PrepareServer(t, args...)
	s.Begin(t)
	s.AwaitReady(t)
	return s
}

// PrepareServer is a server that was not started yet.
func (w *World) PrepareServer(t testing.TB, args ...string) *Server {
	t.Helper()
	run := filepath.Join(w.Dir, "run")
	Must(t, os.MkdirAll(run, 0o700))
	w.Env["XDG_RUNTIME_DIR"] = run
	s := &Server{World: w, Log: &Output{}, Ended: make(chan struct{}), EnvFile: filepath.Join(t.TempDir(), "serve.env")}
	args = append([]string{"serve", "--env-file", s.EnvFile}, args...)
	if !strings.Contains(strings.Join(args, " "), "--listen") {
		args = append(args, "--listen", "127.0.0.1:0")
	}
	if systemTags != "" && slices.Contains(args, "--imds") && !slices.Contains(args, "--imds-for-every-user") {
		args = append(args, "--imds-for-every-user") // or it would be refused: users are not told apart there
	}
	s.Cmd = w.Home.Command(context.Background(), args...)
	return s
}

// Begin starts it.
func (s *Server) Begin(t testing.TB) {
	t.Helper()
	s.Cmd.Stdout, s.Cmd.Stderr = s.Log, s.Log
	s.Cmd.WaitDelay = 5 * time.Second
	Must(t, s.Cmd.Start()) // not by Begin: it may run for longer than a test waits
	go func() { _ = s.Cmd.Wait(); close(s.Ended) }()
	t.Cleanup(func() {
		_ = s.Cmd.Process.Signal(syscall.SIGCONT)
		s.Stop(t)
		if strings.Contains(s.Log.String(), Canary) {
			t.Errorf("a secret in the log:\n%s", s.Log)
		}
		if t.Failed() {
			t.Logf("the server's log, requests left out:\n%.8000s", withoutRequests(s.Log.String()))
		}
	})
}

func withoutRequests(log string) (rest string) {
	for line := range strings.Lines(log) {
		if !strings.Contains(line, "msg=request ") {
			rest += line
		}
	}
	return rest
}

// AwaitReady waits for the env-file and reads it.
func (s *Server) AwaitReady(t testing.TB) {
	t.Helper()
	Await(t, "the env-file", func() bool {
		select {
		case <-s.Ended:
			t.Fatalf("the server ended:\n%s", s.Log)
		default:
		}
		b, err := os.ReadFile(s.EnvFile)
		s.Env = assignments(string(b))
		return err == nil
	})
	for _, v := range s.Env {
		if rest, ok := strings.CutPrefix(v, "http://"); ok {
			host, _, _ := strings.Cut(rest, "/")
			s.Base = "http://" + host
		}
	}
}

func assignments(text string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		env[name] = value
	}
	return env
}

// Stop ends the server as a service manager does, and gives its exit code.
func (s *Server) Stop(t testing.TB) int {
	t.Helper()
	select {
	case <-s.Ended:
		return s.Cmd.ProcessState.ExitCode()
	default:
	}
	_ = s.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.Ended:
	case <-time.After(Patience):
		_ = s.Cmd.Process.Kill()
		<-s.Ended
		t.Error("the server did not end after SIGTERM")
	}
	return s.Cmd.ProcessState.ExitCode()
}

// AwaitEnd waits until the server has ended by itself, or by the signal that it was sent, and gives its
// exit code.
func (s *Server) AwaitEnd(t testing.TB) int {
	t.Helper()
	select {
	case <-s.Ended:
	case <-time.After(Patience):
		t.Fatalf("the server did not end:\n%.8000s", withoutRequests(s.Log.String()))
	}
	return s.Cmd.ProcessState.ExitCode()
}

// PID is its process id.
func (s *Server) PID() int { return s.Cmd.Process.Pid }

// Proc reads a file of the server's in /proc.
func (s *Server) Proc(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", s.PID(), name))
	Must(t, err)
	return string(b)
}

// FreePort is an address no process listens on at the moment. Its port is none of those (from 32768 on Linux, 49152
// elsewhere) that a kernel chooses for others, so that no connection and no listener on port 0 takes it meanwhile.
func FreePort(t *testing.T) string {
	t.Helper()
	for range 1000 {
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(12000)))
		if err == nil {
			defer func() { _ = ln.Close() }()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port between 20000 and 32000 is free")
	return ""
}

// Port is where it listens.
func (s *Server) Port() string { return s.Base[strings.LastIndexByte(s.Base, ':')+1:] }

// StatusField is a number of kilobytes from /proc/PID/status.
func (s *Server) StatusField(t testing.TB, name string) int {
	t.Helper()
	for line := range strings.Lines(s.Proc(t, "status")) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			n, err := strconv.Atoi(strings.Fields(rest)[0])
			Must(t, err)
			return n
		}
	}
	t.Fatalf("no %s in /proc/PID/status", name)
	return 0
}

// Descriptors is how many files and sockets it has open.
func (s *Server) Descriptors(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.PID()))
	Must(t, err)
	return len(fds)
}

// Goroutines is how many it says it has, at its metrics' address.
func (s *Server) Goroutines(t testing.TB, metrics string) int {
	t.Helper()
	for line := range strings.Lines(s.Do(t, "GET", "http://"+metrics+"/metrics").Body) {
		if rest, ok := strings.CutPrefix(line, "go_goroutines "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			Must(t, err)
			return n
		}
	}
	t.Fatal("no go_goroutines")
	return 0
}
