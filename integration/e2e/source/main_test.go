// Package source tests whom a source speaks for, how often it is asked, and what is handed out of
// it, with real processes.
package source_test

import (
	"flag"
	"fmt"
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

func TestMain(m *testing.M) {
	flag.Parse()
	// What runs in parallel here waits for stopped processes, nearly all of the time.
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	os.Exit(harness.Main(m))
}

const startURL = "https://d-1234567890.awsapps.com/start"

// world is a home where alice and bob have the same role of one account, "team". What they get of it
// is in alice.json and bob.json. The role "app" can be assumed from theirs.
type world struct {
	*harness.World
	app       string
	sso, cons string // the login files
	runs      string // has a line for each run of a source's command
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, harness.NewWorld(t))
}

func worldOf(t *testing.T, h *harness.World) *world {
	t.Helper()
	h.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: startURL, Region: "eu-west-1", Users: []emulator.DirectoryUser{
		{Name: "alice", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}},
		{Name: "bob", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}},
	}})
	for _, service := range []string{"SSO", "SSO_OIDC", "SIGNIN"} {
		h.Env["AWS_ENDPOINT_URL_"+service] = h.STS.URL()
	}
	carol := h.STS.AddUser(harness.Account, "carol")
	h.STS.AddRole(harness.Account, "team")
	w := &world{World: h, app: h.STS.AddRole(harness.Account, "app", emulator.MaxSessionDuration(43200)).ARN, runs: filepath.Join(h.Dir, "runs"),
		sso:  filepath.Join(h.Dir, ".aws/sso/cache", awsconfig.SSOTokenFile("corp")),
		cons: filepath.Join(h.Dir, ".aws/login/cache", awsconfig.LoginFile(carol.ARN))}
	for _, who := range []string{"alice", "bob"} {
		w.print(t, who)
	}
	harness.Must(t, h.Write(".aws/config", "[sso-session corp]\nsso_start_url = "+startURL+"\nsso_region = eu-west-1\n"+
		"[profile corp]\nsso_session = corp\nsso_account_id = "+harness.Account+"\nsso_role_name = Admin\nregion = eu-west-1\n"+
		"[profile console]\nlogin_session = "+carol.ARN+"\nregion = eu-west-1\n"))
	return w
}

// print gets credentials of the role "team" in the name of who, as who.json.
func (w *world) print(t *testing.T, who string) {
	t.Helper()
	r := w.Run(t, "--no-cache", "--source-profile", "base", "--role-arn", "arn:aws:iam::"+harness.Account+":role/team", "--role-session-name", who)
	w.Creds(t, r)
	harness.Must(t, w.Write(who+".json", r.Stdout))
}

// process adds a profile whose credentials a command prints; each run of it is counted.
func (w *world) process(t *testing.T, profile, command string) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(w.Dir, ".aws/config"), os.O_APPEND|os.O_WRONLY, 0)
	harness.Must(t, err)
	defer func() { harness.Must(t, f.Close()) }()
	_, err = fmt.Fprintf(f, "[profile %s]\ncredential_process = sh -c 'echo >>%s; %s'\n", profile, w.runs, command)
	harness.Must(t, err)
}

// vault makes the program ~/bin/vault, whose name does not say what it reads.
func (w *world) vault(t *testing.T, script string) {
	t.Helper()
	harness.Must(t, w.Write("bin/vault", "#!/bin/sh\n"+script+"\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "bin/vault"), 0o700))
}

func (w *world) ran(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(w.runs)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// role is the line that assumes the role "app" with a profile.
func (w *world) role(profile string, more ...string) []string {
	return append([]string{"--source-profile", profile, "--role-arn", w.app}, more...)
}

// signer is the name of the session of "team", or of the user, whose credentials signed the request
// for these.
func (w *world) signer(t *testing.T, r harness.Result) string {
	t.Helper()
	return w.signerOf(t, w.Creds(t, r).AccessKeyId)
}

func (w *world) signerOf(t *testing.T, accessKeyID string) string {
	t.Helper()
	id, ok := w.STS.Lookup(accessKeyID)
	if !ok {
		t.Fatalf("AWS does not know %s", accessKeyID)
	}
	if id.RoleARN == w.app || id.Operation == "GetSessionToken" {
		if by, ok := w.STS.Lookup(id.IssuedTo); ok {
			id = by
		}
	}
	return id.ARN[strings.LastIndexByte(id.ARN, '/')+1:]
}

// run runs the helper with more variables.
func (w *world) run(t *testing.T, env []string, args ...string) harness.Result {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Env = append(cmd.Env, env...)
	return w.Finish(t, cmd)
}

// signIn writes the login file as AWS's tools do.
func (w *world) signIn(t *testing.T, user string) {
	t.Helper()
	harness.WritePrivate(t, w.sso, w.STS.SignInSSO(user).File(startURL, "eu-west-1"))
}

func (w *world) signInConsole(t *testing.T, user string) {
	t.Helper()
	harness.WritePrivate(t, w.cons, w.STS.SignInConsole(user).File())
}

// expiring gives a document's Expiration another value; "" takes it out.
func (w *world) expiring(t *testing.T, who, expiration string) {
	t.Helper()
	name := filepath.Join(w.Dir, who+".json")
	b, err := os.ReadFile(name)
	harness.Must(t, err)
	member := ""
	if expiration != "" {
		member = `,"Expiration":"` + expiration + `"`
	}
	b = regexp.MustCompile(`,"Expiration":"[^"]*"`).ReplaceAll(b, []byte(member))
	harness.Must(t, os.WriteFile(name, b, 0o600))
}

func soon(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
