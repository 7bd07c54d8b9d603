package daily_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
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

var (
	goodUntil = regexp.MustCompile(`good until .*`)
	ourPath   = regexp.MustCompile(`credential_process = \S*/sts-helper `)
)

// plainly is what setup printed, as a document shows it.
func plainly(w *harness.World, out string) string {
	out = ourPath.ReplaceAllString(strings.ReplaceAll(out, w.Dir, "~"), "credential_process = sts-helper ")
	return goodUntil.ReplaceAllString(out, "good until ...")
}

// transcripts are the command lines of a page behind a dollar sign, each with what it printed.
func transcripts(page string) (all [][2]string) {
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		rest, indented := strings.CutPrefix(line, "    ")
		command, isCommand := strings.CutPrefix(rest, "$ ")
		switch {
		case !indented:
			all = append(all, [2]string{}) // the block ends
		case isCommand:
			all = append(all, [2]string{command})
		case len(all) > 0 && all[len(all)-1][0] != "":
			all[len(all)-1][1] += rest + "\n"
		}
	}
	var whole [][2]string
	for _, one := range all {
		if one[0] != "" {
			whole = append(whole, one)
		}
	}
	return whole
}

// The transcripts of docs/setup.md, one after the other in one home, on a terminal.
func TestSetupAsTheDocumentHasIt(t *testing.T) {
	t.Parallel()
	root, _ := pages(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "setup.md"))
	harness.Must(t, err)
	w := setupWorld(t)
	w.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: "https://d-1234567890.awsapps.com/start", Region: "eu-west-1", PollSeconds: 1,
		Users: []emulator.DirectoryUser{{Name: "alice", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}}}})
	w.STS.SetBrowserUser("alice")
	for _, service := range []string{"SSO", "SSO_OIDC"} {
		w.Env["AWS_ENDPOINT_URL_"+service] = w.STS.URL()
	}
	key := w.User
	for _, one := range transcripts(string(page)) {
		args := strings.Fields(one[0])[1:]
		tt := harness.NewTerminal(t)
		cmd := w.Command(t, args...)
		cmd.Env = append(cmd.Env, "DISPLAY=", "WAYLAND_DISPLAY=", "WSL_DISTRO_NAME=", "BROWSER=")
		cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
		j := harness.Start(t, tt, cmd)
		if strings.Contains(one[0], "--access-key") {
			tt.Await("Access key id: ", 1)
			tt.Type(key.AccessKeyID + "\n")
			tt.AwaitHidden("Secret access key (not shown): ")
			tt.Type(key.SecretAccessKey + "\n")
		}
		if strings.Contains(one[0], "--sso-start-url") {
			var page []string
			harness.Await(t, "a page", func() bool { page = anyDevice.FindStringSubmatch(tt.Screen()); return page != nil })
			visit(t, page[1])
		}
		if !strings.Contains(one[0], "--yes") {
			tt.Await("[y/N] ", 1)
			tt.Type("y\n")
		}
		r := j.Result(t)
		if r.Code != 0 {
			t.Fatalf("%s: exit %d, %s\n%s", one[0], r.Code, r.Stdout, tt.Screen())
		}
		if got := plainly(w, r.Stdout); one[1] != "" && !printed(one[1]).MatchString(got) {
			t.Errorf("%s printed\n%s\nand the document has\n%s", one[0], got, one[1])
		}
		if strings.Contains(tt.Screen()+r.Stdout, "CANARY") || strings.Contains(tt.Screen(), key.SecretAccessKey) {
			t.Errorf("%s shows a secret", one[0])
		}
	}
	if got := w.Read(t, ".aws/config"); got != devConfig {
		t.Errorf("the config is %q at the end", got)
	}
}

// anyDevice is the line that shows where to log in where there is no display.
var anyDevice = regexp.MustCompile(`in a browser on any device.*?(http://\S+)\s`)

// visit is a browser.
func visit(t *testing.T, url string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
	res, err := client.Get(url)
	harness.Must(t, err)
	harness.Must(t, res.Body.Close())
}

// printed matches what a document shows; a line of three dots stands for any lines.
func printed(shown string) *regexp.Regexp {
	return regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(shown), "\n\\.\\.\\.\n", "\n(?s:.*)") + "$")
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
