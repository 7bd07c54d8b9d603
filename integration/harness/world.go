package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// Account is the account of the world's user.
const Account = "111122223333"

// World is an STS and a user's home whose profile "base" has the user's key.
type World struct {
	*Home
	STS  *emulator.Emulator
	User *emulator.User
}

// NewWorld starts an STS for the test's time.
func NewWorld(t testing.TB) *World {
	t.Helper()
	e := emulator.New(emulator.World{})
	u := e.AddUser(Account, "alice")
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return &World{Home: userHome(t, e, u), STS: e, User: u}
}

func userHome(t testing.TB, e *emulator.Emulator, u *emulator.User) *Home {
	t.Helper()
	h, err := NewHome(filepath.Join(t.TempDir(), "home"), Binary(t), e.URL())
	if err != nil {
		t.Fatal(err)
	}
	Must(t, h.Write(".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base\nregion = eu-west-1\n"))
	Must(t, h.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", u.AccessKeyID, u.SecretAccessKey)))
	return h
}

// Must ends the test where a step of its preparation fails.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Run runs the helper; a secret where none belongs fails the test, whatever it is about.
func (w *World) Run(t testing.TB, args ...string) Result {
	t.Helper()
	return w.Finish(t, w.Command(t, args...))
}

// Command is the helper with args, not yet started; it is ended with the test at the latest.
func (w *World) Command(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return w.Home.Command(Context(t), args...)
}

// Context ends with the test, and after [Patience] at the latest: a test that has gone wrong waits for
// nothing for ever.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Finish runs a command to its end, and fails the test where a secret shows.
func (w *World) Finish(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	r := Finish(cmd)
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

// Document is a credential_process document as SDKs read it.
type Document struct {
	Version                                                           int
	AccessKeyId, SecretAccessKey, SessionToken, Expiration, AccountId string
}

// Warned runs a command whose standard error is a file, where a user sees warnings, and gives its document and what it
// wrote there.
func (w *World) Warned(t testing.TB, cmd *exec.Cmd) (Document, string) {
	t.Helper()
	errs, err := os.Create(filepath.Join(t.TempDir(), "err"))
	Must(t, err)
	cmd.Stderr = errs
	out, err := cmd.Output()
	Must(t, err)
	Must(t, errs.Close())
	said, err := os.ReadFile(errs.Name())
	Must(t, err)
	return w.Parse(t, string(out)), string(said)
}

// Creds are the credentials of a run that must have succeeded in every respect: one line,
// nothing on standard error, a token that STS knows and that has not ended.
func (w *World) Creds(t testing.TB, r Result) Document {
	t.Helper()
	if r.Code != 0 || r.Stderr != "" {
		t.Fatalf("exit %d, stderr %q", r.Code, r.Stderr)
	}
	return w.Parse(t, r.Stdout)
}

// Parse reads the document that a run printed, as Creds does.
func (w *World) Parse(t testing.TB, stdout string) Document {
	t.Helper()
	var d Document
	if err := json.Unmarshal([]byte(stdout), &d); err != nil || strings.Count(stdout, "\n") != 1 || !strings.HasSuffix(stdout, "}\n") {
		t.Fatalf("%q is not one line of JSON: %v", stdout, err)
	}
	if !w.STS.Owns(d.AccessKeyId, d.SecretAccessKey, d.SessionToken) {
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

// Need skips a test whose tool is missing; where CI is set it fails, since there every tool
// is to be installed.
func Need(t testing.TB, tool string) string {
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

// LastRequest is the last request for one operation of STS.
func (w *World) LastRequest(t testing.TB, op string) emulator.Request {
	t.Helper()
	all := w.STS.Requests()
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Operation == op {
			return all[i]
		}
	}
	t.Fatalf("no %s among %+v", op, all)
	return emulator.Request{}
}

// Read is the content of a file below the home.
func (w *World) Read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.Dir, name))
	Must(t, err)
	return string(b)
}

// Patience is how long tests wait for what must come. It is far more than anything takes, so
// that a busy machine fails no test.
const Patience = 5 * time.Minute

// Await waits until something is so, and gives how long that took.
func Await(t testing.TB, what string, so func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !so() {
		if time.Since(start) > Patience {
			t.Fatalf("%s: not within %s", what, Patience)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}
