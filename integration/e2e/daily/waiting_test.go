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

// Whatever is waited for for longer than a second is said at a terminal: a command, a portal, a process, the
// sign-in service, STS. The wait ends only once the line was seen.
func TestWhatIsWaitedForIsSaid(t *testing.T) {
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
			const url = "https://corp.awsapps.com/start"
			w.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: url, Region: "us-east-1",
				Users: []emulator.DirectoryUser{{Name: "ana", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Dev"}}}}})
			w.Env["AWS_ENDPOINT_URL_SSO"], w.Env["AWS_ENDPOINT_URL_SSO_OIDC"] = w.STS.URL(), w.STS.URL()
			config(t, w, "[sso-session corp]\nsso_start_url = "+url+"\nsso_region = us-east-1\n[profile corp]\nsso_session = corp\nsso_account_id = "+harness.Account+"\nsso_role_name = Dev")
			harness.Must(t, w.Write(filepath.Join(".aws/sso/cache", awsconfig.SSOTokenFile("corp")), string(w.STS.SignInSSO("ana").File(url, "us-east-1"))))
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
