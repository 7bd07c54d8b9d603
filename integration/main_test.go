// Package integration tests the real binary: real processes, a real ~/.aws, an STS that is as
// strict as AWS's, and the faults of both.
package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const account = "111122223333"

// binary is the sts-helper under test, and scratch a directory for as long as the tests run.
var binary, scratch string

func TestMain(m *testing.M) {
	defaultSignals()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "sts-helper-test-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		scratch = dir
		if binary, err = harness.Build(dir, "cmd/sts-helper"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// world is an STS and a user's home whose profile "base" has the user's key.
type world struct {
	*harness.Home
	sts  *emulator.Emulator
	user *emulator.User
}

func newWorld(t testing.TB) *world {
	t.Helper()
	e := emulator.New(emulator.World{})
	u := e.AddUser(account, "alice")
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return &world{Home: newHome(t, e, u), sts: e, user: u}
}

func newHome(t testing.TB, e *emulator.Emulator, u *emulator.User) *harness.Home {
	t.Helper()
	h, err := harness.NewHome(filepath.Join(t.TempDir(), "home"), binary, e.URL())
	if err != nil {
		t.Fatal(err)
	}
	must(t, h.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base\nregion = eu-west-1\n"))
	must(t, h.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
	return h
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run runs the helper; a secret where none belongs fails the test, whatever it is about.
func (w *world) run(t testing.TB, args ...string) harness.Result {
	t.Helper()
	return w.finish(t, w.command(t, args...))
}

func (w *world) command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	t.Cleanup(cancel)
	return w.Command(ctx, args...)
}

func (w *world) finish(t testing.TB, cmd *exec.Cmd) harness.Result {
	t.Helper()
	r := harness.Finish(cmd)
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

// document is a credential_process document as SDKs read it.
type document struct {
	Version                                                           int
	AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId string
}

// creds are the credentials of a run that must have succeeded in every respect: one line,
// nothing on standard error, a token that STS knows and that has not ended.
func (w *world) creds(t testing.TB, r harness.Result) document {
	t.Helper()
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("exit %d, stderr %q", r.Code, r.Stderr)
	}
	return w.parse(t, r.Stdout)
}

func (w *world) parse(t testing.TB, stdout string) document {
	t.Helper()
	var d document
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || strings.Count(stdout, "\n") != 1 || !strings.HasSuffix(stdout, "}\n") {
		t.Fatalf("%q is not one line of JSON: %v", stdout, err)
	}
	if !w.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.SessionToken) {
		t.Fatalf("the parts of %s do not belong together", d.AccessKeyId)
	}
	end, err := time.Parse("2006-01-02T15:04:05Z", d.Expiration)
	if err != nil {
		t.Fatal(err)
	}
	if !end.After(time.Now()) {
		t.Fatalf("expired credentials: %s", d.Expiration)
	}
	return d
}

// need skips a test whose tool is missing; where CI is set it fails, since there every tool
// is to be installed.
func need(t testing.TB, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", tool)
		}
		t.Skipf("%s is not installed", tool)
	}
	return path
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
