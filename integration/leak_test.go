package integration_test

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// confess is what a child of the helper runs to write down its arguments and environment.
const confess = "cat /proc/$$/cmdline /proc/$$/environ >>%[1]s/children; "

// shows reports whether a code stands in a text. Six digits within a longer number, such as
// a time in nanoseconds, are none.
func shows(text, code string) bool {
	return regexp.MustCompile(`(^|[^0-9])` + code + `([^0-9]|$)`).MatchString(text)
}

// holds tells in which files below dir a text stands.
func holds(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if shows(string(b), text) {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// An MFA code goes to STS and nowhere else: to no log, no error, no file, no child's arguments
// or environment. Wherever it comes from, and whatever becomes of it.
func TestCodesGoNowhereElse(t *testing.T) {
	type way struct {
		name    string
		prepare func(m *mfaWorld, cmd *exec.Cmd, code string) // the source of the code
		types   bool
	}
	ways := []way{
		{"flag", func(_ *mfaWorld, cmd *exec.Cmd, code string) { cmd.Args = append(cmd.Args, "--mfa-code", code) }, false},
		{"variable", func(_ *mfaWorld, cmd *exec.Cmd, code string) { cmd.Env = append(cmd.Env, "STS_HELPER_MFA_CODE="+code) }, false},
		{"command", func(m *mfaWorld, cmd *exec.Cmd, code string) {
			// The code comes to the command by a pipe, so that only the helper could leak it.
			cmd.Args = append(cmd.Args, "--mfa-process", filepath.Join(m.Dir, "give"))
		}, false},
		{"terminal", func(*mfaWorld, *exec.Cmd, string) {}, true},
	}
	for _, w := range ways {
		for _, kind := range []emulator.Kind{"", emulator.ResetAfter, emulator.Deny, "wrong code"} {
			t.Run(w.name+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				m := newMFAWorld(t)
				code := m.code()
				switch kind {
				case "wrong code":
					code = m.wrong(0)
				case "":
				default:
					m.sts.Fault(emulator.Fault{Kind: kind})
				}
				// The keys come from another program, which is a child as well.
				must(t, m.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, m.user.AccessKeyID, m.user.SecretAccessKey)))
				must(t, m.Write(".aws/config", fmt.Sprintf("[profile keys]\nmfa_serial = %[2]s\ncredential_process = "+confess+"cat %[1]s/keys\n", m.Dir, m.device.SerialNumber)))
				must(t, m.Write("give", fmt.Sprintf("#!/bin/sh\n"+confess+"cat %[1]s/pipe\n", m.Dir)))
				must(t, os.Chmod(filepath.Join(m.Dir, "give"), 0o700))
				must(t, exec.Command("mkfifo", filepath.Join(m.Dir, "pipe")).Run())

				cmd := m.command(t, "--source-profile", "keys", "-v")
				w.prepare(m, cmd, code)
				tt := newTerminal(t)
				if w.name == "command" {
					go func() {
						f, err := os.OpenFile(filepath.Join(m.Dir, "pipe"), os.O_WRONLY, 0)
						if err == nil {
							_, _ = f.WriteString(code + "\n")
							_ = f.Close()
						}
					}()
				}
				j := tt.start(t, cmd)
				if w.types {
					for i := 1; i == 1 || kind == "wrong code" && i <= 3; i++ {
						tt.sees(prompt, i)
						tt.types(code + "\n")
						if kind == "wrong code" {
							break // the same one again is not sent; give up
						}
					}
					if kind == "wrong code" {
						tt.sees(prompt, 2)
						tt.types("\x03")
					}
				}
				r := j.result(t)
				if (r.Code == 0) != (kind == "") {
					t.Fatalf("exit %d, %q", r.Code, r.Stderr)
				}
				if r.Code != 0 && w.name != "terminal" && m.sts.Count("GetSessionToken") != 1 {
					t.Errorf("%d requests", m.sts.Count("GetSessionToken"))
				}
				if !strings.Contains(r.Stderr, "level=DEBUG") {
					t.Errorf("it says nothing: %q", r.Stderr)
				}
				if shows(r.Stderr, code) {
					t.Errorf("the code is on standard error: %s", r.Stderr)
				}
				if shows(r.Stdout, code) {
					t.Error("the code is in the document")
				}
				if names := holds(t, m.Dir, code); len(names) > 0 { // what the children wrote down among it
					t.Errorf("the code is in %v", names)
				}
				if !strings.Contains(m.read(t, "children"), "HOME="+m.Dir) {
					t.Error("no child was seen")
				}
			})
		}
	}
}

// A code given beforehand is for one request, and never shown to a second device.
func TestGivenCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	m := newMFAWorld(t)
	other := m.sts.AddUser(account, "bob")
	device := m.sts.AddMFADevice(other, "bob")
	must(t, m.Write(".aws/credentials", m.read(t, ".aws/credentials")+fmt.Sprintf("[bob]\naws_access_key_id = %s\naws_secret_access_key = %s\nmfa_serial = %s\n", other.AccessKeyID, other.SecretAccessKey, device.SerialNumber)))
	r := m.run(t, "login", "dev", "bob", "r0", "--mfa-code", m.code())
	if r.Code != exitHuman || strings.Count(r.Stdout, "good until") != 2 || !strings.Contains(r.Stderr, "bob: MFA code already used") || !strings.Contains(r.Stderr, "1 of 3 logins failed") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.once(t)
	if n := m.sts.RejectedCodes(); n != 0 {
		t.Errorf("%d codes refused", n)
	}
	// The step is spent: the same code again is not even tried.
	r = m.run(t, "--profile", "dev", "--duration", "2h", "--mfa-code", m.code())
	if used := m.sts.MFA(m.device).Used; r.Code == 0 && used == 2 {
		return // the next step had begun
	}
	if r.Code != exitHuman || !strings.Contains(r.Stderr, "already used") || !strings.Contains(r.Stderr, "with the next code in ") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.once(t)
}
