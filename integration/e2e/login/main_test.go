// Package login tests logins of IAM Identity Center and of "aws login": how a user logs in and
// out at a terminal, and how processes share what that brings.
package login_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const startURL = "https://d-1234567890.awsapps.com/start"

// world is a home whose profiles are logins: "corp" and "corp2" by IAM Identity Center, with a
// name that needs quotes, "old" by the old form, "console" by "aws login". The entries app,
// app-old and app-console assume a role from them.
type world struct {
	*harness.World
	arn       string // of the console's user
	sso, cons string // the login files
	ahead     time.Duration
}

// later lets time pass at AWS.
func (w *world) later() {
	w.ahead += 20 * time.Minute
	ahead := w.ahead
	w.STS.SetNow(func() time.Time { return time.Now().Add(ahead) })
}

func newWorld(t *testing.T) *world {
	t.Helper()
	h := harness.NewWorld(t)
	h.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: startURL, Region: "eu-west-1", PollSeconds: 1, Users: []emulator.DirectoryUser{
		{Name: "alice", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}},
		{Name: "bob", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}},
	}})
	carol := h.STS.AddUser(harness.Account, "carol")
	h.STS.AddUser(harness.Account, "dave")
	role := h.STS.AddRole(harness.Account, "app")
	w := &world{World: h, arn: carol.ARN,
		sso:  filepath.Join(h.Dir, ".aws/sso/cache", awsconfig.SSOTokenFile("My Corp Ltd")),
		cons: filepath.Join(h.Dir, ".aws/login/cache", awsconfig.LoginFile(carol.ARN))}
	for _, service := range []string{"SSO", "SSO_OIDC", "SIGNIN"} {
		h.Env["AWS_ENDPOINT_URL_"+service] = h.STS.URL()
	}
	const access = "sso_account_id = " + harness.Account + "\nsso_role_name = Admin\nregion = eu-west-1\n"
	harness.Must(t, h.Write(".aws/config", "[sso-session 'My Corp Ltd']\nsso_start_url = "+startURL+"\nsso_region = eu-west-1\nsso_registration_scopes = sso:account:access\n"+
		"[profile corp]\nsso_session = My Corp Ltd\n"+access+
		"[profile corp2]\nsso_session = My Corp Ltd\n"+access+
		"[profile old]\nsso_start_url = "+startURL+"\nsso_region = eu-west-1\n"+access+
		"[profile console]\nlogin_session = "+carol.ARN+"\nregion = eu-west-1\n"))
	var toml strings.Builder
	for entry, profile := range map[string]string{"app": "corp", "app-old": "old", "app-console": "console"} {
		fmt.Fprintf(&toml, "[profile.%s]\nsource_profile = %q\nrole_arn = %q\n", entry, profile, role.ARN)
	}
	harness.Must(t, h.Write(".config/sts-helper/config.toml", toml.String()))
	// A browser that does nothing but say where it was sent.
	harness.Must(t, h.Write("browser", "#!/bin/sh\nprintf '%s' \"$1\" > \"$HOME/.url\" && mv \"$HOME/.url\" \"$HOME/url\"\n"))
	harness.Must(t, os.Chmod(filepath.Join(h.Dir, "browser"), 0o700))
	return w
}

// signIn writes a login's file as AWS's tools do; foreign members are kept by everybody.
func (w *world) signIn(t *testing.T, user string) {
	t.Helper()
	harness.WritePrivate(t, w.sso, w.STS.SignInSSO(user).File(startURL, "eu-west-1"))
}

func (w *world) signInConsole(t *testing.T) {
	t.Helper()
	harness.WritePrivate(t, w.cons, w.STS.SignInConsole("carol").File())
}

// login is a login at a terminal, in an environment of its own.
func (w *world) login(t *testing.T, env []string, args ...string) (*harness.Terminal, *harness.Job) {
	t.Helper()
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, append([]string{"login"}, args...)...)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	return tt, harness.Start(t, tt, cmd)
}

func (w *world) withBrowser() []string { return []string{"BROWSER=" + filepath.Join(w.Dir, "browser")} }

// opened waits until the browser was sent somewhere.
func (w *world) opened(t *testing.T) string {
	t.Helper()
	name := filepath.Join(w.Dir, "url")
	harness.Await(t, "a browser", func() bool { _, err := os.Stat(name); return err == nil })
	b, err := os.ReadFile(name)
	harness.Must(t, err)
	harness.Must(t, os.Remove(name))
	return string(b)
}

// browse is a browser that follows redirects.
func browse(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	res, err := client.Get(url)
	harness.Must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	harness.Must(t, err)
	return string(b)
}

// shown waits for a page on the screen.
func shown(t *testing.T, tt *harness.Terminal, after string) string {
	t.Helper()
	find := regexp.MustCompile(regexp.QuoteMeta(after) + `.*?(http://[^\s]+)\s`)
	var m []string
	harness.Await(t, after, func() bool { m = find.FindStringSubmatch(tt.Screen()); return m != nil })
	return m[1]
}

// left are the files in a login's directory, but for locks.
func left(t *testing.T, file string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".lock") {
			all = append(all, e.Name())
		}
	}
	return all
}

func private(t *testing.T, file string) {
	t.Helper()
	info, err := os.Stat(file)
	harness.Must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s is %s", file, info.Mode())
	}
}

// ok finishes a job that must succeed.
func (w *world) ok(t *testing.T, tt *harness.Terminal, j *harness.Job) {
	t.Helper()
	if r := j.Result(t); r.Code != 0 {
		t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, tt.Screen())
	}
	if strings.Contains(tt.Rest(), harness.Canary) {
		t.Errorf("a secret on the screen: %q", tt.Screen())
	}
}
