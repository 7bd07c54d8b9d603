package systems_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// What docs/howto/windows-macos.md has for Windows is done as it is written there: the files in their places, with their
// paths, and the lines for cmd.exe.
func TestPageOfWindows(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		if !h.windows {
			t.Skip("it is about Windows")
		}
		data, err := os.ReadFile("../../../docs/howto/windows-macos.md")
		harness.Must(t, err)
		page := string(data)
		drive := filepath.Join(os.Getenv("WINEPREFIX"), "drive_c")
		profile := filepath.Join(drive, "users", "root")
		t.Cleanup(func() { // the other tests name places of their own
			for _, name := range []string{".aws", ".config", "dev.env", "AppData/Local/cache", "../ana"} {
				_ = os.RemoveAll(filepath.Join(profile, name))
			}
		})
		put := func(name, content string) {
			t.Helper()
			harness.Must(t, os.MkdirAll(filepath.Dir(name), 0o700))
			harness.Must(t, os.WriteFile(name, []byte(content), 0o700))
		}
		block := func(name string) string {
			t.Helper()
			m := regexp.MustCompile(`(?m)^    # %UserProfile%\\` + regexp.QuoteMeta(name) + `\n((?:(?:    .*)?\n)+)`).FindStringSubmatch(page)
			if m == nil {
				t.Fatalf("no block for %s", name)
			}
			return strings.ReplaceAll(m[1], "\n    ", "\n")[len("    "):]
		}
		h.sts.AddRole(harness.Account, "deploy", emulator.Trust(h.user.ARN))
		program, err := os.ReadFile(wineExe)
		harness.Must(t, err)
		put(filepath.Join(drive, "Tools", "sts-helper.exe"), string(program))
		put(filepath.Join(drive, "Program Files", "sts-helper", "sts-helper.exe"), string(program))
		put(filepath.Join(profile, ".aws", "config"), block(`.aws\config`))
		put(filepath.Join(profile, ".config", "sts-helper", "config.toml"), block(`.config\sts-helper\config.toml`))
		keys, err := os.ReadFile(filepath.Join(h.dir, ".aws", "credentials"))
		harness.Must(t, err)
		put(filepath.Join(drive, "users", "ana", "keys", "credentials"), string(keys))
		put(filepath.Join(profile, ".aws", "credentials"), string(keys))
		for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "STS_HELPER_CACHE_DIR"} {
			delete(h.env, name)
		}

		bat := regexp.MustCompile("(?s)```bat\n(.*?)```").FindStringSubmatch(page)
		if bat == nil {
			t.Fatal("no block for cmd.exe")
		}
		script, lines := "@echo off\r\n", 0
		for line := range strings.Lines(bat[1]) {
			script += strings.TrimSpace(line) + "\r\nif errorlevel 1 exit /b 9\r\n"
			lines++
		}
		put(filepath.Join(h.dir, "page.bat"), script)
		cmd := h.start(t)
		cmd.Args = []string{"wine64", "cmd", "/c", h.path("page.bat")}
		r := h.finish(t, cmd)
		got := h.plain(r.Stdout)
		want := regexp.MustCompile(`(?s)^(?:arn:aws:sts::111122223333:assumed-role/deploy/\S+\s+){3}PROFILE .*dev .* ok\s.*removed dev: `)
		if r.Code != 0 || r.Stderr != "" || lines != 7 || !want.MatchString(got) {
			t.Errorf("exit %d, %d lines\n%s\n%s", r.Code, lines, got, h.plain(r.Stderr))
		}
		env, err := os.ReadFile(filepath.Join(profile, "dev.env"))
		if err != nil || !strings.Contains(string(env), "AWS_SESSION_TOKEN=") {
			t.Errorf("%q, %v", env, err)
		}
		// What PowerShell is given, which Wine has not: variables, without that the format is said.
		evaluated := regexp.MustCompile(`(?m)^sts-helper (.*?) \| Out-String \| Invoke-Expression$`).FindAllStringSubmatch(page, -1)
		variables := regexp.MustCompile(`(?m)^(\$Env:AWS_[A-Z_]+ = '[^']*'|Remove-Item -ErrorAction SilentlyContinue -Path Env:AWS_\w+(, Env:AWS_\w+)*)\r?$`)
		for _, line := range evaluated {
			r := h.run(t, strings.Fields(line[1])...)
			if rest := strings.TrimSpace(variables.ReplaceAllString(r.Stdout, "")); r.Code != 0 || r.Stdout == "" || rest != "" {
				t.Errorf("%s: exit %d, %q, more than variables: %.200q", line[1], r.Code, r.Stderr, rest)
			}
		}
		if len(evaluated) != 2 {
			t.Errorf("%d lines for PowerShell", len(evaluated))
		}
		// The places of the table.
		for _, name := range []string{"AppData/Local/cache/sts-helper/v1", "../ana/audit.log"} {
			if info, err := os.Stat(filepath.Join(profile, name)); err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	})
}
