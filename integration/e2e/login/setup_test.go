package login_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Profiles whose credentials come from logins and from other programs are taken over under their
// names; what gave the credentials moves beside them, and is asked once for all that share it.
func TestSetupTakesLoginsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	w.signInConsole(t)
	bin := filepath.Join(w.Dir, "tools")
	for _, tool := range []string{"aws-vault", "granted", "saml2aws"} {
		harness.Must(t, w.Write("tools/"+tool, "#!/bin/sh\necho run >> \"$HOME/runs\"\nexec sts-helper --source-profile base\n"))
		harness.Must(t, os.Chmod(filepath.Join(bin, tool), 0o700))
	}
	for _, v := range w.Environ() {
		if path, ok := strings.CutPrefix(v, "PATH="); ok {
			w.Env["PATH"] = bin + string(os.PathListSeparator) + path
		}
	}
	config := w.Read(t, ".aws/config") +
		"[profile v]\nregion = eu-west-1\ncredential_process = aws-vault exec v --json\n" +
		"[profile g]\ncredential_process = granted credential-process --profile g\n" +
		"[profile s]\ncredential_process = saml2aws login --credential-process --profile s\n" +
		"[profile app2]\nrole_arn = arn:aws:iam::" + harness.Account + ":role/app\nsource_profile = v\n"
	harness.Must(t, w.Write(".aws/config", config))
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "# none\n"))

	r := w.Run(t, "setup", "--yes", "corp", "corp2", "console", "v", "g", "s", "app2")
	for _, name := range []string{"corp", "corp2", "console", "v", "g", "s", "app2"} {
		if !strings.Contains(r.Stdout, "\n"+name+" works: good until ") {
			t.Errorf("%s does not work", name)
		}
	}
	if r.Code != 0 || t.Failed() {
		t.Fatalf("exit %d, %s, %q", r.Code, r.Stdout, r.Stderr)
	}
	calls, runs := w.STS.Count(""), w.Read(t, "runs")
	for _, name := range []string{"corp", "corp2", "console", "v", "g", "s", "app2"} {
		w.Creds(t, w.Run(t, "--profile", name))
	}
	if n := w.STS.Count(""); n != calls || w.Read(t, "runs") != runs {
		t.Errorf("%d requests for what is there, programs run %q and %q", n-calls, runs, w.Read(t, "runs"))
	}
	// Logging in goes on under the same name.
	if r := w.Run(t, "login", "corp"); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if r := w.Run(t, "setup", "--remove", "--yes"); r.Code != 0 || w.Read(t, ".aws/config") != config {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stderr, w.Read(t, ".aws/config"))
	}
}
