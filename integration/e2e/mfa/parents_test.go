package mfa_test

import (
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
	path, err := filepath.Abs(filepath.Join("..", "..", "..", ".tools", "sdk", "python", "bin", name))
	harness.Must(t, err)
	return harness.Need(t, path)
}

// parents are programs that run the helper as a credential_process and say who they are.
var parents = map[string]func(t *testing.T) []string{
	"Go SDK": func(t *testing.T) []string {
		bin, err := harness.Build(t.TempDir(), "integration/cmd/whoami")
		harness.Must(t, err)
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
	t.Parallel()
	for name, command := range parents {
		for i, stdin := range []string{"open", "closed", "terminal"} {
			if harness.LeftOut(i) {
				continue
			}
			t.Run(name+", stdin "+stdin, func(t *testing.T) {
				t.Parallel()
				m := harness.NewMFAWorld(t)
				harness.Must(t, m.Write(".aws/config", "[profile base]\nmfa_serial = "+m.Device.SerialNumber+
					"\n[profile dev]\nregion = eu-west-1\ncredential_process = sts-helper --source-profile base\n"))
				args := command(t)
				cmd := exec.CommandContext(harness.Context(t), args[0], args[1:]...)
				cmd.Env, cmd.Dir = m.Environ("AWS_PROFILE=dev"), m.Dir
				tt := harness.NewTerminal(t)
				switch stdin {
				case "open":
					r, w, err := os.Pipe()
					harness.Must(t, err)
					defer r.Close()
					defer w.Close()
					cmd.Stdin = r
				case "closed":
					cmd.Args = append([]string{"sh", "-c", `exec "$@" <&-`, "sh"}, args...)
					cmd.Path = harness.Need(t, "sh")
				default:
					cmd.Stdin = tt.Line
				}
				j := harness.Start(t, tt, cmd)
				tt.Await("MFA code needed for profile base, device "+m.Device.SerialNumber, 1)
				tt.Await(harness.Prompt, 1)
				tt.Type(m.WrongCode(0) + "\n")
				tt.Await(harness.Prompt, 2)
				tt.Type(m.Code() + "\n")
				r := j.Result(t)
				if r.Code != 0 || strings.TrimSpace(r.Stdout) != m.User.ARN || r.Stderr != "" {
					t.Errorf("exit %d, %q, %q; saw %s", r.Code, r.Stdout, r.Stderr, tt.Screen())
				}
				if n := strings.Count(tt.Screen(), harness.Prompt); n != 2 {
					t.Errorf("%d prompts", n)
				}
				m.Calls(t, 2, 0, 1, 1)
			})
		}
	}
}

// Where no user can be asked, the SDK's user reads what to run.
func TestNoWayToAskUnderRealParents(t *testing.T) {
	t.Parallel()
	for name, command := range parents {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := harness.NewMFAWorld(t)
			harness.Must(t, m.Write(".aws/config", "[profile base]\nmfa_serial = "+m.Device.SerialNumber+
				"\n[profile dev]\nregion = eu-west-1\ncredential_process = sts-helper --profile dev\n"))
			args := command(t)
			cmd := exec.CommandContext(harness.Context(t), args[0], args[1:]...)
			cmd.Env, cmd.Dir = m.Environ("AWS_PROFILE=dev"), m.Dir
			r := harness.Start(t, nil, cmd).Result(t)
			if r.Code == 0 || !strings.Contains(r.Stderr, `run "sts-helper login dev"`) {
				t.Errorf("exit %d, %q", r.Code, r.Stderr)
			}
			if n := m.STS.Count(""); n != 0 {
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

func withZenity(t *testing.T, m *harness.MFAWorld, answer string) func(args ...string) harness.Result {
	t.Helper()
	harness.Must(t, m.Write("bin/zenity", zenity))
	harness.Must(t, os.Chmod(filepath.Join(m.Dir, "bin/zenity"), 0o700))
	harness.Must(t, m.Write("zenity.answer", answer))
	return func(args ...string) harness.Result {
		cmd := m.Command(t, args...)
		cmd.Env = append(cmd.Env, "DISPLAY=:99", "PATH="+filepath.Join(m.Dir, "bin")+":/usr/bin:/bin")
		return harness.Start(t, nil, cmd).Result(t)
	}
}

// Where there is a display and no terminal, a window asks. (docs/mfa.md says how the real
// programs are tried.)
func TestDialog(t *testing.T) {
	t.Parallel()
	t.Run("wrong, then right", func(t *testing.T) {
		t.Parallel()
		m := harness.NewMFAWorld(t)
		run := withZenity(t, m, "[ $n = 1 ] && echo "+m.WrongCode(0)+" || echo "+m.Code()+"\n")
		code := m.Code()
		m.Creds(t, run("--profile", "r0"))
		m.Calls(t, 2, 1, 1, 1)
		harness.Must(t, os.Remove(filepath.Join(m.Dir, "zenity.answer")))
		if names := holds(t, m.Dir, code); len(names) > 0 {
			t.Errorf("the code is in %v", names)
		}
		said := m.Read(t, "zenity.args")
		for _, want := range []string{"--entry", "profile r0", m.Device.SerialNumber, "that code was refused"} {
			if !strings.Contains(strings.ReplaceAll(said, "__", "_"), want) {
				t.Errorf("the window does not say %q:\n%s", want, said)
			}
		}
	})
	t.Run("closed", func(t *testing.T) {
		t.Parallel()
		m := harness.NewMFAWorld(t)
		run := withZenity(t, m, "exit 1\n")
		if r := run("--profile", "dev"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "the dialog was closed") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		if m.Read(t, "zenity.n") != "1\n" {
			t.Error("it asked again")
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		t.Parallel()
		m := harness.NewMFAWorld(t)
		run := withZenity(t, m, "echo "+m.Code()+"\n")
		for _, prompt := range []string{"tty", "never"} {
			if r := run("--profile", "dev", "--prompt", prompt); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "sts-helper login dev") {
				t.Errorf("%s: exit %d, %q", prompt, r.Code, r.Stderr)
			}
		}
		if _, err := os.Stat(filepath.Join(m.Dir, "zenity.n")); err == nil {
			t.Error("a window was shown")
		}
		// A terminal comes before a window.
		tt := harness.NewTerminal(t)
		cmd := m.Command(t, "--profile", "dev")
		cmd.Env = append(cmd.Env, "DISPLAY=:99", "PATH="+filepath.Join(m.Dir, "bin")+":/usr/bin:/bin")
		j := harness.Start(t, tt, cmd)
		tt.Await(harness.Prompt, 1)
		tt.Type(m.Code() + "\n")
		m.Creds(t, j.Result(t))
	})
}
