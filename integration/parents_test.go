package integration_test

import (
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// pythonTool is a program that "make sdk-tools" installs; see need.
func pythonTool(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", ".tools", "sdk", "python", "bin", name))
	must(t, err)
	return need(t, path)
}

// parents are programs that run the helper as a credential_process and say who they are.
var parents = map[string]func(t *testing.T) []string{
	"Go SDK": func(t *testing.T) []string {
		bin, err := harness.Build(t.TempDir(), "integration/cmd/whoami")
		must(t, err)
		return []string{bin}
	},
	"botocore": func(t *testing.T) []string {
		return []string{pythonTool(t, "python"), "-c", `
import botocore.session
print(botocore.session.Session().create_client("sts").get_caller_identity()["Arn"])`}
	},
	"AWS CLI": func(t *testing.T) []string {
		return []string{pythonTool(t, "aws"), "sts", "get-caller-identity", "--query", "Arn", "--output", "text"}
	},
}

// Under a real SDK that captures what the helper prints, the question is seen and answered at
// the terminal, and the SDK gets its document, clean. Whatever stdin is.
func TestPromptUnderRealParents(t *testing.T) {
	for name, command := range parents {
		for _, stdin := range []string{"open", "closed", "terminal"} {
			t.Run(name+", stdin "+stdin, func(t *testing.T) {
				t.Parallel()
				m := newMFAWorld(t)
				must(t, m.Write(".aws/config", "[profile base]\nmfa_serial = "+m.device.SerialNumber+
					"\n[profile dev]\nregion = eu-west-1\ncredential_process = sts-helper --source-profile base\n"))
				args := command(t)
				cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
				cmd.Env, cmd.Dir = m.Environ("AWS_PROFILE=dev"), m.Dir
				tt := newTerminal(t)
				switch stdin {
				case "open":
					r, w, err := os.Pipe()
					must(t, err)
					defer r.Close()
					defer w.Close()
					cmd.Stdin = r
				case "closed":
					cmd.Args = append([]string{"sh", "-c", `exec "$@" <&-`, "sh"}, args...)
					cmd.Path = need(t, "sh")
				default:
					cmd.Stdin = tt.line
				}
				j := tt.start(t, cmd)
				tt.sees("MFA code needed for profile base, device "+m.device.SerialNumber, 1)
				tt.sees(prompt, 1)
				tt.types(m.wrong(0) + "\n")
				tt.sees(prompt, 2)
				tt.types(m.code() + "\n")
				r := j.result(t)
				if r.Code != 0 || strings.TrimSpace(r.Stdout) != m.user.ARN || r.Stderr != "" {
					t.Errorf("exit %d, %q, %q; saw %s", r.Code, r.Stdout, r.Stderr, tt.screen())
				}
				if n := strings.Count(tt.screen(), prompt); n != 2 {
					t.Errorf("%d prompts", n)
				}
				m.calls(t, 2, 0, 1, 1)
			})
		}
	}
}

// With nobody to ask, the SDK's user reads what to run.
func TestNobodyToAskUnderRealParents(t *testing.T) {
	for name, command := range parents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMFAWorld(t)
			must(t, m.Write(".aws/config", "[profile base]\nmfa_serial = "+m.device.SerialNumber+
				"\n[profile dev]\nregion = eu-west-1\ncredential_process = sts-helper --profile dev\n"))
			args := command(t)
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env, cmd.Dir = m.Environ("AWS_PROFILE=dev"), m.Dir
			r := (*terminal)(nil).start(t, cmd).result(t)
			if r.Code == 0 || !strings.Contains(r.Stderr, `run "sts-helper login dev"`) {
				t.Errorf("exit %d, %q", r.Code, r.Stderr)
			}
			if n := m.sts.Count(""); n != 0 {
				t.Errorf("%d calls of STS", n)
			}
		})
	}
}

// zenity is a stand-in: it writes down what it was started with and answers what the test
// has put there.
const zenity = `#!/bin/sh
cat /proc/self/environ >"$HOME/zenity.env"
for a; do printf '%s\n' "$a"; done >>"$HOME/zenity.args"
n=$(($(cat "$HOME/zenity.n" 2>/dev/null || echo 0) + 1)); echo $n >"$HOME/zenity.n"
. "$HOME/zenity.answer"
`

func (m *mfaWorld) withZenity(t *testing.T, answer string) func(args ...string) harness.Result {
	t.Helper()
	must(t, m.Write("bin/zenity", zenity))
	must(t, os.Chmod(filepath.Join(m.Dir, "bin/zenity"), 0o700))
	must(t, m.Write("zenity.answer", answer))
	return func(args ...string) harness.Result {
		cmd := m.command(t, args...)
		cmd.Env = append(cmd.Env, "DISPLAY=:99", "PATH="+filepath.Join(m.Dir, "bin")+":/usr/bin:/bin")
		return (*terminal)(nil).start(t, cmd).result(t)
	}
}

// Where there is a display and no terminal, a window asks. (docs/mfa.md says how the real
// programs are tried.)
func TestDialog(t *testing.T) {
	t.Run("wrong, then right", func(t *testing.T) {
		t.Parallel()
		m := newMFAWorld(t)
		run := m.withZenity(t, "[ $n = 1 ] && echo "+m.wrong(0)+" || echo "+m.code()+"\n")
		code := m.code()
		m.creds(t, run("--profile", "r0"))
		m.calls(t, 2, 1, 1, 1)
		must(t, os.Remove(filepath.Join(m.Dir, "zenity.answer")))
		if names := holds(t, m.Dir, code); len(names) > 0 {
			t.Errorf("the code is in %v", names)
		}
		said := m.read(t, "zenity.args")
		for _, want := range []string{"--entry", "profile r0", m.device.SerialNumber, "that code was refused"} {
			if !strings.Contains(strings.ReplaceAll(said, "__", "_"), want) {
				t.Errorf("the window does not say %q:\n%s", want, said)
			}
		}
	})
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		m := newMFAWorld(t)
		run := m.withZenity(t, "exit 1\n")
		if r := run("--profile", "dev"); r.Code != exitHuman || !strings.Contains(r.Stderr, "the dialog was closed") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		if m.read(t, "zenity.n") != "1\n" {
			t.Error("it asked again")
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		t.Parallel()
		m := newMFAWorld(t)
		run := m.withZenity(t, "echo "+m.code()+"\n")
		for _, prompt := range []string{"tty", "never"} {
			if r := run("--profile", "dev", "--prompt", prompt); r.Code != exitHuman || !strings.Contains(r.Stderr, "sts-helper login dev") {
				t.Errorf("%s: exit %d, %q", prompt, r.Code, r.Stderr)
			}
		}
		if _, err := os.Stat(filepath.Join(m.Dir, "zenity.n")); err == nil {
			t.Error("a window was shown")
		}
		// A terminal comes before a window.
		tt := newTerminal(t)
		cmd := m.command(t, "--profile", "dev")
		cmd.Env = append(cmd.Env, "DISPLAY=:99", "PATH="+filepath.Join(m.Dir, "bin")+":/usr/bin:/bin")
		j := tt.start(t, cmd)
		tt.sees(prompt, 1)
		tt.types(m.code() + "\n")
		m.creds(t, j.result(t))
	})
}

func (w *world) read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(w.Dir, name))
	must(t, err)
	return string(b)
}

// statusOf is what "sts-helper status --json" prints.
type statusOf struct {
	Version int
	Records []struct {
		Profiles                           []string
		Key, Operation, Identity, Unusable string
		AccessKeyID                        string `json:"access_key_id"`
		SerialNumber                       string `json:"serial_number"`
		SecondsLeft                        int    `json:"seconds_left"`
		Failure                            *struct{ Class, Message string }
		LockedBy                           *struct {
			PID    int
			TTY    string
			Asking bool
		} `json:"locked_by"`
	}
}

func (w *world) status(t *testing.T, args ...string) statusOf {
	t.Helper()
	r := w.run(t, append([]string{"status", "--json"}, args...)...)
	var s statusOf
	dec := json.NewDecoder(strings.NewReader(r.Stdout))
	if err := dec.Decode(&s); err != nil || r.Code != 0 || s.Version != 1 {
		t.Fatalf("exit %d, %v: %q %q", r.Code, err, r.Stdout, r.Stderr)
	}
	if _, err := dec.Token(); err != io.EOF {
		t.Error("more than one document")
	}
	if strings.Contains(r.Stdout, harness.Canary) {
		t.Error("a secret")
	}
	return s
}
