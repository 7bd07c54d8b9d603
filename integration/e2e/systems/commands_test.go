package systems_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A step is a command and what it does, the same on every system: texts as plain makes them.
type step struct {
	args           []string
	code           int
	stdout, stderr string // "..." stands for anything
	calls          int    // of STS so far
}

var changing = []struct {
	is   *regexp.Regexp
	what string
}{
	{regexp.MustCompile(`ASIA[A-Z0-9]{16}`), "{key}"},
	{regexp.MustCompile(`AKIA[A-Z0-9]{16}`), "{base}"},
	{regexp.MustCompile(`(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d (UTC|GMT)`), "{time}"}, // as the system calls it
	{regexp.MustCompile(`\b1[12]h\d\dm\b`), "{left}"},
	{regexp.MustCompile(`(SECRET_ACCESS_KEY|SESSION_TOKEN)=\S+`), "$1={secret}"},
	{regexp.MustCompile(`(eu-west|us-east)-1`), "{region}"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`), "{date}"},
}

// plain is a text without what differs from run to run, with the home as {home} and slashes in paths.
func (h *home) plain(text string) string {
	text = strings.ReplaceAll(text, h.spell(h.dir), "{home}")
	text = strings.ReplaceAll(text, h.program, "{program}")
	if h.windows {
		text = strings.ReplaceAll(text, `C:\users\root`, "{home}") // which Wine does not let a variable change
		text = strings.ReplaceAll(text, `\`, "/")
	}
	for _, c := range changing {
		text = c.is.ReplaceAllString(text, c.what)
	}
	return text
}

// fits reports whether a text is what is wanted.
func fits(text, want string) bool {
	parts := strings.Split(want, "...")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile(`^(?s)` + strings.Join(parts, `.*`) + `$`).MatchString(text)
}

const document = `{"Version":1,"AccessKeyId":"{key}",..."Expiration":"{date}"...}` + "\n"

// A day with the program: nothing there, a token got, kept, looked at, used, removed; and what is said of mistakes.
func TestCommands(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		h.env["TZ"] = "UTC"
		const empty = "PROFILE  IDENTITY  ENDS IN  SOURCE  STATE\ndev      -         -        base    empty\n"
		const full = "PROFILE  IDENTITY                              ENDS IN  SOURCE  STATE\ndev      the user of key {base}  {left}   base    ok\n"
		for _, s := range []step{
			{args: []string{"status"}, stdout: empty},
			{args: []string{"--source-profile", "base"}, stdout: document, calls: 1},
			{args: []string{"process", "--source-profile", "base"}, stdout: document, calls: 1},
			{args: []string{"--profile", "dev"}, stdout: document, calls: 1},
			{args: []string{"status"}, stdout: full, calls: 1},
			{args: []string{"status", "dev"}, stdout: "...{base}...", calls: 1},
			{args: []string{"status", "--short", "dev"}, stdout: "dev {left}\n", calls: 1},
			{args: []string{"env", "dev", "--format", "dotenv"}, calls: 1,
				stdout: "AWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\nAWS_SESSION_TOKEN={secret}\nAWS_CREDENTIAL_EXPIRATION={date}\nAWS_ACCOUNT_ID=111122223333\nAWS_REGION={region}\nAWS_DEFAULT_REGION={region}\n"},
			{args: []string{"env", "dev", "--format", "json"}, stdout: `{...{key}...{region}...}` + "\n", calls: 1},
			{args: []string{"exec", "dev", "--", "{program}", "status"}, stdout: full, calls: 1},
			{args: []string{"exec", "dev", "--", "{program}", "--profile", "nope"}, code: harness.ExitUsage, stderr: `...no AWS profile "nope"...`, calls: 1},
			{args: []string{"exec", "dev", "--", "sts-helper", "version"}, stdout: "sts-helper ...\n", calls: 1}, // found by PATH
			{args: []string{"exec", "dev", "--", "no-such-command"}, code: 127, stderr: "sts-helper: no-such-command: command not found\n", calls: 1},
			{args: []string{"keys", "list"}, stdout: "no key is stored; store one: sts-helper keys add NAME\n", calls: 1},
			{args: []string{"doctor", "dev"}, stdout: "...nothing else is wrong with what was looked at: 1 profile, 1 endpoint\n...botocore    runs the helper ({home}/.aws/config:2)\n...", calls: 1},
			{args: []string{"--profile", "nope"}, code: harness.ExitUsage, calls: 1,
				stderr: `sts-helper: --profile: no file {home}/.config/sts-helper/config.toml that could have an entry [profile.nope], and no AWS profile "nope"; there are "base", "dev"` + "\n"},
			{args: []string{"--source-profile", "base", "--duration", "1x"}, code: harness.ExitUsage, stderr: `sts-helper: --duration: "1x" is not a duration; write it like 12h, 90m or, in seconds, 43200` + "\n", calls: 1},
			{args: []string{"--no-such-flag"}, code: harness.ExitUsage, stderr: "...--no-such-flag...", calls: 1},
			{args: []string{"login", "dev", "--force"}, stdout: "dev  renewed, good until {time} ({left})\n", calls: 2},
			{args: []string{"logout", "dev"}, stdout: "removed dev: GetSessionToken, key {key}, until {time} ({left})\n", calls: 2},
			{args: []string{"logout", "dev"}, stdout: "...", stderr: "...", calls: 2},
			{args: []string{"status"}, stdout: empty, calls: 2},
			{args: []string{"healthcheck", "127.0.0.1:1"}, code: 1, stderr: "...127.0.0.1:1...", calls: 2},
			{args: []string{"serve", "--profile", "dev", "--listen", "192.0.2.1:9911"}, code: harness.ExitConfig, stderr: "...it is not a loopback address...", calls: 2},
			{args: []string{"logout", "--all"}, stdout: "...", stderr: "...", calls: 2},
		} {
			args := make([]string, len(s.args))
			for i, a := range s.args {
				args[i] = strings.ReplaceAll(a, "{program}", h.program)
			}
			r := h.run(t, args...)
			stdout, stderr := h.plain(r.Stdout), h.plain(r.Stderr)
			if r.Code != s.code || !fits(stdout, s.stdout) || !fits(stderr, s.stderr) || h.sts.Count("GetSessionToken") != s.calls {
				t.Errorf("%q: exit %d, want %d; %d calls, want %d\nstdout %.600q\nwant   %q\nstderr %.600q\nwant   %q", s.args, r.Code, s.code, h.sts.Count("GetSessionToken"), s.calls, stdout, s.stdout, stderr, s.stderr)
			}
		}
		if r := h.run(t, "--profile", "dev"); h.creds(t, r) == "" {
			t.Error("no credentials")
		}
	})
}

// The exit code of a command is that of exec, and the command has the credentials.
func TestExecOfSystemPrograms(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		exit, show := []string{"sh", "-c", "exit 7"}, []string{"sh", "-c", `echo "$AWS_ACCESS_KEY_ID $AWS_PROFILE."`}
		if h.windows {
			exit, show = []string{"cmd", "/c", "exit 7"}, []string{"cmd", "/c", "echo %AWS_ACCESS_KEY_ID% %AWS_PROFILE%."}
		}
		h.env["AWS_PROFILE"] = "dev"
		if r := h.run(t, append([]string{"exec", "dev", "--"}, exit...)...); r.Code != 7 || r.Stderr != "" {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		r := h.run(t, append([]string{"exec", "dev", "--"}, show...)...)
		if got := strings.Fields(h.plain(r.Stdout)); r.Code != 0 || len(got) != 2 || got[0] != "{key}" || strings.Trim(got[1], "%AWS_PROFILE") != "." {
			t.Errorf("exit %d, %q %q", r.Code, r.Stdout, r.Stderr)
		}
	})
}

// icacls is the command line for access lists in a text, without its file and users.
func icacls(text string) string {
	line := regexp.MustCompile(`icacls "[^"]*" (.*)`).FindStringSubmatch(text)
	if line == nil {
		return ""
	}
	return regexp.MustCompile(`S-1-[-.0-9]+`).ReplaceAllString(line[1], "{user}")
}

// What STS and files say no to, the same way.
func TestRefusals(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		harness.Must(t, os.MkdirAll(filepath.Join(h.dir, "cache"), 0o700))
		harness.Must(t, os.Chmod(filepath.Join(h.dir, "cache"), 0o755))
		mend := "chmod 700 '{home}/cache'\n"
		if h.windows {
			mend = `icacls "{home}/cache" /inheritance:r /grant:r "*S-1-...:(OI)(CI)F" /remove:g "*S-1-1-0"` + "\n"
		}
		r := h.run(t, "--source-profile", "base")
		if want := "sts-helper: the cache directory is not safe to use: {home}/cache: others may use it (...); run: " + mend; r.Code != harness.ExitConfig || r.Stdout != "" || !fits(h.plain(r.Stderr), want) {
			t.Errorf("a cache for everyone: exit %d, %q %q", r.Code, r.Stdout, h.plain(r.Stderr))
		}
		if h.windows { // the line that the document shows
			page, err := os.ReadFile("../../../docs/howto/windows-macos.md")
			harness.Must(t, err)
			if shown, said := icacls(string(page)), icacls(r.Stderr); shown == "" || shown != said {
				t.Errorf("the document has %q, and the program says %q", shown, said)
			}
		}
		harness.Must(t, os.Chmod(filepath.Join(h.dir, "cache"), 0o700))

		harness.Must(t, os.Chmod(filepath.Join(h.dir, ".aws", "config"), 0o666))
		r = h.run(t, "--profile", "dev")
		if want := "sts-helper: {home}/.aws/config: every user may write to it (...), and it decides which programs are run as you; run: ..."; r.Code != harness.ExitConfig || !fits(h.plain(r.Stderr), want) {
			t.Errorf("a config for everyone: exit %d, %q", r.Code, h.plain(r.Stderr))
		}
		harness.Must(t, os.Chmod(filepath.Join(h.dir, ".aws", "config"), 0o600))

		h.sts.DeleteKey(h.user.AccessKeyID)
		r = h.run(t, "--source-profile", "base")
		if r.Code == 0 || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, "InvalidClientTokenId") {
			t.Errorf("a key that is no more: exit %d, %q %q", r.Code, r.Stdout, r.Stderr)
		}
	})
}

// A program's path with blanks in quotes is a source, and the helper's own is known as such, whatever separates folders.
func TestPathsInAWSFiles(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		role := h.sts.AddRole(harness.Account, "deploy")
		own, other := filepath.Join(h.dir, "with blank", "sts-helper"), filepath.Join(h.dir, "with blank", "other tool")
		from := h.program
		if h.windows {
			own, other, from = own+".exe", other+".exe", wineExe
		}
		data, err := os.ReadFile(from)
		harness.Must(t, err)
		harness.Must(t, os.MkdirAll(filepath.Dir(own), 0o700))
		for _, name := range []string{own, other} {
			harness.Must(t, os.WriteFile(name, data, 0o700))
		}
		h.write(t, ".aws/config", strings.ReplaceAll(`[profile own]
credential_process = "`+h.spell(own)+`" --source-profile base
region = eu-west-1
[profile other]
credential_process = "`+h.spell(other)+`" --source-profile base
region = eu-west-1
[profile plain]
credential_process = `+h.program+` --source-profile base
region = eu-west-1
`, "\n", "\r\n"))
		for _, profile := range []string{"own", "plain"} {
			h.creds(t, h.run(t, "--profile", profile))
			if r := h.run(t, "status", profile); r.Code != 0 || !strings.Contains(r.Stdout, h.user.AccessKeyID) {
				t.Errorf("%s: exit %d, %q %q", profile, r.Code, r.Stdout, r.Stderr)
			}
			if r := h.run(t, "login", profile); r.Code != 0 || r.Stderr != "" {
				t.Errorf("login %s: exit %d, %q %q", profile, r.Code, r.Stdout, r.Stderr)
			}
		}
		h.creds(t, h.run(t, "--source-profile", "other", "--role-arn", role.ARN))
		if n := h.sts.Succeeded("AssumeRole"); n != 1 {
			t.Errorf("%d roles assumed", n)
		}
	})
}
