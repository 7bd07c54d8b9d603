package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// goodFor is a line of login: a profile, what was done, until when and for how long.
var goodFor = regexp.MustCompile(`(?m)^(\S+) +(renewed|kept), good until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d UTC \((\d+h\d\dm|\d+m\d\ds)\)`)

func (m *mfaWorld) login(t *testing.T, args ...string) (*terminal, *job) {
	t.Helper()
	tt := newTerminal(t)
	return tt, tt.start(t, m.command(t, append([]string{"login"}, args...)...))
}

func TestLoginToAll(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	tt, j := m.login(t, "--all")
	tt.sees(prompt, 1)
	tt.types(m.code() + "\n")
	r := j.result(t)
	lines := goodFor.FindAllStringSubmatch(r.Stdout, -1)
	if r.Code != 0 || len(lines) != roles+1 || strings.Count(r.Stdout, "\n") != roles+1 {
		t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	for _, l := range lines {
		if l[2] != "renewed" && l[1] != "dev" { // dev is the session that the first role brought
			t.Errorf("%q", l[0])
		}
	}
	m.calls(t, 1, roles, 1, 0)
	if n := strings.Count(tt.screen(), prompt); n != 1 {
		t.Errorf("%d prompts", n)
	}
	// What is fresh is kept, and nobody is needed for that.
	r = m.run(t, "login", "--all")
	if r.Code != 0 || strings.Count(r.Stdout, "kept, good until") != roles+1 {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.calls(t, 1, roles, 1, 0)

	// By force everything is renewed, again for one code: the next one.
	tt, j = m.login(t, "--force", "r0", "r1", "r2", "dev")
	tt.sees("was used already; please wait", 1)
	tt.sees(prompt, 1)
	tt.types(m.code() + "\n")
	if r := j.result(t); r.Code != 0 || strings.Count(r.Stdout, "renewed, good until") != 3 {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.calls(t, 2, roles+3, 2, 0)
	m.once(t)
}

func TestLoginWithoutAnybody(t *testing.T) {
	m := newMFAWorld(t)
	for _, args := range [][]string{{"dev"}, {"--all"}, {"r0", "r1"}, {"--prompt", "never", "dev"}} {
		r := m.run(t, append([]string{"login"}, args...)...)
		if r.Code != exitHuman || r.Stdout != "" || !strings.Contains(r.Stderr, "sts-helper login ") {
			t.Errorf("%v: exit %d, %q, %q", args, r.Code, r.Stdout, r.Stderr)
		}
	}
	for code, args := range map[int][]string{exitUsage: {"--all", "dev"}, exitConfig + 0: {"--all"}} {
		w := m
		if code == exitConfig {
			w = &mfaWorld{newWorld(t), nil}
			must(t, os.Remove(filepath.Join(w.Dir, ".aws/config")))
		}
		if r := w.run(t, append([]string{"login"}, args...)...); r.Code != code || strings.Count(r.Stderr, "\n") != 1 {
			t.Errorf("%v: exit %d, want %d; %q", args, r.Code, code, r.Stderr)
		}
	}
	if r := m.run(t, "login", "dve"); r.Code != exitUsage && r.Code != exitConfig || !strings.Contains(r.Stderr, `"dev"`) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := m.sts.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// What an error tells a person to run asks for the very credentials that were missing.
func TestWhatToRunIsRight(t *testing.T) {
	for _, args := range [][]string{
		{"--profile", "dev"},
		{"--source-profile", "base", "--duration", "1h"},
		{"--profile", "dev", "--duration", "2h"},
		{"--source-profile", "base", "--role-arn", "arn:aws:iam::" + account + ":role/role7", "--role-session-name", "it=me", "--duration", "20m"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			t.Parallel()
			m := newMFAWorld(t)
			r := m.run(t, args...)
			_, after, ok := strings.Cut(r.Stderr, `run "sts-helper login`)
			command, _, _ := strings.Cut(after, `"`)
			if r.Code != exitHuman || !ok {
				t.Fatalf("exit %d, %q", r.Code, r.Stderr)
			}
			tt := newTerminal(t)
			cmd := exec.Command("sh", "-c", m.Bin+" login"+command)
			cmd.Env, cmd.Dir = m.Environ(), m.Dir
			j := tt.start(t, cmd)
			tt.sees(prompt, 1)
			tt.types(m.code() + "\n")
			if r := j.result(t); r.Code != 0 {
				t.Fatalf("%s: exit %d, %q", command, r.Code, r.Stderr)
			}
			calls := m.sts.Count("")
			m.creds(t, m.run(t, args...))
			if n := m.sts.Count(""); n != calls {
				t.Errorf("%s got something else", command)
			}
		})
	}
}

// An AWS profile that runs the helper is a name as good as an entry of config.toml.
func TestLoginByAWSProfile(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	must(t, m.Write(".aws/config", fmt.Sprintf(`[profile base]
mfa_serial = %s
[profile app]
credential_process = sts-helper process --source-profile base --duration 3h
[profile odd]
credential_process = sts-helper --source-profile base --no-such-flag
`, m.device.SerialNumber)))
	tt, j := m.login(t, "app")
	tt.sees(prompt, 1)
	tt.types(m.code() + "\n")
	if r := j.result(t); r.Code != 0 || !strings.Contains(r.Stdout, "(2h59m)") && !strings.Contains(r.Stdout, "(3h00m)") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.creds(t, m.run(t, "--source-profile", "base", "--duration", "3h"))
	if r := m.run(t, "login", "odd"); r.Code != exitConfig || !strings.Contains(r.Stderr, "no-such-flag") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if s := m.status(t, "app"); len(s.Records) != 1 || s.Records[0].Profiles[0] != "app" {
		t.Errorf("%+v", s)
	}
	r := m.run(t, "__complete", "login", "")
	for _, want := range []string{"app", "dev", "r0", "r7"} {
		if !strings.Contains(r.Stdout, want+"\n") {
			t.Errorf("completion lacks %s: %q", want, r.Stdout)
		}
	}
}

// Whoever waits at one terminal is served by a login at another, and a login that finds
// somebody being asked says where, and shares the answer.
func TestLoginAndProcessWaitForOneAnother(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	tt, j := m.login(t, "dev")
	tt.sees(prompt, 1)
	elsewhere := newTerminal(t)
	waiting := elsewhere.start(t, m.command(t, "--profile", "r0"))
	gathered(t, waiting.cmd.Process.Pid, 1)
	tt.types(m.code() + "\n")
	m.creds(t, waiting.result(t))
	if r := j.result(t); r.Code != 0 || elsewhere.screen() != "" {
		t.Errorf("exit %d, %q; %s", r.Code, r.Stderr, elsewhere.screen())
	}
	m.calls(t, 1, 1, 1, 0)

	tt = newTerminal(t)
	asking := tt.start(t, m.command(t, "--profile", "dev", "--duration", "2h"))
	tt.sees(prompt, 1)
	elsewhere, j = m.login(t, "dev", "--duration", "2h")
	for end := time.Now().Add(20 * time.Second); m.status(t, "dev", "--duration", "2h").Records[0].LockedBy == nil && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(1500 * time.Millisecond) // it says so after a second
	tt.types(m.code() + "\n")
	m.creds(t, asking.result(t))
	r := j.result(t)
	who := fmt.Sprintf("waiting for pid %d on terminal pts/", asking.cmd.Process.Pid)
	if r.Code != 0 || !strings.Contains(r.Stderr, who) || elsewhere.screen() != "" {
		t.Errorf("exit %d, %q does not say %q; %s", r.Code, r.Stderr, who, elsewhere.screen())
	}
	m.calls(t, 2, 1, 2, 0)
	m.once(t)
}

func TestLogout(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	m.creds(t, m.run(t, "--profile", "r0", "--mfa-code", m.code()))
	m.creds(t, m.run(t, "--profile", "r1"))
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
		must(t, err)
		defer f.Close()
		opened = append(opened, f)
	}
	r := m.run(t, "logout", "r0")
	if r.Code != 0 || strings.Count(r.Stdout, "removed r0: ") != 2 || !strings.Contains(r.Stdout, "assumed-role/role0/") || len(files()) != 1 {
		t.Errorf("exit %d, %q, %q; left %v", r.Code, r.Stdout, r.Stderr, files())
	}
	m.creds(t, m.run(t, "--profile", "r1"))
	if r := m.run(t, "logout", "r0"); r.Stdout != "r0: nothing was in the cache\n" {
		t.Errorf("%q", r.Stdout)
	}
	must(t, os.WriteFile(filepath.Join(m.Cache(), "v1", strings.Repeat("a", 64)+".cred"), []byte("junk"), 0o600))
	r = m.run(t, "logout", "--all")
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
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees("sts-helper", 1)
	tt.sees(prompt, 1)
	tt.types(m.code() + "\n")
	m.creds(t, j.result(t))
	m.once(t)
	if r := m.run(t, "logout", "r0", "no-such"); r.Code == 0 || len(files()) != 1 {
		t.Errorf("exit %d, %q: half a logout", r.Code, r.Stdout)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	if r := m.run(t, "status"); r.Code != 0 || r.Stdout != "nothing is in the cache\n" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "r0"))
	tt.sees(prompt, 1)
	var session *struct {
		PID    int
		TTY    string
		Asking bool
	}
	for _, rec := range m.status(t).Records {
		if rec.LockedBy != nil && strings.Contains(strings.Join(rec.Profiles, ","), "dev") {
			session = rec.LockedBy
		}
	}
	if session == nil || session.PID != j.cmd.Process.Pid || !session.Asking || !strings.HasPrefix(session.TTY, "terminal pts/") {
		t.Errorf("%+v", session)
	}
	tt.types(m.code() + "\n")
	m.creds(t, j.result(t))
	m.sts.Fault(fault("denied"))
	m.run(t, "--profile", "r1")
	must(t, os.WriteFile(filepath.Join(m.Cache(), "v1", strings.Repeat("b", 64)+".cred"), []byte("junk"), 0o600))
	found := map[string]bool{}
	for _, rec := range m.status(t).Records {
		names := strings.Join(rec.Profiles, ",")
		switch {
		case names == "r0":
			found["r0"] = rec.Operation == "AssumeRole" && strings.Contains(rec.Identity, "assumed-role/role0/") && rec.SecondsLeft > 3500 && rec.SecondsLeft <= 3600 && strings.HasPrefix(rec.AccessKeyID, "ASIA")
		case strings.HasPrefix(names, "dev,the session of r0"):
			found["session"] = rec.Operation == "GetSessionToken" && rec.SerialNumber == m.device.SerialNumber
		case names == "r1":
			found["r1"] = rec.Failure != nil && rec.Failure.Class == "denied" && strings.Contains(rec.Failure.Message, "AccessDenied")
		case rec.Unusable != "":
			found["junk"] = names == "" && rec.Key == strings.Repeat("b", 64)
		}
	}
	for _, what := range []string{"r0", "session", "r1", "junk"} {
		if !found[what] {
			t.Errorf("no good record of %s: %+v", what, m.status(t))
		}
	}
	text := m.run(t, "status")
	for _, want := range []string{"AssumeRole: arn:aws:sts::" + account + ":assumed-role/role0/", "good until ", "last refresh failed ", "unusable: ", "an MFA code of " + m.device.SerialNumber} {
		if !strings.Contains(text.Stdout, want) {
			t.Errorf("status does not say %q:\n%s", want, text.Stdout)
		}
	}
	if strings.Contains(text.Stdout, harness.Canary) {
		t.Error("a secret")
	}
	if s := m.status(t, "r7"); len(s.Records) != 2 || s.Records[0].SecondsLeft != 0 || s.Records[1].SecondsLeft == 0 {
		t.Errorf("r7 and its session: %+v", s)
	}
}
