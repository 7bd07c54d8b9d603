//go:build unix

package mfa_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// program writes a shell script and gives its path.
func program(t *testing.T, dir, name, body string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	// A fork elsewhere in this process that still has the file open for writing makes running it
	// fail (ETXTBSY); the lock keeps the two apart.
	syscall.ForkLock.RLock()
	err := os.WriteFile(path, []byte("#!/bin/sh\n"+body+"\n"), 0o700)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runProcess runs a script as the MFA command, without a terminal.
func runProcess(t *testing.T, body string, q mfa.Question) (string, error) {
	t.Helper()
	s, err := mfa.Pick(mfa.Options{
		Process: program(t, t.TempDir(), "tool", body) + " 'secret argument CANARY'",
		Prompt:  mfa.PromptNever, ProcessTimeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name() != "command tool" {
		t.Errorf("name %q", s.Name())
	}
	code, err := s.Code(t.Context(), q)
	if err != nil && strings.Contains(err.Error(), "CANARY") {
		t.Errorf("the error shows an argument or the output: %v", err)
	}
	return code, err
}

func TestProcessCode(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"plain": "echo 123456", "no line end": "printf 123456", "blanks": `printf '\n 123 456 \r\n\n'`,
		"talks on stderr": "echo hello >&2; echo 123456", "reads stdin": "cat; echo 123456",
		"lots of stderr":     "head -c 300000 /dev/zero >&2; echo 123456",
		"leaves a child":     "sleep 300 & echo 123456",
		"the serial":         `[ "$STS_HELPER_MFA_SERIAL" = "` + serial + `" ] && echo 123456`,
		"the working folder": `[ "$(pwd)" = / ] && echo 123456`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if code, err := runProcess(t, body, mfa.Question{SerialNumber: serial}); code != "123456" || err != nil {
				t.Errorf("%q, %v", code, err)
			}
		})
	}
}

func TestProcessFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body  string
		kind  error
		says  []string
		never []string
	}{
		"exit status":       {`echo CANARY; printf '\n  boom \033[31m 654321 \342\200\256x\nsecond\n' >&2; exit 7`, mfa.ErrProcess, []string{"tool ended with exit status 7", `boom \x1b[31m ****** \u202ex`}, []string{"654321", "second"}},
		"code on stderr":    {"echo 654 321 >&2; exit 1", mfa.ErrProcess, []string{"withheld"}, []string{"654"}},
		"killed":            {"kill -KILL $$", mfa.ErrProcess, []string{"SIGKILL"}, nil},
		"interrupted":       {"kill -INT $$", mfa.ErrCancelled, []string{"interrupted"}, nil},
		"code, then fails":  {"echo 123456; exit 1", mfa.ErrProcess, []string{"exit status 1"}, []string{"123456"}},
		"too much":          {"while :; do echo CANARY123456; done", mfa.ErrProcess, []string{"more than 4096 bytes"}, nil},
		"nothing":           {"true", mfa.ErrBadCode, []string{"output of tool", "got 0"}, nil},
		"words":             {"echo code: CANARY 123456", mfa.ErrBadCode, []string{"nothing else"}, []string{"123456"}},
		"two codes":         {"echo 123456; echo 654321", mfa.ErrBadCode, nil, []string{"123456", "654321"}},
		"two codes, a line": {"echo 123456 654321", mfa.ErrBadCode, nil, []string{"123456", "654321"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, err := runProcess(t, c.body, mfa.Question{})
			if code != "" || !errors.Is(err, c.kind) {
				t.Fatalf("%q, %v", code, err)
			}
			for _, w := range c.says {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("does not say %q: %v", w, err)
				}
			}
			for _, w := range c.never {
				if strings.Contains(err.Error(), w) {
					t.Errorf("says %q: %v", w, err)
				}
			}
			if display.Safe(err.Error()) != err.Error() {
				t.Errorf("unsafe: %q", err)
			}
		})
	}
}

func TestProcessGetsOnlyWhatItNeeds(t *testing.T) {
	for k, v := range map[string]string{
		"AWS_SECRET_ACCESS_KEY": "CANARY", "AWS_PROFILE": "CANARY", "STS_HELPER_MFA_CODE": "CANARY", "FOO": "CANARY",
		"LD_PRELOAD": "", "HOME": "/home/ana", "LC_ALL": "C.UTF-8", "OP_SESSION_x": "s", "PASSWORD_STORE_DIR": "/p", "XDG_RUNTIME_DIR": "/r",
	} {
		t.Setenv(k, v)
	}
	// A file that the program which started us forgot to close.
	leaked, err := unix.FcntlInt(0, unix.F_DUPFD, 200)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leaked)

	out := filepath.Join(t.TempDir(), "report")
	s, err := mfa.Pick(mfa.Options{Process: "'" + os.Args[0] + "' report '" + out + "'"})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := s.Code(t.Context(), mfa.Question{SerialNumber: serial + "\x00x"}); code != "123456" || err != nil {
		t.Fatalf("%q, %v", code, err)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	report := string(b)
	if strings.Contains(report, "CANARY") || strings.Contains(report, "AWS_") || strings.Contains(report, "LD_PRELOAD") {
		t.Errorf("too much environment:\n%s", report)
	}
	for _, want := range []string{"dir /\n", "stdin 0 <nil>\n", "env HOME=/home/ana\n", "env LC_ALL=C.UTF-8\n", "env OP_SESSION_x=s\n",
		"env PASSWORD_STORE_DIR=/p\n", "env XDG_RUNTIME_DIR=/r\n", "env PATH=", "env STS_HELPER_MFA_SERIAL=" + serial + "x\n"} {
		if !strings.Contains(report, want) {
			t.Errorf("no %q in:\n%s", want, report)
		}
	}
	if n := strings.Count(report, "fd "); n != 3 || !strings.Contains(report, "fd 2 ") {
		t.Errorf("%d open files:\n%s", n, report)
	}
	if flags, err := unix.FcntlInt(uintptr(leaked), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC != 0 {
		t.Errorf("a program that we become later lost its file (flags %d, %v)", flags, err)
	}
}

// alive reports whether the process that a script wrote down still runs.
func alive(t *testing.T, pidfile string) bool {
	t.Helper()
	b, err := os.ReadFile(pidfile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		state, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		if s := strings.TrimSpace(string(state)); s == "" || s[0] == 'Z' {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	return true
}

func TestProcessTimeoutEndsItsChildren(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"no terminal", "terminal"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			pids := filepath.Join(t.TempDir(), "pid")
			tool := program(t, t.TempDir(), "tool", `trap '' HUP; sh -c 'sleep 300 & echo $! >"`+pids+`"; wait'`)
			s := &session{t: t}
			if where == "terminal" {
				s = newTerminal(t)
			}
			r := s.start("ask", script{Process: tool, ProcessTimeout: time.Second, Profile: "dev"}).result()
			r.is(t, mfa.ErrTimeout, "command tool", "1s", "sts-helper login dev")
			if alive(t, pids) {
				t.Error("a grandchild lives on")
			}
		})
	}
}

func TestProcessCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	s, err := mfa.Pick(mfa.Options{Process: program(t, t.TempDir(), "tool", "sleep 300"), Prompt: mfa.PromptNever})
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := s.Code(ctx, mfa.Question{}); !errors.Is(err, mfa.ErrCancelled) {
		t.Error(err)
	}
	// The question's own time counts as well, and so does the wait for the next code.
	if _, err := s.Code(t.Context(), mfa.Question{Timeout: 300 * time.Millisecond}); !errors.Is(err, mfa.ErrTimeout) {
		t.Error(err)
	}
	if _, err := s.Code(t.Context(), mfa.Question{Timeout: time.Second, NotBefore: time.Now().Add(20 * time.Second)}); !errors.Is(err, mfa.ErrTimeout) || !strings.Contains(err.Error(), "used already") {
		t.Error(err)
	}
}

func TestProcessRunsAfterNotBefore(t *testing.T) {
	t.Parallel()
	at := time.Now().Add(700 * time.Millisecond)
	stamp := filepath.Join(t.TempDir(), "stamp")
	if code, err := runProcess(t, `date +%s%N >"`+stamp+`"; echo 123456`, mfa.Question{NotBefore: at}); code != "123456" || err != nil {
		t.Fatalf("%q, %v", code, err)
	}
	b, _ := os.ReadFile(stamp)
	if ns, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err != nil || time.Unix(0, ns).Before(at) {
		t.Errorf("it ran at %s, %v", b, err)
	}
}

func TestProgramIsNeverFoundThroughTheWorkingFolder(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "ran")
	if err := os.Mkdir(filepath.Join(dir, "evil"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{dir, filepath.Join(dir, "evil")} {
		for _, name := range []string{"codetool", "zenity", "kdialog", "qarma", "matedialog"} {
			program(t, sub, name, `: >"`+canary+`"; echo 123456`)
		}
	}
	t.Chdir(dir)
	for _, godebug := range []string{"", "execerrdot=0"} {
		t.Setenv("GODEBUG", godebug)
		for _, path := range []string{".:evil", "evil", ":/nonexistent", "./evil"} {
			t.Setenv("PATH", path)
			t.Setenv("DISPLAY", ":99")
			for _, o := range []mfa.Options{
				{Process: "codetool"}, {Process: "./codetool"}, {Process: "evil/codetool"}, {Process: "../" + filepath.Base(dir) + "/codetool"},
				{Prompt: mfa.PromptDialog},
			} {
				s, err := mfa.Pick(o)
				if err == nil {
					_, _ = s.Code(t.Context(), mfa.Question{})
					t.Errorf("PATH=%s %+v: picked %s", path, o, s.Name())
				} else if !errors.Is(err, mfa.ErrProcess) && !errors.Is(err, mfa.ErrNonInteractive) {
					t.Error(err)
				}
			}
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("a program of the working folder was run")
	}
}

func TestPickRefusesCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for cmd, says := range map[string]string{
		"/nonexistent/tool": "no such file", "no-such-tool-anywhere": "not in PATH", plain: "permission denied",
		"./tool": "relative path", "bin/tool": "relative path",
		"a 'b": "unbalanced", "op item get x | head -1": "no shell", "bad\x1b[31mname": `\x1b`,
	} {
		_, err := mfa.Pick(mfa.Options{Process: cmd})
		if !errors.Is(err, mfa.ErrProcess) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", cmd, err)
		}
	}
}

func TestProcessAtATerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	tool := program(t, dir, "keytool", `echo "Touch your \033[31mYubiKey..." >&2
printf 'PIN: ' >/dev/tty; read pin </dev/tty; [ "$pin" = 0000 ] && echo 123456`)
	probe := program(t, dir, "probe", `if (: </dev/tty) 2>/dev/null; then exit 9; fi; echo 123456`)
	t.Run("asks by itself", func(t *testing.T) {
		t.Parallel()
		s := newTerminal(t).start("ask", script{Process: tool})
		s.Await(`sts-helper: keytool: Touch your \x1b[31mYubiKey...`, 1)
		s.Await("PIN: ", 1)
		s.Type("0000\n")
		s.result().is(t, nil)
	})
	t.Run("ctrl-c", func(t *testing.T) {
		t.Parallel()
		s := newTerminal(t).start("ask", script{Process: tool})
		s.Await("PIN: ", 1)
		s.Type("\x03")
		s.result().is(t, mfa.ErrCancelled)
	})
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		s := newTerminal(t).start("ask", script{Process: probe, Prompt: "never"})
		s.result().is(t, nil)
		if s.Screen() != "" {
			t.Errorf("saw %q", s.Screen())
		}
	})
	t.Run("background", func(t *testing.T) {
		t.Parallel()
		s := newTerminal(t).start("background", script{Process: probe})
		s.result().is(t, nil)
	})
}
