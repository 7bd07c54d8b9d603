package daily_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

const devConfig = "[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\nregion = eu-west-1\n"

// setupWorld is alice with her key and a role.
func setupWorld(t *testing.T) *harness.World {
	t.Helper()
	w := harness.NewWorld(t)
	w.STS.AddRole(harness.Account, "deploy")
	harness.Must(t, w.Write(".aws/config", devConfig))
	return w
}

// No is the answer to Enter, and nothing has changed then.
func TestSetupAsks(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	for _, answer := range []string{"\n", "n\n", "\x04"} {
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, "setup")
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		tt.Await("Write this? [y/N] ", 1)
		tt.Type(answer)
		r := j.Result(t)
		if want := map[bool]int{true: harness.ExitInteraction, false: 0}[answer == "\x04"]; r.Code != want {
			t.Errorf("%q: exit %d, want %d: %s", answer, r.Code, want, tt.Screen())
		}
		if got := w.Read(t, ".aws/config"); got != devConfig {
			t.Errorf("%q: %q", answer, got)
		}
	}
	if n := w.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// A profile that cannot be tried is said to be one, with the exit code of its error, and can be undone.
func TestSetupTries(t *testing.T) {
	t.Parallel()
	w := setupWorld(t)
	harness.Must(t, w.Write(".aws/config", devConfig+strings.NewReplacer("dev", "ops", "deploy", "nosuch").Replace(devConfig)))
	r := w.Run(t, "setup", "--yes")
	if r.Code != harness.ExitDenied || !strings.Contains(r.Stdout, "dev works: ") || !strings.Contains(r.Stdout, "ops is set up, and does not work yet: ") ||
		!strings.Contains(r.Stderr, "1 of 2 profiles do not work; to undo the changes, run: sts-helper setup --remove") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	// A device needs a user: that is no failure of the setup.
	m := harness.NewMFAWorld(t)
	harness.Must(t, m.Write(".aws/config", strings.Replace(devConfig, "dev", "app", 1)+"mfa_serial = "+m.Device.SerialNumber+"\n"))
	r = m.Run(t, "setup", "--yes")
	if r.Code != 0 || !strings.Contains(r.Stdout, "app is set up, and does not work yet: ") || !strings.Contains(r.Stdout, "sts-helper login app") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}
