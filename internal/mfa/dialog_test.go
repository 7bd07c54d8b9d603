//go:build unix && !darwin

package mfa_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// standIn puts a dialog program on a PATH of its own: it writes down its arguments, environment
// and working folder, and then does what body says; $n counts its runs from 1.
func standIn(t *testing.T, name, body string) (log func() string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	program(t, dir, name, `PATH=/usr/bin:/bin
echo run >>"`+file+`.n"; n=$(wc -l <"`+file+`.n")
for a do printf 'arg %s\n' "$a"; done >>"`+file+`"; echo "no more" >>"`+file+`"; env >>"`+file+`"; echo "dir $(pwd)" >>"`+file+`"
`+body)
	t.Setenv("PATH", dir)
	t.Setenv("DISPLAY", ":99")
	t.Setenv("WAYLAND_DISPLAY", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "CANARY")
	return func() string {
		b, _ := os.ReadFile(file)
		return string(b)
	}
}

func askDialog(t *testing.T, q mfa.Question) (string, error) {
	t.Helper()
	s, err := mfa.Pick(mfa.Options{Prompt: mfa.PromptDialog, Profile: "dev"})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(s.Name(), "dialog ") {
		t.Errorf("name %q", s.Name())
	}
	return s.Code(t.Context(), q)
}

func TestDialogCode(t *testing.T) {
	for tool, want := range map[string][]string{
		"zenity":     {"arg --entry\n", "arg --title=sts-helper\n", "arg --text=MFA code needed for profile my__dev, device " + serial + "\nthat code was refused; attempt 3\nsix digits (within 20s)\n", "arg --timeout="},
		"kdialog":    {"arg --title=sts-helper\n", "arg --inputbox=MFA code needed for profile my_dev, device " + serial + "\nthat code was refused; attempt 3\nsix digits (within 20s)\n"},
		"matedialog": {"arg --entry\n"},
	} {
		t.Run(tool, func(t *testing.T) {
			log := standIn(t, tool, "echo 123 456")
			code, err := askDialog(t, mfa.Question{SerialNumber: serial, Profile: "my_dev", Problem: "that code was refused", Attempt: 3, Timeout: 20 * time.Second})
			if code != "123456" || err != nil {
				t.Errorf("%q, %v", code, err)
			}
			for _, w := range append(want, "DISPLAY=:99\n", "dir /\n") {
				if !strings.Contains(log(), w) {
					t.Errorf("no %q in:\n%s", w, log())
				}
			}
			if strings.Contains(log(), "CANARY") || strings.Contains(log(), "123456\n") || strings.Contains(log(), "123 456") {
				t.Errorf("a secret reached it:\n%s", log())
			}
		})
	}
}

func TestDialogMistyped(t *testing.T) {
	log := standIn(t, "zenity", `[ $n = 1 ] && echo 12345 || echo 123456`)
	if code, err := askDialog(t, mfa.Question{}); code != "123456" || err != nil {
		t.Errorf("%q, %v", code, err)
	}
	if !strings.Contains(log(), "want six digits, got 5; nothing was sent") || strings.Contains(log(), "12345\n") {
		t.Errorf("second question:\n%s", log())
	}
	log = standIn(t, "zenity", `echo CANARY$n`)
	_, err := askDialog(t, mfa.Question{})
	if !errors.Is(err, mfa.ErrBadCode) || strings.Contains(err.Error(), "CANARY") || strings.Count(log(), "arg --entry") != 3 {
		t.Errorf("%v\n%s", err, log())
	}
}

func TestDialogEnds(t *testing.T) {
	for name, c := range map[string]struct {
		tool, body string
		kind       error
		says       string
	}{
		"closed":             {"zenity", "exit 1", mfa.ErrCancelled, "closed"},
		"closed, noisy":      {"zenity", "echo Gtk-WARNING: theme >&2; exit 1", mfa.ErrCancelled, "closed"},
		"kdialog closed":     {"kdialog", "exit 1", mfa.ErrCancelled, "closed"},
		"its own timeout":    {"zenity", "exit 5", mfa.ErrTimeout, "sts-helper login dev"},
		"our timeout":        {"zenity", "sleep 60", mfa.ErrTimeout, "1s"},
		"no display, GTK":    {"zenity", `printf '\n(zenity:9): Gtk-WARNING **: 04:30:38.673: cannot open display: :99\n' >&2; exit 1`, mfa.ErrNonInteractive, "sts-helper login dev"},
		"no display, Qt":     {"kdialog", `echo 'qt.qpa.xcb: could not connect to display :99' >&2; kill -ABRT $$`, mfa.ErrNonInteractive, "display"},
		"crash":              {"zenity", "kill -SEGV $$", mfa.ErrProcess, "SIGSEGV"},
		"unknown option":     {"zenity", `echo "This option is not available 654321" >&2; exit 255`, mfa.ErrProcess, "exit status 255: This option"},
		"floods":             {"zenity", "while :; do echo 123456; done", mfa.ErrProcess, "4096"},
		"cancels after code": {"zenity", "echo 123456; exit 1", mfa.ErrCancelled, ""},
	} {
		t.Run(name, func(t *testing.T) {
			standIn(t, c.tool, c.body)
			timeout := time.Minute
			if name == "our timeout" {
				if testing.Short() {
					t.Skip("long: waits for a second")
				}
				timeout = time.Second
			}
			code, err := askDialog(t, mfa.Question{Profile: "dev", Timeout: timeout})
			if code != "" || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "654321") {
				t.Errorf("%q, %v", code, err)
			}
		})
	}
}

func TestDialogShowsNothingUnsafe(t *testing.T) {
	for _, tool := range []string{"zenity", "kdialog"} {
		log := standIn(t, tool, "echo 123456")
		bad := "\x1b[2J\u202e\u200b\n--ok-label=x\n<b>&amp;</b>\\033[31m \\x1b %s $(id) `id` '\" &x"
		if code, err := askDialog(t, mfa.Question{SerialNumber: bad, Profile: bad, Problem: bad}); code != "123456" || err != nil {
			t.Errorf("%q, %v", code, err)
		}
		args, _, _ := strings.Cut(log(), "no more\n")
		for line := range strings.SplitSeq(args, "\n") {
			if display.Safe(line) != line || strings.ContainsAny(strings.TrimPrefix(line, "arg "), "<>&\\%$`'\"") {
				t.Errorf("%s: %q", tool, line)
			}
			if strings.HasPrefix(line, "arg --ok") {
				t.Errorf("%s: a text became an option: %q", tool, line)
			}
		}
	}
}

func TestDialogOnlyWithDisplayAndProgram(t *testing.T) {
	standIn(t, "zenity", "echo 123456")
	t.Setenv("DISPLAY", "")
	if _, err := mfa.Pick(mfa.Options{Prompt: mfa.PromptDialog}); !errors.Is(err, mfa.ErrNonInteractive) || !strings.Contains(err.Error(), "no display") {
		t.Error(err)
	}
	t.Setenv("WAYLAND_DISPLAY", "wayland-0")
	if s, err := mfa.Pick(mfa.Options{Prompt: mfa.PromptDialog}); err != nil || s.Name() != "dialog zenity" {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := mfa.Pick(mfa.Options{Prompt: mfa.PromptDialog}); !errors.Is(err, mfa.ErrNonInteractive) || !strings.Contains(err.Error(), "zenity") {
		t.Error(err)
	}
}

func TestDialogOfTheDesktop(t *testing.T) {
	standIn(t, "zenity", "echo 123456")
	program(t, os.Getenv("PATH"), "kdialog", "echo 123456")
	for desktop, want := range map[string]string{"": "dialog zenity", "GNOME": "dialog zenity", "KDE": "dialog kdialog"} {
		t.Setenv("XDG_CURRENT_DESKTOP", desktop)
		if s, err := mfa.Pick(mfa.Options{Prompt: mfa.PromptDialog}); err != nil || s.Name() != want {
			t.Errorf("%s: %v, %v", desktop, s, err)
		}
	}
}

// A terminal wins over a display; a display serves where there is no terminal, or where the
// terminal belongs to another program.
func TestTerminalBeforeDialog(t *testing.T) {
	log := standIn(t, "zenity", "echo 123456")
	s := newTerminal(t).start("ask", script{}, "DISPLAY=:99")
	s.Await("six digits", 1)
	s.Type("123456\n")
	s.result().is(t, nil)
	if log() != "" {
		t.Error("a dialog was shown as well")
	}
	for _, role := range []string{"ask", "background"} {
		s := &session{t: t}
		if role == "background" {
			s = newTerminal(t)
		}
		r := s.start(role, script{}, "DISPLAY=:99").result()
		r.is(t, nil)
		if r.Name != "dialog zenity" {
			t.Errorf("%s: %s", role, r.Name)
		}
	}
}
