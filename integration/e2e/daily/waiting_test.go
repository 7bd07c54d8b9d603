package daily_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// slow is a command that waits until the test lets it go on, and then prints what a file has.
func slow(t *testing.T, w *harness.World, text string) (line string, release func()) {
	t.Helper()
	harness.Must(t, w.Write("answer", text))
	harness.Must(t, w.Write("slow", "#!/bin/sh\nuntil [ -e "+w.Dir+"/go ]; do sleep 0.1; done\ncat "+w.Dir+"/answer\n"))
	harness.Must(t, os.Chmod(filepath.Join(w.Dir, "slow"), 0o700))
	return filepath.Join(w.Dir, "slow"), func() { harness.Must(t, w.Write("go", "")) }
}

// signedIn is a home whose profile corp is logged in to IAM Identity Center.
func signedIn(t *testing.T, w *harness.World) {
	t.Helper()
	const url = "https://corp.awsapps.com/start"
	w.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: url, Region: "us-east-1",
		Users: []emulator.DirectoryUser{{Name: "ana", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Dev"}}}}})
	w.Env["AWS_ENDPOINT_URL_SSO"], w.Env["AWS_ENDPOINT_URL_SSO_OIDC"] = w.STS.URL(), w.STS.URL()
	config(t, w, "[sso-session corp]\nsso_start_url = "+url+"\nsso_region = us-east-1\n[profile corp]\nsso_session = corp\nsso_account_id = "+harness.Account+"\nsso_role_name = Dev")
	harness.Must(t, w.Write(filepath.Join(".aws/sso/cache", awsconfig.SSOTokenFile("corp")), string(w.STS.SignInSSO("ana").File(url, "us-east-1"))))
}

// Whatever is waited for for longer than a second is said at a terminal: a command, a portal, a process, the
// sign-in service, STS. The wait ends only once the line was seen.
func TestWhatIsWaitedForIsSaid(t *testing.T) {
	harness.Long(t, "waits a second or two for each row")
	t.Parallel()
	document := func(w *harness.World) string {
		return `{"Version":1,"AccessKeyId":"` + w.User.AccessKeyID + `","SecretAccessKey":"` + w.User.SecretAccessKey + `"}`
	}
	for name, tt := range map[string]struct {
		want  string
		start func(t *testing.T, w *harness.World) (args []string, release func())
	}{
		"STS": {"waiting for 127.0.0.1", func(t *testing.T, w *harness.World) ([]string, func()) {
			return []string{"env", "--source-profile", "base"}, w.STS.Gate("GetSessionToken")
		}},
		"source command": {"waiting for the source command", func(t *testing.T, w *harness.World) ([]string, func()) {
			line, release := slow(t, w, document(w))
			return []string{"env", "--source-command", line}, release
		}},
		"credential_process": {`waiting for the credential_process of AWS profile "tool"`, func(t *testing.T, w *harness.World) ([]string, func()) {
			line, release := slow(t, w, document(w))
			config(t, w, "[profile tool]\ncredential_process = "+line)
			return []string{"env", "--source-profile", "tool"}, release
		}},
		"MFA command": {"waiting for the MFA code of the command", func(t *testing.T, w *harness.World) ([]string, func()) {
			d := w.STS.AddMFADevice(w.User, "phone")
			line, release := slow(t, w, d.Code(w.STS.Now()))
			return []string{"env", "--source-profile", "base", "--mfa-serial", d.SerialNumber, "--mfa-process", line}, release
		}},
		"portal": {`waiting for IAM Identity Center, for AWS profile "corp"`, func(t *testing.T, w *harness.World) ([]string, func()) {
			signedIn(t, w)
			return []string{"env", "corp"}, w.STS.Gate("GetRoleCredentials")
		}},
		"process": {"waiting for pid ", func(t *testing.T, w *harness.World) ([]string, func()) {
			release := w.STS.Gate("GetSessionToken")
			harness.Start(t, nil, w.Command(t, "--source-profile", "base"))
			harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
			return []string{"env", "--source-profile", "base"}, release
		}},
		"MFA code elsewhere": {"; answer there", func(t *testing.T, w *harness.World) ([]string, func()) {
			d := w.STS.AddMFADevice(w.User, "phone")
			args := []string{"--source-profile", "base", "--mfa-serial", d.SerialNumber}
			tt := harness.NewTerminal(t)
			harness.Start(t, tt, w.Command(t, args...))
			tt.Await(harness.Prompt, 1)
			return append([]string{"env"}, args...), func() { tt.Type(d.Code(w.STS.Now()) + "\n") }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			args, release := tt.start(t, w)
			term := harness.NewTerminal(t)
			cmd := w.Command(t, args...)
			cmd.Stderr = term.Line
			j := harness.Start(t, term, cmd)
			term.Await(tt.want, 1)
			release()
			if r := j.Result(t); r.Code != 0 || !strings.Contains(r.Stdout, "AWS_SESSION_TOKEN") {
				t.Errorf("exit %d, %q", r.Code, term.Screen())
			}
			if s := term.Rest(); strings.Count(s, "sts-helper: waiting for ") != 1 {
				t.Errorf("%q", s)
			}
		})
	}
}

// Each command that can wait says for what, once a second has gone.
func TestEveryCommandSaysWhatItWaitsFor(t *testing.T) {
	harness.Long(t, "waits a second or two for each row")
	t.Parallel()
	stored := func(t *testing.T, w *harness.World) *harness.SecretService {
		t.Helper()
		s := harness.NewSecretService(t)
		w.Env["DBUS_SESSION_BUS_ADDRESS"], w.Env["AWS_ENDPOINT_URL_IAM"] = s.Address, w.STS.URL()
		cmd := w.Command(t, "keys", "add", "work")
		cmd.Stdin = strings.NewReader(w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n")
		if r := w.Finish(t, cmd); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		return s
	}
	gate := func(op string) func(*testing.T, *harness.World) func() {
		return func(_ *testing.T, w *harness.World) func() { return w.STS.Gate(op) }
	}
	base := []string{"--source-profile", "base"}
	for name, tt := range map[string]struct {
		args    []string
		stdin   bool // the key
		want    string
		prepare func(t *testing.T, w *harness.World) (release func())
	}{
		"login":   {append([]string{"login"}, base...), false, "waiting for 127.0.0.1", gate("GetSessionToken")},
		"process": {base, false, "waiting for 127.0.0.1", gate("GetSessionToken")},
		"exec":    {append(append([]string{"exec"}, base...), "--", "true"), false, "waiting for 127.0.0.1", gate("GetSessionToken")},
		"web-identity": {append([]string{"web-identity", "--audience", "https://example.com"}, base...), false, "waiting for 127.0.0.1", func(_ *testing.T, w *harness.World) func() {
			w.STS.SetAccount(emulator.Account{ID: harness.Account, OutboundFederation: true})
			return w.STS.Gate("GetWebIdentityToken")
		}},
		"grant": {append([]string{"grant", "bob", "--no-policy", "--plain"}, base...), false, "waiting for 127.0.0.1", gate("GetFederationToken")},
		"measure": {append([]string{"policy", "check", "policy.json", "--measure"}, base...), false, "waiting for 127.0.0.1", func(t *testing.T, w *harness.World) func() {
			harness.Must(t, w.Write("policy.json", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`))
			return w.STS.Gate("GetFederationToken")
		}},
		"console": {append([]string{"console", "--federation-name", "ana", "--allow", "s3:*"}, base...), false, "waiting for 127.0.0.1", gate("GetFederationToken")},
		"doctor": {[]string{"doctor"}, false, "waiting for the STS of app", func(t *testing.T, w *harness.World) func() {
			config(t, w, "[profile app]\ncredential_process = "+w.Bin+" --source-profile base")
			return w.STS.Gate("GetCallerIdentity")
		}},
		"setup": {[]string{"setup", "--yes", "--move-keys"}, false, "waiting for 127.0.0.1", func(t *testing.T, w *harness.World) func() {
			config(t, w, "")
			return w.STS.Gate("GetSessionToken")
		}},
		"setup to a store": {[]string{"setup", "--yes", "--move-keys", "--store", "system"}, false, "waiting for the Secret Service", func(t *testing.T, w *harness.World) func() {
			config(t, w, "")
			s := harness.NewSecretService(t)
			w.Env["DBUS_SESSION_BUS_ADDRESS"] = s.Address
			return s.Hang("CreateItem")
		}},
		"keys add": {[]string{"keys", "add", "work"}, true, "waiting for 127.0.0.1", func(t *testing.T, w *harness.World) func() {
			w.Env["DBUS_SESSION_BUS_ADDRESS"] = harness.NewSecretService(t).Address
			return w.STS.Gate("GetCallerIdentity")
		}},
		"keys add to a store": {[]string{"keys", "add", "work"}, true, "waiting for the Secret Service", func(t *testing.T, w *harness.World) func() {
			s := harness.NewSecretService(t)
			w.Env["DBUS_SESSION_BUS_ADDRESS"] = s.Address
			return s.Hang("CreateItem")
		}},
		"keys rotate": {[]string{"keys", "rotate", "work"}, false, "making a new key", func(t *testing.T, w *harness.World) func() {
			stored(t, w)
			return w.STS.Gate("CreateAccessKey")
		}},
		"keys remove": {[]string{"keys", "remove", "work", "--yes"}, false, "waiting for the Secret Service", func(t *testing.T, w *harness.World) func() {
			return stored(t, w).Hang("SearchItems")
		}},
		"a stored key": {[]string{"env", "--source-key", "work"}, false, "waiting for the Secret Service, for the stored key", func(t *testing.T, w *harness.World) func() {
			return stored(t, w).Hang("GetSecret")
		}},
		"logout of a login": {[]string{"logout", "corp"}, false, "waiting for IAM Identity Center", func(t *testing.T, w *harness.World) func() {
			signedIn(t, w)
			return w.STS.Gate("Logout")
		}},
		"logout": {append([]string{"logout"}, base...), false, "waiting for pid ", func(t *testing.T, w *harness.World) func() {
			release := w.STS.Gate("GetSessionToken")
			harness.Start(t, nil, w.Command(t, base...))
			harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
			return release
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := harness.NewWorld(t)
			release := tt.prepare(t, w)
			defer release()
			term := harness.NewTerminal(t)
			cmd := w.Command(t, tt.args...)
			cmd.Stderr = term.Line
			if tt.stdin {
				cmd.Stdin = strings.NewReader(w.User.AccessKeyID + "\n" + w.User.SecretAccessKey + "\n")
			}
			j := harness.Start(t, term, cmd)
			term.Await("sts-helper: "+tt.want, 1)
			release()
			_ = j.Cmd.Process.Kill() // a store that hangs never answers
			_ = j.Result(t)
		})
	}
}

// A call that takes over from another process is in its own prompt then, and no line about the wait gets in there.
func TestNoWaitIsSaidInAPrompt(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	d := w.STS.AddMFADevice(w.User, "phone")
	args := []string{"env", "--source-profile", "base", "--mfa-serial", d.SerialNumber}
	first := harness.NewTerminal(t)
	cmd := w.Command(t, args...)
	cmd.Stderr = first.Line
	harness.Start(t, first, cmd)
	first.Await(harness.Prompt, 1)
	second := harness.NewTerminal(t)
	other := w.Command(t, args...)
	other.Stderr = second.Line
	j := harness.Start(t, second, other)
	time.Sleep(300 * time.Millisecond) // so that it waits; were it later, nothing would be shown either
	harness.Must(t, cmd.Process.Kill())
	second.Await(harness.Prompt, 1)
	time.Sleep(1500 * time.Millisecond) // longer than what is waited before a word is said
	_, after, _ := strings.Cut(second.Screen(), harness.Prompt)
	if strings.Contains(after, "waiting for") {
		t.Errorf("%q", second.Screen())
	}
	second.Type(d.Code(w.STS.Now()) + "\n")
	if r := j.Result(t); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, second.Screen())
	}
}
