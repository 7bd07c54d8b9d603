package mfa_test

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
	"github.com/sts-helper/sts-helper/integration/harness"
)

// confess is what a child of the helper runs to write down its arguments and environment.
const confess = "cat /proc/$$/cmdline /proc/$$/environ >>%[1]s/children; "

// shows reports whether a code appears in a text. Six digits within a longer number, such as
// a time in nanoseconds, are none.
func shows(text, code string) bool {
	return regexp.MustCompile(`(^|[^0-9])` + code + `([^0-9]|$)`).MatchString(text)
}

// holds reports in which files below dir a text appears.
func holds(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
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
	t.Parallel()
	type way struct {
		name    string
		prepare func(m *harness.MFAWorld, cmd *exec.Cmd, code string) // the source of the code
		types   bool
	}
	ways := []way{
		{"flag", func(_ *harness.MFAWorld, cmd *exec.Cmd, code string) { cmd.Args = append(cmd.Args, "--mfa-code", code) }, false},
		{"variable", func(_ *harness.MFAWorld, cmd *exec.Cmd, code string) {
			cmd.Env = append(cmd.Env, "STS_HELPER_MFA_CODE="+code)
		}, false},
		{"command", func(m *harness.MFAWorld, cmd *exec.Cmd, code string) {
			// The code comes to the command by a pipe, so that only the helper could leak it.
			cmd.Args = append(cmd.Args, "--mfa-process", filepath.Join(m.Dir, "give"))
		}, false},
		{"terminal", func(*harness.MFAWorld, *exec.Cmd, string) {}, true},
	}
	for _, w := range ways {
		for _, kind := range []emulator.Kind{"", emulator.ResetAfter, emulator.Deny, "wrong code"} {
			t.Run(w.name+" "+string(kind), func(t *testing.T) {
				t.Parallel()
				m := harness.NewMFAWorld(t)
				code := m.Code()
				switch kind {
				case "wrong code":
					code = m.WrongCode(0)
				case "":
				default:
					m.STS.Fault(emulator.Fault{Kind: kind})
				}
				// The keys come from another program, which is a child as well.
				harness.Must(t, m.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, m.User.AccessKeyID, m.User.SecretAccessKey)))
				harness.Must(t, m.Write(".aws/config", fmt.Sprintf("[profile keys]\nmfa_serial = %[2]s\ncredential_process = "+confess+"cat %[1]s/keys\n", m.Dir, m.Device.SerialNumber)))
				harness.Must(t, m.Write("give", fmt.Sprintf("#!/bin/sh\n"+confess+"cat %[1]s/pipe\n", m.Dir)))
				harness.Must(t, os.Chmod(filepath.Join(m.Dir, "give"), 0o700))
				harness.Must(t, exec.Command("mkfifo", filepath.Join(m.Dir, "pipe")).Run())

				cmd := m.Command(t, "--source-profile", "keys", "-v")
				w.prepare(m, cmd, code)
				tt := harness.NewTerminal(t)
				if w.name == "command" {
					go func() {
						f, err := os.OpenFile(filepath.Join(m.Dir, "pipe"), os.O_WRONLY, 0)
						if err == nil {
							_, _ = f.WriteString(code + "\n")
							_ = f.Close()
						}
					}()
				}
				j := harness.Start(t, tt, cmd)
				if w.types {
					for i := 1; i == 1 || kind == "wrong code" && i <= 3; i++ {
						tt.Await(harness.Prompt, i)
						tt.Type(code + "\n")
						if kind == "wrong code" {
							break // the same one again is not sent; give up
						}
					}
					if kind == "wrong code" {
						tt.Await(harness.Prompt, 2)
						tt.Type("\x03")
					}
				}
				r := j.Result(t)
				if (r.Code == 0) != (kind == "") {
					t.Fatalf("exit %d, %q", r.Code, r.Stderr)
				}
				if r.Code != 0 && w.name != "terminal" && m.STS.Count("GetSessionToken") != 1 {
					t.Errorf("%d requests", m.STS.Count("GetSessionToken"))
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
				if !strings.Contains(m.Read(t, "children"), "HOME="+m.Dir) {
					t.Error("no child was seen")
				}
			})
		}
	}
}

// A preset code is for one request, and never shown to a second device.
func TestGivenCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	other := m.STS.AddUser(harness.Account, "bob")
	device := m.STS.AddMFADevice(other, "bob")
	harness.Must(t, m.Write(".aws/credentials", m.Read(t, ".aws/credentials")+fmt.Sprintf("[bob]\naws_access_key_id = %s\naws_secret_access_key = %s\nmfa_serial = %s\n", other.AccessKeyID, other.SecretAccessKey, device.SerialNumber)))
	r := m.Run(t, "login", "dev", "bob", "r0", "--mfa-code", m.Code())
	if r.Code != harness.ExitInteraction || strings.Count(r.Stdout, "good until") != 2 || !strings.Contains(r.Stderr, "bob: MFA code already used") || !strings.Contains(r.Stderr, "1 of 3 logins failed") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.SentOnce(t)
	if n := m.STS.RejectedCodes(); n != 0 {
		t.Errorf("%d codes refused", n)
	}
	// The step is spent: the same code again is not even tried.
	r = m.Run(t, "--profile", "dev", "--duration", "2h", "--mfa-code", m.Code())
	if used := m.STS.MFA(m.Device).Used; r.Code == 0 && used == 2 {
		return // the next step had begun
	}
	if r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "already used") || !strings.Contains(r.Stderr, "with the next code in ") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.SentOnce(t)
}
