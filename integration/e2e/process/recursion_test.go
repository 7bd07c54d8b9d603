package process_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A profile whose credential_process leads back to the same request ends at once, and says
// which profile to change. With and without a shell script in between, and over two profiles.
func TestCallingOneself(t *testing.T) {
	w := harness.NewWorld(t)
	harness.Must(t, w.Write("wrap", "#!/bin/sh\nexec sts-helper \"$@\"\n"))
	harness.Must(t, w.Write(".aws/config", strings.ReplaceAll(`[profile self]
credential_process = sts-helper --source-profile self
[profile wrapped]
credential_process = sh HOME/wrap --source-profile wrapped
[profile ping]
credential_process = sh HOME/wrap --source-profile pong
[profile pong]
credential_process = sh HOME/wrap --source-profile ping
[profile bare]
credential_process = sts-helper
[profile role]
role_arn = arn:aws:iam::111122223333:role/r
source_profile = roleless
[profile roleless]
credential_process = sh HOME/wrap --source-profile role
[profile growing]
credential_process = sh HOME/wrap --source-profile growing --duration $((3600 + $$))
`, "HOME", w.Dir)))
	for _, tc := range []struct{ profile, env, named string }{
		{"self", "", `"self`},
		{"wrapped", "", `"wrapped`},
		{"ping", "", `"p`},
		{"role", "", `"ro`},
		{"growing", "", `"growing`},
		{"", "AWS_PROFILE=bare", "config:10: credential_process"},
	} {
		t.Run(tc.profile+tc.env, func(t *testing.T) {
			var args []string
			if tc.profile != "" {
				args = []string{"--source-profile", tc.profile}
			}
			cmd := w.Command(t, args...)
			cmd.Env = append(cmd.Env, tc.env)
			r := w.Finish(t, cmd)
			if r.Code != harness.ExitConfig && r.Code != harness.ExitSource || r.Stdout != "" {
				t.Fatalf("exit %d, %q", r.Code, r.Stderr)
			}
			if strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, tc.named) || !strings.Contains(r.Stderr, "sts-helper") {
				t.Errorf("the error does not name the profile: %q", r.Stderr)
			}
			t.Logf("%s: %s", r.Wall, strings.TrimSpace(r.Stderr))
		})
	}
	if n := w.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// Helpers that call one another and come to an end are fine.
func TestChainOfHelpers(t *testing.T) {
	w := harness.NewWorld(t)
	harness.Must(t, w.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.User.AccessKeyID, w.User.SecretAccessKey)))
	role := w.STS.AddRole(harness.Account, "deploy")
	harness.Must(t, w.Write(".aws/config", strings.ReplaceAll(`[profile keys]
credential_process = cat HOME/keys
[profile session]
credential_process = sts-helper --source-profile keys
[profile role]
credential_process = sts-helper --source-profile session --role-arn `+role.ARN+`
`, "HOME", w.Dir)))
	cmd := w.Command(t, "--source-profile", "role", "--role-arn", role.ARN, "--role-session-name", "second")
	d := w.Creds(t, w.Finish(t, cmd))
	if id, _ := w.STS.Lookup(d.AccessKeyId); id.RoleSessionName != "second" {
		t.Errorf("%+v", id)
	}
}
