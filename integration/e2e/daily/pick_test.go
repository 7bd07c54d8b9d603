package daily_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// pickWorld is a home with profiles of which none is the default.
func pickWorld(t *testing.T) *harness.World {
	t.Helper()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	config(t, w, "[profile team2]\ncredential_process = sts-helper --source-profile base --role-arn "+role.ARN+
		"\n[profile team10]\ncredential_process = sts-helper --source-profile base\n[profile broken]\ncredential_process = sts-helper --source-profile gone")
	return w
}

// onTerminal starts a command whose user sees its standard error and types its input.
func onTerminal(t *testing.T, w *harness.World, args ...string) (*harness.Terminal, *harness.Job, *exec.Cmd) {
	t.Helper()
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, args...)
	cmd.Stdin, cmd.Stderr = tt.Line, tt.Line
	return tt, harness.Start(t, tt, cmd), cmd
}

// Each command that needs a profile offers those that there are, at a terminal: by number, by name, by a part of
// it, in the order that people count in, with what there is to know of each.
func TestPicker(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   []string
		answer string
		want   string // on standard output
	}{
		{[]string{"env"}, "2", "AWS_ACCESS_KEY_ID="},
		{[]string{"env", "--format", "json"}, "team10", "AccessKeyId"},
		{[]string{"exec", "--", "sh", "-c", "echo got $AWS_ACCESS_KEY_ID"}, "m2", "got ASIA"},
		{[]string{"console"}, "team2", "/federation?Action=login"},
		{[]string{"logout"}, "2,3", "team2: nothing was in the cache\n"},
		{[]string{"grant", "bob", "--plain", "--allow", "s3:*"}, "team2", "sts-helper"},
	} {
		t.Run(tt.args[0]+" "+tt.answer, func(t *testing.T) {
			t.Parallel()
			w := pickWorld(t)
			term, j, _ := onTerminal(t, w, tt.args...)
			term.Await("which profile (1 to 3 or a name", 1)
			screen := term.Screen()
			for _, line := range []string{" 1  broken  cannot be used; run: sts-helper doctor broken", " 2  team2   empty", " 3  team10  empty"} {
				if !strings.Contains(screen, line+"\r\n") {
					t.Errorf("%q is not in %q", line, screen)
				}
			}
			term.Type(tt.answer + "\n")
			if r := j.Result(t); r.Code != 0 || !strings.Contains(r.Stdout, tt.want) {
				t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, term.Screen())
			}
		})
	}
}

// What cannot be meant is refused, Ctrl-C ends the question, and Enter alone goes on without a name.
func TestPickerRefuses(t *testing.T) {
	t.Parallel()
	w := pickWorld(t)
	for answer, want := range map[string]struct {
		code int
		text string
	}{
		"9\n":     {harness.ExitUsage, "none of the names that were offered"},
		"taem2\n": {harness.ExitUsage, "none of the names that were offered; did you mean \"team2\"?"},
		"team\n":  {harness.ExitUsage, "is part of several names: team2, team10"},
		"1 2\n":   {harness.ExitUsage, "one profile can be chosen, not 2"},
		"\x04":    {harness.ExitUsage, "\r\nsts-helper: nothing was chosen"},
		"\x03":    {130, "^C\r\nsts-helper: stopped"},
		"\n":      {harness.ExitSource, "there are no credentials to begin with"},
	} {
		term, j, _ := onTerminal(t, w, "env")
		term.Await("which profile", 1)
		term.Type(answer)
		r := j.Result(t)
		if s := term.Rest(); r.Code != want.code || r.Stdout != "" || !strings.Contains(s, want.text) {
			t.Errorf("%q: exit %d, %q, %q", answer, r.Code, r.Stdout, s)
		}
	}
}

// Nothing is asked where the profile is known, or there is no terminal, or a program calls.
func TestPickerIsSilent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		args    []string
		prepare func(w *harness.World)
	}{
		"argument": {[]string{"env", "team10"}, func(*harness.World) {}},
		"flag":     {[]string{"env", "--source-profile", "base"}, func(*harness.World) {}},
		"variable": {[]string{"env"}, func(w *harness.World) { w.Env["AWS_PROFILE"] = "base" }},
		"keys in variables": {[]string{"env"}, func(w *harness.World) {
			w.Env["AWS_ACCESS_KEY_ID"], w.Env["AWS_SECRET_ACCESS_KEY"] = w.User.AccessKeyID, w.User.SecretAccessKey
		}},
		"default of AWS": {[]string{"env"}, func(w *harness.World) {
			harness.Must(t, w.Write(".aws/credentials", "[default]\naws_access_key_id = "+w.User.AccessKeyID+"\naws_secret_access_key = "+w.User.SecretAccessKey+"\n"))
		}},
		"default of ours": {[]string{"env"}, func(w *harness.World) {
			harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.default]\nsource_profile = \"base\"\n"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := pickWorld(t)
			tt.prepare(w)
			term, j, _ := onTerminal(t, w, tt.args...)
			if r := j.Result(t); r.Code != 0 || strings.Contains(term.Rest(), "which profile") {
				t.Errorf("exit %d, %q", r.Code, term.Screen())
			}
		})
	}
	w := pickWorld(t)
	term, j, _ := onTerminal(t, w, "process")
	if r := j.Result(t); r.Code != harness.ExitSource || strings.Contains(term.Rest(), "which profile") {
		t.Errorf("process asked: exit %d, %q", r.Code, term.Screen())
	}
	if r := w.Run(t, "env"); r.Code != harness.ExitSource {
		t.Errorf("without a terminal: exit %d, %q", r.Code, r.Stderr)
	}
}

// serve offers the profiles, too, and serves what was chosen.
func TestPickerOfServe(t *testing.T) {
	t.Parallel()
	w := pickWorld(t)
	token := filepath.Join(w.Dir, "token")
	term, j, cmd := onTerminal(t, w, "serve", "--listen", "127.0.0.1:0", "--token-file", token)
	term.Await("which profile", 1)
	term.Type("team10\n")
	term.Await("team10", 3)
	harness.Must(t, cmd.Process.Signal(syscall.SIGTERM))
	if r := j.Result(t); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, term.Screen())
	}
}
