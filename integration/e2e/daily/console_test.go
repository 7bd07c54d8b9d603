package daily_test

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A role and a federation token sign in to the console; credentials of GetSessionToken do not, and
// the way round is said.
func TestConsole(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	for _, tt := range []struct {
		args              []string
		destination, want string
	}{
		{[]string{"--source-profile", "base", "--role-arn", role.ARN}, "/console/home?region=us-east-1", ""},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--allow", "s3:Get*", "--region", "eu-west-1", "--destination", "s3"}, "/s3/home?region=eu-west-1", ""},
		{[]string{"--source-profile", "base", "--federation-name", "ana", "--allow", "s3:*"}, "/console/home?region=us-east-1", ""},
		{[]string{"--source-profile", "base"}, "", "add --federation-name NAME"},
		{[]string{"--source-profile", "base", "--duration", "5m"}, "", "add --federation-name NAME"},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--duration", "5m"}, "/console/home?region=us-east-1", ""},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--destination", "https://evil.example/"}, "", "is no page of"},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--destination", "../x"}, "", "a service such as s3"},
	} {
		r := w.Run(t, append([]string{"console"}, tt.args...)...)
		if tt.want != "" {
			if r.Code == 0 || r.Stdout != "" || !strings.Contains(r.Stderr, tt.want) {
				t.Errorf("%q: exit %d, %q, %q", tt.args, r.Code, r.Stdout, r.Stderr)
			}
			continue
		}
		u, err := url.Parse(strings.TrimSpace(r.Stdout))
		if err != nil || r.Code != 0 {
			t.Errorf("%q: exit %d, %q, %q", tt.args, r.Code, r.Stdout, r.Stderr)
			continue
		}
		q := u.Query()
		if u.Path != "/federation" || q.Get("Action") != "login" || !strings.HasPrefix(q.Get("SigninToken"), "signin-ASIA") || !strings.HasSuffix(q.Get("Destination"), tt.destination) {
			t.Errorf("%q: %s", tt.args, u)
		}
	}
}

// --open gives the URL to the browser, and to nothing else; where the browser is elsewhere, it is printed.
func TestConsoleOpens(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	opened := filepath.Join(w.Dir, "opened")
	harness.Must(t, w.Write("browser", "#!/bin/sh\nprintf %s \"$1\" > "+opened+".new && mv "+opened+".new "+opened+"\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "browser"), 0o700))
	args := []string{"console", "--open", "--source-profile", "base", "--role-arn", role.ARN, "--destination", "ec2"}
	w.Env["BROWSER"] = filepath.Join(w.Dir, "browser")
	if r := w.Run(t, args...); r.Code != 0 || r.Stdout != "" {
		t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	harness.Await(t, "the browser", func() bool { _, err := os.Stat(opened); return err == nil })
	shown, err := os.ReadFile(opened)
	harness.Must(t, err)
	if u, err := url.Parse(string(shown)); err != nil || u.Query().Get("SigninToken") == "" || !strings.HasSuffix(u.Query().Get("Destination"), "/ec2/home?region=us-east-1") {
		t.Errorf("%q, %v", shown, err)
	}
	delete(w.Env, "BROWSER")
	w.Env["SSH_CONNECTION"] = "192.0.2.1 50000 192.0.2.2 22"
	if r := w.Run(t, args...); r.Code != 0 || !strings.Contains(r.Stdout, "SigninToken=") || r.Stderr != "sts-helper: no browser is opened, since this is an ssh session; open this in one:\n" {
		t.Errorf("over ssh: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// Credentials that have ended for AWS are refused with what to run, which mends it.
func TestConsoleOfAnEndedSession(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.deploy]\nsource_profile = \"base\"\nrole_arn = \""+role.ARN+"\"\n"))
	if r := w.Run(t, "console", "deploy"); r.Code != 0 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	w.STS.SetNow(func() time.Time { return time.Now().Add(2 * time.Hour) })
	r := w.Run(t, "console", "deploy")
	if r.Code != harness.ExitDenied || r.Stdout != "" || !strings.Contains(r.Stderr, "they have ended") || !strings.Contains(r.Stderr, "; run: sts-helper login --force deploy\n") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	w.STS.SetNow(time.Now)
	w.Run(t, "login", "--force", "deploy")
	if r := w.Run(t, "console", "deploy"); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// The sign-in service is trusted by the same certificates as STS: AWS_CA_BUNDLE.
func TestConsoleTrustsTheBundle(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	secure := httptest.NewTLSServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		_, _ = a.Write([]byte(`{"SigninToken":"token-of-tls"}`))
	}))
	t.Cleanup(secure.Close)
	args := []string{"console", "--source-profile", "base", "--role-arn", role.ARN}
	w.Run(t, append(args, "--region", "us-east-1")...)
	// What is fresh is in the cache, so that only the sign-in service is asked there.
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.held]\ngranted = \"held\"\nendpoint_url = \""+secure.URL+"\"\n"))
	sealed := w.Run(t, "grant", "held", "--plain", "--source-profile", "base", "--role-arn", role.ARN, "--allow", "s3:Get*")
	accept := w.Command(t, "accept", "--plain", "--name", "held")
	accept.Stdin = strings.NewReader(sealed.Stdout)
	if r := w.Finish(t, accept); r.Code != 0 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	if r := w.Run(t, "console", "held"); r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "certificate") {
		t.Errorf("without the bundle: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	harness.Must(t, w.Write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))))
	w.Env["AWS_CA_BUNDLE"] = filepath.Join(w.Dir, "ca.pem")
	if r := w.Run(t, "console", "held"); r.Code != 0 || !strings.Contains(r.Stdout, "SigninToken=token-of-tls") {
		t.Errorf("with it: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}
