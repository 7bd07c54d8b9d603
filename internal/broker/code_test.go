package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// mfaWorld is a world with a user "bob" who has a device.
type mfaWorld struct {
	*world
	device *emulator.MFADevice
}

func newMFAWorld(t *testing.T) *mfaWorld {
	t.Helper()
	w := newWorld(t)
	user := w.sts.AddUser("111122223333", "bob")
	f, err := os.OpenFile(filepath.Join(w.dir, ".aws", "credentials"), os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = fmt.Fprintf(f, "[bob]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKeyID, user.SecretAccessKey)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return &mfaWorld{w, w.sts.AddMFADevice(user, "bob")}
}

// ask asks for a session of the given duration, so that each is another token, with a code.
func (w *mfaWorld) ask(t *testing.T, duration, code string, opts broker.Options) (cache.Answer, error) {
	t.Helper()
	flags := settings.Flags{"source-profile": {"bob"}, "mfa-serial": {w.device.SerialNumber}, "duration": {duration}, "prompt": {"never"}}
	if code != "" {
		flags.Set("mfa-code", code)
	}
	req, err := settings.Load(flags, w.env)
	if err != nil {
		t.Fatal(err)
	}
	opts.Env = w.env // else it would be this user's own, spare directory included
	p, err := broker.New(req, opts)
	if err != nil {
		t.Fatal(err)
	}
	return p.Token(t.Context())
}

func (w *mfaWorld) wrongCode(n int) string {
	now := w.sts.Now()
	for i := n * 1000; ; i++ {
		code, good := fmt.Sprintf("%06d", i), false
		for step := -10; step <= 10; step++ {
			good = good || code == w.device.Code(now.Add(time.Duration(step)*30*time.Second))
		}
		if !good {
			return code
		}
	}
}

// A code is sent once, whatever it is wanted for.
func TestCodeIsSentOnce(t *testing.T) {
	w := newMFAWorld(t)
	code := w.device.Code(w.sts.Now())
	if _, err := w.ask(t, "1h", code, broker.Options{}); err != nil {
		t.Fatal(err)
	}
	_, err := w.ask(t, "2h", code, broker.Options{})
	if failure.ClassOf(err) != failure.InteractionRequired || w.sts.Count("GetSessionToken") != 1 {
		t.Errorf("%v, class %s, %d calls", err, failure.ClassOf(err), w.sts.Count("GetSessionToken"))
	}
	if _, err := w.ask(t, "1h", "", broker.Options{}); err != nil {
		t.Errorf("what is in the cache takes no code: %v", err)
	}
}

// After three refused codes none is sent for a while, but at a login.
func TestRefusedCodes(t *testing.T) {
	w := newMFAWorld(t)
	for i := range 3 {
		_, err := w.ask(t, fmt.Sprintf("%dh", i+1), w.wrongCode(i), broker.Options{})
		if failure.ClassOf(err) != failure.Denied || strings.Contains(err.Error(), "too many") {
			t.Fatalf("code %d: %v", i, err)
		}
	}
	calls := w.sts.Count("GetSessionToken")
	_, err := w.ask(t, "4h", w.device.Code(w.sts.Now()), broker.Options{LoginCommand: "sts-helper login bob"})
	if failure.ClassOf(err) != failure.Denied || !strings.Contains(err.Error(), "too many codes") || !strings.HasSuffix(err.Error(), "run: sts-helper login bob") || w.sts.Count("GetSessionToken") != calls {
		t.Errorf("%v, class %s", err, failure.ClassOf(err))
	}
	if _, err := w.ask(t, "5h", w.device.Code(w.sts.Now()), broker.Options{Login: true}); err != nil {
		t.Errorf("a login: %v", err)
	}
}

// A code that never left this machine may be sent later; one that may have arrived is not.
func TestCodeThatWasNotSent(t *testing.T) {
	w := newMFAWorld(t)
	code := w.device.Code(w.sts.Now())
	getenv := w.env.Getenv
	w.env.Getenv = func(name string) string {
		if name == "AWS_ENDPOINT_URL_STS" {
			return "http://127.0.0.1:9"
		}
		return getenv(name)
	}
	if _, err := w.ask(t, "1h", code, broker.Options{}); failure.ClassOf(err) != failure.Unreachable {
		t.Fatalf("%v", err)
	}
	w.env.Getenv = getenv
	if _, err := w.ask(t, "2h", code, broker.Options{}); err != nil {
		t.Error(err)
	}
}

// Where there is no way to a code, nothing is sent, and the error says what to run.
func TestNoWayToACode(t *testing.T) {
	w := newMFAWorld(t)
	for _, opts := range []broker.Options{
		{LoginCommand: "sts-helper login bob"},
		{LoginCommand: "sts-helper login bob", NonInteractive: true},
	} {
		_, err := w.ask(t, "1h", "", opts)
		if failure.ClassOf(err) != failure.InteractionRequired || !strings.Contains(err.Error(), "sts-helper login bob") || w.sts.Count("") != 0 || !broker.LoginRequired(err) {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}
