package daily_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// goodFor is a line of login: a profile, what was done, until when and for how long.
var goodFor = regexp.MustCompile(`(?m)^(\S+) +(renewed|kept), good until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC \((\d+h\d\dm|\d+m\d\ds)\)`)

func TestLoginToAll(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	clock := m.Movable(t)
	tt, j := m.Login(t, "--all")
	tt.Await(harness.Prompt, 1)
	tt.Type(m.Code() + "\n")
	r := j.Result(t)
	lines := goodFor.FindAllStringSubmatch(r.Stdout, -1)
	if r.Code != 0 || len(lines) != harness.Roles+1 || strings.Count(r.Stdout, "\n") != harness.Roles+1 {
		t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	for _, l := range lines {
		if l[2] != "renewed" && l[1] != "dev" { // dev is the session that the first role brought
			t.Errorf("%q", l[0])
		}
	}
	m.Calls(t, 1, harness.Roles, 1, 0)
	if n := strings.Count(tt.Screen(), harness.Prompt); n != 1 {
		t.Errorf("%d prompts", n)
	}
	// What is fresh is kept, and no user is needed for that.
	r = m.Run(t, "login", "--all")
	if r.Code != 0 || strings.Count(r.Stdout, "kept, good until") != harness.Roles+1 {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.Calls(t, 1, harness.Roles, 1, 0)

	// By force everything is renewed, again for one code: the next one.
	tt, j = m.Login(t, "--force", "r0", "r1", "r2", "dev")
	harness.AwaitNextCode(tt, clock)
	tt.Type(m.Code() + "\n")
	if r := j.Result(t); r.Code != 0 || strings.Count(r.Stdout, "renewed, good until") != 3 {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.Calls(t, 2, harness.Roles+3, 2, 0)
	m.SentOnce(t)
}

func TestLoginWithoutATerminal(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	for _, args := range [][]string{{"dev"}, {"--all"}, {"r0", "r1"}, {"--prompt", "never", "dev"}} {
		r := m.Run(t, append([]string{"login"}, args...)...)
		if r.Code != harness.ExitInteraction || r.Stdout != "" || !strings.Contains(r.Stderr, "sts-helper login ") {
			t.Errorf("%v: exit %d, %q, %q", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	for code, args := range map[int][]string{harness.ExitUsage: {"--all", "dev"}, harness.ExitConfig + 0: {"--all"}} {
		w := m
		if code == harness.ExitConfig {
			w = &harness.MFAWorld{World: harness.NewWorld(t)}
			harness.Must(t, os.Remove(filepath.Join(w.Dir, ".aws/config")))
		}
		if r := w.Run(t, append([]string{"login"}, args...)...); r.Code != code || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, want %d; %q", args, r.Code, code, r.Stderr)
		}
	}
	if r := m.Run(t, "login", "dve"); r.Code != harness.ExitUsage && r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, `"dev"`) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := m.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// The line that an error says to run asks for the very credentials that were missing.
func TestWhatToRunIsRight(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--profile", "dev"},
		{"--source-profile", "base", "--duration", "1h"},
		{"--profile", "dev", "--duration", "2h"},
		{"--source-profile", "base", "--role-arn", "arn:aws:iam::" + harness.Account + ":role/role7", "--role-session-name", "it=me", "--duration", "20m"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMFAWorld(t)
			r := m.Run(t, args...)
			_, after, ok := strings.Cut(r.Stderr, `run "sts-helper login`)
			command, _, _ := strings.Cut(after, `"`)
			if r.Code != harness.ExitInteraction || !ok {
				t.Fatalf("exit %d, %q", r.Code, r.Stderr)
			}
			tt := harness.NewTerminal(t)
			cmd := exec.Command("sh", "-c", m.Bin+" login"+command)
			cmd.Env, cmd.Dir = m.Environ(), m.Dir
			j := harness.Start(t, tt, cmd)
			tt.Await(harness.Prompt, 1)
			tt.Type(m.Code() + "\n")
			if r := j.Result(t); r.Code != 0 {
				t.Fatalf("%s: exit %d, %q", command, r.Code, r.Stderr)
			}
			calls := m.STS.Count("")
			m.Creds(t, m.Run(t, args...))
			if n := m.STS.Count(""); n != calls {
				t.Errorf("%s got something else", command)
			}
		})
	}
}

// An AWS profile that runs the helper is a name as good as an entry of config.toml.
func TestLoginByAWSProfile(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	harness.Must(t, m.Write(".aws/config", fmt.Sprintf(`[profile base]
mfa_serial = %s
[profile app]
credential_process = sts-helper process --source-profile base --duration 3h
[profile odd]
credential_process = sts-helper --source-profile base --no-such-flag
`, m.Device.SerialNumber)))
	tt, j := m.Login(t, "app")
	tt.Await(harness.Prompt, 1)
	tt.Type(m.Code() + "\n")
	if r := j.Result(t); r.Code != 0 || !strings.Contains(r.Stdout, "(2h59m)") && !strings.Contains(r.Stdout, "(3h00m)") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.Creds(t, m.Run(t, "--source-profile", "base", "--duration", "3h"))
	if r := m.Run(t, "login", "odd"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "no-such-flag") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if s := m.Status(t, "app"); len(s.Records) != 1 || s.Records[0].Profiles[0] != "app" {
		t.Errorf("%+v", s)
	}
	r := m.Run(t, "__complete", "login", "")
	for _, want := range []string{"app", "dev", "r0", "r7"} {
		if !strings.Contains(r.Stdout, want+"\n") {
			t.Errorf("completion lacks %s: %q", want, r.Stdout)
		}
	}
}

// A process that waits at one terminal is served by a login at another, and a login that finds
// a user being asked says where, and shares the answer.
func TestLoginAndProcessWaitForOneAnother(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	clock := m.Movable(t)
	tt, j := m.Login(t, "dev")
	tt.Await(harness.Prompt, 1)
	elsewhere := harness.NewTerminal(t)
	waiting := harness.Start(t, elsewhere, m.Command(t, "--profile", "r0"))
	harness.AwaitAsleep(t, waiting.Cmd.Process.Pid, 1)
	tt.Type(m.Code() + "\n")
	m.Creds(t, waiting.Result(t))
	if r := j.Result(t); r.Code != 0 || elsewhere.Screen() != "" {
		t.Errorf("exit %d, %q; %s", r.Code, r.Stderr, elsewhere.Screen())
	}
	m.Calls(t, 1, 1, 1, 0)

	clock.NextStep(t)
	harness.Must(t, m.Write(".config/sts-helper/config.toml", m.Read(t, ".config/sts-helper/config.toml")+"[profile.two]\nsource_profile = \"base\"\nduration = \"2h\"\n"))
	tt = harness.NewTerminal(t)
	asking := harness.Start(t, tt, m.Command(t, "--profile", "two"))
	tt.Await(harness.Prompt, 1)
	elsewhere, j = m.Login(t, "two")
	who := fmt.Sprintf("waiting for pid %d on terminal pts/", asking.Cmd.Process.Pid)
	harness.Await(t, who, func() bool { return strings.Contains(j.Stderr.String(), who) })
	tt.Type(m.Code() + "\n")
	m.Creds(t, asking.Result(t))
	if r := j.Result(t); r.Code != 0 || elsewhere.Screen() != "" {
		t.Errorf("exit %d, %q; %s", r.Code, r.Stderr, elsewhere.Screen())
	}
	m.Calls(t, 2, 1, 2, 0)
	m.SentOnce(t)
}

func TestLogout(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	clock := m.Movable(t)
	m.Creds(t, m.Run(t, "--profile", "r0", "--mfa-code", m.Code()))
	m.Creds(t, m.Run(t, "--profile", "r1"))
	files := func() []string {
		all, _ := filepath.Glob(filepath.Join(m.Cache(), "v1", "*.cred"))
		return all
	}
	if n := len(files()); n != 3 {
		t.Fatalf("%d records", n)
	}
	// Another name for a record's file still sees what becomes of the contents.
	var opened []*os.File
	for _, name := range files() {
		f, err := os.Open(name)
		harness.Must(t, err)
		defer f.Close()
		opened = append(opened, f)
	}
	r := m.Run(t, "logout", "--shared", "r0")
	if r.Code != 0 || strings.Count(r.Stdout, "removed ") != 2 || !strings.Contains(r.Stdout, "assumed-role/role0/") || len(files()) != 1 {
		t.Errorf("exit %d, %q, %q; left %v", r.Code, r.Stdout, r.Stderr, files())
	}
	m.Creds(t, m.Run(t, "--profile", "r1"))
	if r := m.Run(t, "logout", "r0"); r.Stdout != "r0: nothing was in the cache\n" {
		t.Errorf("%q", r.Stdout)
	}
	harness.Must(t, os.WriteFile(filepath.Join(m.Cache(), "v1", strings.Repeat("a", 64)+".cred"), []byte("junk"), 0o600))
	r = m.Run(t, "logout", "--all")
	if r.Code != 0 || strings.Count(r.Stdout, "removed ") != 2 || !strings.Contains(r.Stdout, "unusable record") || len(files()) != 0 {
		t.Errorf("exit %d, %q, %q; left %v", r.Code, r.Stdout, r.Stderr, files())
	}
	for _, f := range opened {
		b := make([]byte, 8)
		if n, _ := f.ReadAt(b, 0); n != len(b) || string(b) != strings.Repeat("\x00", len(b)) {
			t.Errorf("%s was not overwritten: %q", f.Name(), b)
		}
	}
	// A code that was used stays used.
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	harness.AwaitNextCode(tt, clock)
	tt.Type(m.Code() + "\n")
	m.Creds(t, j.Result(t))
	m.SentOnce(t)
	if r := m.Run(t, "logout", "r0", "no-such"); r.Code == 0 || len(files()) != 1 {
		t.Errorf("exit %d, %q: half a logout", r.Code, r.Stdout)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	if r := m.Run(t, "status", "--long"); r.Code != 0 || r.Stdout != "nothing is in the cache\n" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "r0"))
	tt.Await(harness.Prompt, 1)
	var session *struct {
		PID    int
		TTY    string
		Asking bool
	}
	for _, rec := range m.Status(t).Records {
		if rec.LockedBy != nil && strings.Contains(strings.Join(rec.Profiles, ","), "dev") {
			session = rec.LockedBy
		}
	}
	if session == nil || session.PID != j.Cmd.Process.Pid || !session.Asking || !strings.HasPrefix(session.TTY, "terminal pts/") {
		t.Errorf("%+v", session)
	}
	tt.Type(m.Code() + "\n")
	m.Creds(t, j.Result(t))
	m.STS.Fault(emulator.Fault{Kind: emulator.Deny})
	m.Run(t, "--profile", "r1")
	harness.Must(t, os.WriteFile(filepath.Join(m.Cache(), "v1", strings.Repeat("b", 64)+".cred"), []byte("junk"), 0o600))
	found := map[string]bool{}
	for _, rec := range m.Status(t).Records {
		names := strings.Join(rec.Profiles, ",")
		switch {
		case names == "r0":
			found["r0"] = rec.Operation == "AssumeRole" && strings.Contains(rec.Identity, "assumed-role/role0/") && rec.SecondsLeft > 3500 && rec.SecondsLeft <= 3600 && strings.HasPrefix(rec.AccessKeyID, "ASIA")
		case strings.HasPrefix(names, "dev,the session of r0"):
			found["session"] = rec.Operation == "GetSessionToken" && rec.SerialNumber == m.Device.SerialNumber
		case names == "r1":
			found["r1"] = rec.Failure != nil && rec.Failure.Class == "denied" && strings.Contains(rec.Failure.Message, "AccessDenied")
		case rec.Unusable != "":
			found["junk"] = names == "" && rec.Key == strings.Repeat("b", 64)
		}
	}
	for _, what := range []string{"r0", "session", "r1", "junk"} {
		if !found[what] {
			t.Errorf("no good record of %s: %+v", what, m.Status(t))
		}
	}
	text := m.Run(t, "status", "--long")
	for _, want := range []string{"AssumeRole: arn:aws:sts::" + harness.Account + ":assumed-role/role0/", "good until ", "last refresh failed ", "unusable: ", "an MFA code of " + m.Device.SerialNumber} {
		if !strings.Contains(text.Stdout, want) {
			t.Errorf("status does not say %q:\n%s", want, text.Stdout)
		}
	}
	if strings.Contains(text.Stdout, harness.Canary) {
		t.Error("a secret")
	}
	if s := m.Status(t, "r7"); len(s.Records) != 2 || s.Records[0].SecondsLeft != 0 || s.Records[1].SecondsLeft == 0 {
		t.Errorf("r7 and its session: %+v", s)
	}
}
