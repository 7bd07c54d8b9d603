package serve_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The env-file gives the token as clients know it, and the forms are read as what they are.
func TestServeEnvFileForms(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	const file, variable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	token := filepath.Join(w.Dir, "token")
	for how, want := range map[string][]string{"file": {file}, "variable": {variable}, "both": {file, variable}} {
		s := w.Serve(t, "--source-profile", "base", "--listen", "127.0.0.1:0", "--token-file", token, "--env-token", how)
		held, err := os.ReadFile(token)
		harness.Must(t, err)
		values := map[string]string{file: token, variable: string(held)}
		for _, name := range []string{file, variable} {
			if got := s.Env[name]; (got != "") != strings.Contains(strings.Join(want, " ")+" ", name+" ") || got != "" && got != values[name] {
				t.Errorf("--env-token %s: %s is %q", how, name, got)
			}
		}
		// A client is given them, and nothing else.
		assignments := []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.Env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]}
		for _, name := range want {
			assignments = append(assignments, name+"="+s.Env[name])
		}
		if r := runSDK(t, w, "whoami", assignments...); strings.TrimSpace(r.Stdout) != w.User.ARN {
			t.Errorf("--env-token %s: exit %d, %q, %q", how, r.Code, r.Stdout, r.Stderr)
		}
		s.Stop(t)
	}

	// A path that not all readers take alike is refused in the form for all, and quoted in the others.
	odd := filepath.Join(w.Dir, "a $b", "token")
	s := w.Serve(t, "--source-profile", "base", "--listen", "127.0.0.1:0", "--token-file", odd, "--env-format", "systemd")
	if got := s.Env[file]; got != `"`+strings.ReplaceAll(odd, "$", `\$`)+`"` {
		t.Errorf("systemd's form has %s", got)
	}
	s.Stop(t)
	var all map[string]string
	s = w.PrepareServer(t, "--source-profile", "base", "--imds", "default", "--listen", "127.0.0.1:0", "--token-file", odd, "--env-format", "json")
	s.Begin(t)
	harness.Await(t, "the env-file", func() bool {
		b, err := os.ReadFile(s.EnvFile)
		return err == nil && json.Unmarshal(b, &all) == nil
	})
	if len(all) != 4 || all[file] != odd || !strings.HasSuffix(all["AWS_EC2_METADATA_SERVICE_ENDPOINT"], "/") {
		t.Errorf("%q", all)
	}
	// Its own file of whatever form is replaced, and another's is not.
	harness.Must(t, s.Cmd.Process.Kill())
	s.AwaitEnd(t)
	if again := w.Command(t, "serve", "--source-profile", "base", "--listen", "127.0.0.1:0", "--env-file", s.EnvFile, "--env-format", "yaml"); harness.Finish(again).Code != harness.ExitUsage {
		t.Error("a form that is none was taken")
	}
	s2 := w.PrepareServer(t, "--source-profile", "base", "--listen", "127.0.0.1:0")
	b, err := os.ReadFile(s.EnvFile)
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(s2.EnvFile, b, 0o600))
	s2.Begin(t)
	harness.Await(t, "its own env-file", func() bool {
		now, err := os.ReadFile(s2.EnvFile)
		return err == nil && strings.HasPrefix(string(now), "# Container credentials.")
	})
}
