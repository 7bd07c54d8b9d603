package docs_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// powerShell has the blocks of docs/howto/windows-macos.md for PowerShell: variables of credentials, and those of an endpoint.
func powerShell(t *testing.T) (variables, endpoint []string) {
	t.Helper()
	root, _ := pages(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "howto", "windows-macos.md"))
	harness.Must(t, err)
	blocks := regexp.MustCompile("(?s)```powershell\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks for PowerShell", len(blocks))
	}
	return strings.Split(blocks[0][1], "\n"), strings.Split(blocks[1][1], "\n")
}

// forms are the lines of PowerShell that the documents may have, and the helper's arguments in them.
var forms = []*regexp.Regexp{
	regexp.MustCompile(`^\$Env:[A-Z_]+ = '[^']*'$`),
	regexp.MustCompile(`^sts-helper (env [a-z -]+) \| Out-String \| Invoke-Expression$`),
	regexp.MustCompile(`^Start-Process sts-helper '([^']+)' -NoNewWindow$`),
	regexp.MustCompile(`^\(Get-Content ([a-z.]+) \| ConvertFrom-Json\)\.PSObject\.Properties \| ForEach-Object \{ Set-Item "Env:\$\(\$_\.Name\)" \$_\.Value \}$`),
}

// What PowerShell is given to evaluate are assignments and removals of variables, one a line, and the file that it reads is an
// object of variables. TestPowerShell runs the lines themselves.
func TestPowerShellIsGivenVariables(t *testing.T) {
	harness.Long(t, "types the page's lines")
	variables, endpoint := powerShell(t)
	args := func(line string) []string {
		t.Helper()
		i := slices.IndexFunc(forms, func(form *regexp.Regexp) bool { return form.MatchString(line) })
		if i < 0 {
			t.Fatalf("%q is no line that is known", line)
		}
		return strings.Fields(strings.Join(forms[i].FindStringSubmatch(line)[1:], " "))
	}
	for _, line := range variables {
		a := args(line)
		if len(a) == 0 {
			continue
		}
		r := newReader(t)
		out := r.Run(t, append(a, "--format", "powershell")...) // the default of Windows
		want := regexp.MustCompile(`(?m)^(\$Env:AWS_[A-Z_]+ = '[^']*'|Remove-Item -ErrorAction SilentlyContinue -Path Env:AWS_\w+(, Env:AWS_\w+)*)$`)
		if rest := strings.TrimSpace(want.ReplaceAllString(out.Stdout, "")); out.Code != 0 || out.Stdout == "" || rest != "" {
			t.Errorf("%s: exit %d, and it has more than variables: %.200q", line, out.Code, rest)
		}
	}
	r := newReader(t)
	s := r.PrepareServer(t)
	a := args(endpoint[0])
	s.EnvFile = filepath.Join(r.Dir, args(endpoint[1])[0])
	s.Cmd = r.Home.Command(harness.Context(t), append(a, "--listen", "127.0.0.1:0")...)
	s.Cmd.Dir = r.Dir
	harness.Must(t, harness.Begin(s.Cmd))
	t.Cleanup(func() { _ = s.Cmd.Process.Kill(); _ = s.Cmd.Wait() })
	harness.Await(t, "the file", func() bool { _, err := os.Stat(s.EnvFile); return err == nil })
	b, err := os.ReadFile(s.EnvFile)
	harness.Must(t, err)
	object := map[string]string{}
	if err := json.Unmarshal(b, &object); err != nil || object["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "" || object["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] == "" {
		t.Errorf("%v: %s", err, b)
	}
}

// PowerShell, where there is one, has the credentials after the page's lines, has none after those that take them away, and
// has an endpoint's variables.
func TestPowerShell(t *testing.T) {
	harness.Long(t, "starts PowerShell")
	pwsh, err := exec.LookPath("pwsh")
	if err != nil {
		t.Skip("there is no pwsh")
	}
	variables, endpoint := powerShell(t)
	r := newReader(t)
	run := func(script string) string {
		t.Helper()
		cmd := exec.CommandContext(harness.Context(t), pwsh, "-NoProfile", "-NonInteractive", "-Command", "$ErrorActionPreference = 'Stop'\n"+script)
		cmd.Env, cmd.Dir = r.Environ(), r.Dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s\n%v\n%s", script, err, out)
		}
		return strings.ReplaceAll(strings.TrimSpace(string(out)), "\r\n", "\n")
	}
	script := ""
	for _, line := range variables {
		line = strings.Replace(line, " | Out-String", " --format powershell | Out-String", 1) // the default of Windows
		script += line + "\n\"<$Env:AWS_PROFILE $Env:AWS_ACCESS_KEY_ID>\"\n"
	}
	if got := run(script); !regexp.MustCompile(`^<dev >\n< ASIA[A-Z0-9]{16}>\n< >$`).MatchString(got) {
		t.Errorf("%s\nshows\n%s", script, got)
	}
	start := strings.Replace(endpoint[0], " --env-format", " --listen 127.0.0.1:0 --env-format", 1)
	got := run("$server = " + strings.Replace(start, " -NoNewWindow", " -NoNewWindow -PassThru", 1) + "\nwhile (-not (Test-Path dev.json)) { Start-Sleep -Milliseconds 50 }\n" +
		endpoint[1] + "\n$server.Kill()\n\"<$Env:AWS_CONTAINER_CREDENTIALS_FULL_URI>\"")
	if !regexp.MustCompile(`<http://127\.0\.0\.1:\d+/credentials/dev>`).MatchString(got) {
		t.Errorf("the endpoint: %s", got)
	}
}
