//go:build unix

package mfa_test

import (
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

const serial = "arn:aws:iam::123456789012:mfa/ana"

func TestTerminalAnswers(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string]string{
		"line": "123456\n", "return key": "123456\r", "blank inside": "123 456\n", "no line end": "123456\x04",
		"corrected": "12999\x7f\x7f\x7f3456\n", "line killed": "999\x15123456\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTerminal(t).start("ask", script{Serial: serial, Profile: "dev", Problem: "that code was refused", Attempt: 2})
			s.Await("six digits (within 20s): ", 1)
			for _, want := range []string{"sts-helper:", serial, "profile dev", "that code was refused", "attempt 2"} {
				s.Await(want, 1)
			}
			s.Type(keys)
			r := s.result()
			r.is(t, nil)
			if !strings.HasPrefix(r.Name, "terminal pts/") {
				t.Errorf("name %q", r.Name)
			}
			if !strings.Contains(s.Screen(), "12") {
				t.Error("typing was not echoed")
			}
		})
	}
}

func TestTerminalAsksAgainWhenMistyped(t *testing.T) {
	t.Parallel()
	s := newTerminal(t).start("ask", script{Serial: serial})
	s.Await("six digits", 1)
	s.Type("12345\n")
	s.Await("want six digits, got 5; nothing was sent", 1)
	s.Await("six digits (", 2)
	s.Type("123456\n")
	s.result().is(t, nil)

	s = newTerminal(t).start("ask", script{Serial: serial})
	for i, keys := range []string{"\n", "abcdef\n", "1234567\n"} {
		s.Await("six digits (", i+1)
		s.Type(keys)
	}
	r := s.result()
	r.is(t, mfa.ErrBadCode, "3 times")
	if strings.Contains(r.Err, "1234567") {
		t.Error("the error repeats what was typed")
	}
}

func TestTerminalTimeout(t *testing.T) {
	t.Parallel()
	s := newTerminal(t).start("ask", script{Profile: "dev", Timeout: time.Second, Stay: true})
	s.Await("within 1s", 1)
	s.Type("12345") // half a code, which must not land in the shell
	s.Await("shell$ ", 1)
	s.Type("x\n")
	r := s.result()
	r.is(t, mfa.ErrTimeout, "1s", "sts-helper login dev")
	if r.Line != "x\n" {
		t.Errorf("the shell got %q", r.Line)
	}
	if !strings.Contains(s.Screen(), "12345\r\nshell$ ") {
		t.Errorf("the shell's prompt is not on a line of its own: %q", s.Screen())
	}
}

func TestTerminalTimeoutWhileOutputIsStopped(t *testing.T) {
	t.Parallel()
	s := newTerminal(t)
	s.Type("\x13") // Ctrl-S
	s.start("ask", script{Timeout: time.Second}).result().is(t, mfa.ErrTimeout)
}

func TestTerminalCancelled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script script
		act    func(*session)
		says   string
	}{
		"ctrl-c":                {script{}, func(s *session) { s.Type("123\x03") }, "SIGINT"},
		"ctrl-c and caller":     {script{Catch: true}, func(s *session) { s.Type("123\x03") }, ""},
		"SIGTERM":               {script{}, func(s *session) { _ = s.Cmd.Process.Signal(syscall.SIGTERM) }, "SIGTERM"},
		"SIGHUP twice":          {script{HangUp: true}, func(s *session) { _ = s.Cmd.Process.Signal(syscall.SIGHUP) }, "SIGHUP"},
		"caller":                {script{Cancel: 300 * time.Millisecond}, func(*session) {}, "ended"},
		"ctrl-d":                {script{}, func(s *session) { s.Type("\x04") }, "closed or its input ended"},
		"signal while it waits": {script{Wait: 10 * time.Second}, func(s *session) { s.Type("\x03") }, "SIGINT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTerminal(t)
			// A full-screen program left the terminal raw: it must get it back like that.
			if _, err := term.MakeRaw(int(s.Line.Fd())); err != nil {
				t.Fatal(err)
			}
			raw, _ := term.GetState(int(s.Line.Fd()))
			s.start("ask", c.script)
			if c.script.Wait == 0 {
				s.Await("six digits", 1)
			} else {
				s.Await("used already", 1)
			}
			c.act(s)
			s.result().is(t, mfa.ErrCancelled, c.says)
			if now, err := term.GetState(int(s.Line.Fd())); err != nil || *now != *raw {
				t.Errorf("the terminal was left in another state (%v)", err)
			}
		})
	}
}

func TestTerminalStateAfterCodeAndTimeout(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"code": 10 * time.Second, "timeout": time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newTerminal(t)
			if _, err := term.MakeRaw(int(s.Line.Fd())); err != nil {
				t.Fatal(err)
			}
			raw, _ := term.GetState(int(s.Line.Fd()))
			s.start("ask", script{Timeout: timeout})
			s.Await("six digits", 1)
			if name == "code" {
				s.Type("12x\x7f3456\r") // editing works although the terminal was raw
				s.result().is(t, nil)
			} else {
				s.result().is(t, mfa.ErrTimeout)
			}
			if now, err := term.GetState(int(s.Line.Fd())); err != nil || *now != *raw {
				t.Errorf("the terminal was left in another state (%v)", err)
			}
		})
	}
}

func TestTerminalClosed(t *testing.T) {
	t.Parallel()
	s := newTerminal(t).start("ask", script{HangUp: true})
	s.Await("six digits", 1)
	s.Master.Close()
	s.result().is(t, mfa.ErrCancelled, "closed")
}

// alwaysDialog says that a window is opened where no terminal is, whatever the variables say.
const alwaysDialog = runtime.GOOS == "darwin"

func TestNoTerminal(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"", "auto", "tty", "dialog", "never"} {
		if alwaysDialog && prompt != "tty" && prompt != "never" {
			continue
		}
		s := &session{t: t}
		r := s.start("ask", script{Prompt: prompt, Profile: "dev"}).result()
		r.is(t, mfa.ErrNonInteractive, `run "sts-helper login dev"`)
	}
}

func TestPromptNeverAndDialogLeaveTheTerminalAlone(t *testing.T) {
	t.Parallel()
	for _, prompt := range []string{"dialog", "never"} {
		if alwaysDialog && prompt == "dialog" {
			continue
		}
		s := newTerminal(t).start("ask", script{Prompt: prompt})
		s.result().is(t, mfa.ErrNonInteractive)
		if s.Screen() != "" {
			t.Errorf("%s: saw %q", prompt, s.Screen())
		}
	}
}

func TestBackgroundProcessGroup(t *testing.T) {
	t.Parallel()
	prompt := "auto"
	if alwaysDialog {
		prompt = "tty"
	}
	s := newTerminal(t).start("background", script{Profile: "dev", Prompt: prompt})
	s.result().is(t, mfa.ErrNonInteractive, "in the background of its terminal", "sts-helper login dev")
	if s.Screen() != "" {
		t.Errorf("saw %q", s.Screen())
	}
}

func TestTerminalShowsNothingUnsafe(t *testing.T) {
	t.Parallel()
	bad := "\x1b[2J\x1b]52;c;Y2F0\x07\u202e\u2066\u200b\u009b31m\nsts-helper: six digits: "
	s := newTerminal(t).start("ask", script{Serial: "S" + bad, Profile: "P" + bad, Problem: "X" + bad})
	s.Await("six digits (within", 1)
	for i, line := range strings.Split(s.Screen(), "\r\n") {
		if display.Safe(line) != line {
			t.Errorf("line %d: %q", i, line)
		}
	}
	if n := strings.Count(s.Screen(), "\n"); n != 2 {
		t.Errorf("%d lines before the question:\n%s", n, s.Screen())
	}
	s.Type("123456\n")
	s.result().is(t, nil)
}

func TestTerminalIgnoresWhatWasTypedBefore(t *testing.T) {
	t.Parallel()
	s := newTerminal(t)
	s.Type("999999\n")
	s.start("ask", script{})
	s.Await("six digits (", 1)
	s.Type("123456\n")
	s.result().is(t, nil)
}

func TestTerminalWaitsForTheNextCode(t *testing.T) {
	t.Parallel()
	const wait = 1500 * time.Millisecond
	s := newTerminal(t).start("ask", script{Wait: wait})
	s.Await("was used already; please wait", 1)
	s.Type("999999\n") // the used one
	s.Await("six digits (", 1)
	s.Type("123456\n")
	r := s.result()
	r.is(t, nil)
	if r.Took < wait {
		t.Errorf("it waited %v", r.Took)
	}

	s = newTerminal(t).start("ask", script{Timeout: 5 * time.Second, Wait: 25 * time.Second})
	r = s.result()
	r.is(t, mfa.ErrTimeout, "used already")
}
