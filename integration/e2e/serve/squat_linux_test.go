package serve_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// squat listens on an address as another user.
func squat(t *testing.T, address string) (release func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to give a socket to another user")
	}
	// A socket belongs to the user that its thread makes files as, see setfsuid(2).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	harness.Must(t, syscall.Setfsuid(12345))
	ln, err := net.Listen("tcp", address)
	harness.Must(t, syscall.Setfsuid(0))
	harness.Must(t, err)
	return func() { _ = ln.Close() }
}

// again is the same server, started once more.
func again(t *testing.T, s *harness.Server) *harness.Server {
	t.Helper()
	next := &harness.Server{World: s.World, Log: &harness.Output{}, Ended: make(chan struct{}), EnvFile: s.EnvFile}
	next.Cmd = s.World.Command(t, s.Cmd.Args[1:]...)
	next.Begin(t)
	return next
}

// A server that was killed leaves its port, its env-file and its token to the process that comes first. The
// next one says who has the port, takes the env-file away, and gives the old token to no one.
func TestServePortTakenByAnotherUser(t *testing.T) {
	harness.OnlyLinux(t, "it is known who listens")
	w := harness.NewWorld(t)
	address := harness.FreePort(t)
	first := w.Serve(t, "--source-profile", "base", "--listen", address)
	tokenFile := first.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
	old := contents(t, tokenFile)
	harness.Must(t, first.Cmd.Process.Signal(syscall.SIGKILL))
	first.AwaitEnd(t)

	release := squat(t, address)
	second := again(t, first)
	if code := second.AwaitEnd(t); code != harness.ExitConfig {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{"uid 12345 (pid ", "serve.test) listens on " + address, "let systemd hold this one"} {
		if !strings.Contains(second.Log.String(), want) {
			t.Errorf("it does not say %q: %s", want, second.Log)
		}
	}
	if _, err := os.Lstat(first.EnvFile); err == nil {
		t.Error("the env-file still leads to the other user")
	}
	release()

	third := again(t, first)
	third.AwaitReady(t)
	if now := contents(t, tokenFile); now == old {
		t.Error("the old token, which clients may have sent to the other user, is still the token")
	}
	if r := third.Do(t, "GET", third.Base+"/credentials/default", "Authorization", old); r.Status == 200 {
		t.Error("the old token is taken")
	}
	// A clean end strands no client.
	now := contents(t, tokenFile)
	third.Stop(t)
	fourth := again(t, first)
	fourth.AwaitReady(t)
	if contents(t, tokenFile) != now {
		t.Error("a new token after a clean end")
	}
}

// A second server with the same files takes nothing from the first.
func TestServeTwice(t *testing.T) {
	harness.OnlyLinux(t, "it is known who listens")
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--listen", harness.FreePort(t))
	token := contents(t, s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	second := again(t, s)
	second.AwaitEnd(t)
	if want := fmt.Sprintf("uid %d (pid %d, sts-helper) listens on", os.Geteuid(), s.PID()); !strings.Contains(second.Log.String(), want) {
		t.Errorf("it does not say %q: %s", want, second.Log)
	}
	if _, err := os.Lstat(s.EnvFile); err != nil {
		t.Errorf("the env-file of the running server: %v", err)
	}
	if now := contents(t, s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]); now != token {
		t.Error("the token of the running server was replaced")
	}
}

// The token file, deleted under the server, is written again, with its directory.
func TestServeWritesItsTokenAgain(t *testing.T) {
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base")
	file := s.Env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]
	token := contents(t, file)
	for _, remove := range []func() error{
		func() error { return os.Remove(file) },
		func() error { return os.RemoveAll(filepath.Dir(file)) },
	} {
		harness.Must(t, remove())
		harness.Await(t, "the token file", func() bool {
			b, err := os.ReadFile(file)
			return err == nil && string(b) == token
		})
	}
}

func contents(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	harness.Must(t, err)
	return string(b)
}
