package docs_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// transcript is a command line of a page, behind a dollar sign, and what the terminal shows then.
type transcript struct{ line, shown string }

// transcripts are those of a page, in their order.
func transcripts(page string) (all []transcript) {
	open := false
	for line := range strings.Lines(page) {
		rest, indented := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
		command, isCommand := strings.CutPrefix(rest, "$ ")
		switch {
		case line == "\n" && open:
			all[len(all)-1].shown += "\n"
		case !indented:
			open = false
		case isCommand:
			all = append(all, transcript{line: command})
			open = true
		case open:
			all[len(all)-1].shown += rest + "\n"
		}
	}
	return all
}

// screen matches what a transcript shows. Three dots stand for the rest of a line, and alone on a
// line for any lines.
func screen(shown string) *regexp.Regexp {
	var re strings.Builder
	for line := range strings.Lines(strings.TrimRight(shown, "\n") + "\n") {
		if line = strings.TrimSuffix(line, "\n"); line == "..." {
			re.WriteString(`(?:[^\n]*\n)*`)
		} else {
			re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, `[^\n]*`) + `\s*\n`)
		}
	}
	return regexp.MustCompile(`^\s*` + re.String() + `\s*$`)
}

// user answers what a program asks at the terminal.
type user struct {
	*harness.World
	tt      *harness.Terminal
	device  func() string // the code that the device shows
	answers []answer
}

// answer is what is typed, or done, when the screen shows a question.
type answer struct {
	question *regexp.Regexp
	do       func(t *testing.T, question []string)
}

func (u *user) types(question string, keys func() string) {
	u.answers = append(u.answers, answer{regexp.MustCompile(question), func(*testing.T, []string) { u.tt.Type(keys() + "\n") }})
}

func newUser(t *testing.T, w *harness.World, device func() string) *user {
	t.Helper()
	u := &user{World: w, device: device}
	u.types(`Access key id: $`, func() string { return w.User.AccessKeyID })
	u.types(`Secret access key \(not shown\): $`, func() string {
		harness.Await(t, "no echo", func() bool { return !u.tt.Echoes() })
		return w.User.SecretAccessKey
	})
	u.types(`\[y/N\] $`, func() string { return "y" })
	u.types(`six digits \([^\n]*$`, func() string { return u.device() })
	u.answers = append(u.answers, answer{regexp.MustCompile(`in a browser on any device.*?(http://\S+)\s`), func(t *testing.T, q []string) {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: harness.Patience}
		res, err := client.Get(q[1])
		harness.Must(t, err)
		harness.Must(t, res.Body.Close())
	}})
	return u
}

// run types a line at a terminal of its own, answers what is asked, and gives all that was shown.
func (u *user) run(t *testing.T, line string) string {
	t.Helper()
	u.tt = harness.NewTerminal(t)
	cmd := exec.CommandContext(harness.Context(t), harness.Need(t, "sh"), "-c", line)
	cmd.Env, cmd.Dir = u.Environ("NO_COLOR=1", "TERM=xterm", "DISPLAY=", "WAYLAND_DISPLAY=", "WSL_DISTRO_NAME=", "BROWSER="), u.Dir
	cmd.Stdin, cmd.Stdout, cmd.Stderr = u.tt.Line, u.tt.Line, u.tt.Line
	j := harness.Start(t, u.tt, cmd)
	for seen := 0; j.Running(); time.Sleep(5 * time.Millisecond) {
		shown := u.tt.Screen()
		for _, a := range u.answers {
			if m := a.question.FindStringSubmatch(shown[seen:]); m != nil {
				seen = len(shown)
				a.do(t, m)
				break
			}
		}
		if t.Context().Err() != nil {
			t.Fatalf("%s hangs:\n%s", line, shown)
		}
	}
	if r := j.Result(t); r.Code != 0 {
		t.Errorf("%s: exit %d\n%s", line, r.Code, u.tt.Screen())
	}
	return u.plainly(u.tt.Rest())
}

var ourPath = regexp.MustCompile(`credential_process = \S*/sts-helper `)

// plainly is what a terminal showed as a document has it.
func (u *user) plainly(shown string) string {
	shown = strings.ReplaceAll(strings.ReplaceAll(shown, "\r\n", "\n"), u.Dir, "~")
	return ourPath.ReplaceAllString(shown, "credential_process = sts-helper ")
}

// homes are those in which the transcripts of a page are run, one after the other. A page that is
// not here begins in the home of [newReader].
var homes = map[string]func(t *testing.T) *user{
	"docs/setup.md": func(t *testing.T) *user {
		w := harness.NewWorld(t)
		w.STS.AddRole(harness.Account, "deploy")
		harness.Must(t, w.Write(".aws/config", devConfig))
		portal(w)
		return newUser(t, w, nil)
	},
	"docs/start.md": func(t *testing.T) *user {
		w := harness.NewWorld(t)
		w.STS.AddRole(harness.Account, "ops")
		harness.Must(t, w.Write(".aws/config", strings.NewReplacer("dev", "ops", "deploy", "ops").Replace(devConfig)))
		portal(w)
		(&reader{World: w}).standIns(t)
		return newUser(t, w, nil)
	},
	"docs/doctor.md": func(t *testing.T) *user {
		w := harness.NewWorld(t)
		harness.Must(t, w.Write(".config/sts-helper/credentials", w.Read(t, ".aws/credentials")))
		harness.Must(t, w.Write(".aws/credentials", ""))
		harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\ncredentials_file = \"credentials\"\n"))
		harness.Must(t, w.Write(".aws/config", "[profile dev]\ncredential_process = "+w.Bin+" --profile dev\nregion = eu-west-1\n"))
		return newUser(t, w, nil)
	},
	"docs/login.md": func(t *testing.T) *user {
		w := harness.NewWorld(t)
		harness.Must(t, w.Write(".aws/config", "[sso-session 'My Corp Ltd']\nsso_start_url = https://d-1234567890.awsapps.com/start\nsso_region = eu-west-1\n"+
			"sso_registration_scopes = sso:account:access\n[profile corp]\nsso_session = My Corp Ltd\nsso_account_id = 111122223333\nsso_role_name = Admin\n"))
		portal(w)
		return newUser(t, w, nil)
	},
	"docs/howto/agents.md": func(t *testing.T) *user {
		w := harness.NewWorld(t)
		role := w.STS.AddRole(harness.Account, "deploy", emulator.Trust(w.User.ARN))
		harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nrole_arn = \""+role.ARN+"\"\n"))
		(&reader{World: w}).standIns(t)
		return newUser(t, w, nil)
	},
	"docs/howto/many-accounts.md": func(t *testing.T) *user {
		m := harness.NewMFAWorld(t)
		r := m.STS.AddRole("444455556666", "deploy", emulator.Trust(m.User.ARN), emulator.RequireMFA())
		harness.Must(t, m.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n"+
			"[profile.prod]\nsource_profile = \"base\"\nrole_arn = \""+r.ARN+"\"\nduration = \"1h\"\nsession_duration = \"36h\"\n"))
		return newUser(t, m.World, m.Code)
	},
}

const devConfig = "[profile dev]\nrole_arn = arn:aws:iam::111122223333:role/deploy\nsource_profile = base\nregion = eu-west-1\n"

// portal is an IAM Identity Center at which alice may be Admin, and her browser.
func portal(w *harness.World) {
	w.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: "https://d-1234567890.awsapps.com/start", Region: "eu-west-1", PollSeconds: 1,
		Users: []emulator.DirectoryUser{{Name: "alice", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}}}})
	w.STS.SetBrowserUser("alice")
	for _, service := range []string{"SSO", "SSO_OIDC"} {
		w.Env["AWS_ENDPOINT_URL_"+service] = w.STS.URL()
	}
}

// Every transcript of the documents is what a user sees.
func TestTranscriptsOfTheDocuments(t *testing.T) {
	root, files := pages(t)
	found := 0
	for _, name := range files {
		page, err := os.ReadFile(filepath.Join(root, name))
		harness.Must(t, err)
		all := transcripts(string(page))
		if len(all) == 0 {
			if homes[name] != nil {
				t.Errorf("%s has no transcript", name)
			}
			continue
		}
		found += len(all)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := homes[name]
			if home == nil {
				home = func(t *testing.T) *user { return newUser(t, newReader(t).World, nil) }
			}
			if name == "docs/howto/many-accounts.md" {
				harness.Long(t, "its two logins wait for the device's next code")
			}
			u := home(t)
			for _, one := range all {
				got := u.run(t, one.line)
				if strings.TrimSpace(one.shown) != "" && !screen(one.shown).MatchString(got) {
					t.Errorf("$ %s\nshows\n%s\nand %s has\n%s", one.line, got, name, one.shown)
				}
				if strings.Contains(got, harness.Canary) {
					t.Errorf("%s shows a secret", one.line)
				}
			}
		})
	}
	if found < 10 {
		t.Errorf("only %d transcripts found", found)
	}
}
