//go:build unix

package child_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
)

// TestMain runs a child and waits, for the test that kills this process.
func TestMain(m *testing.M) {
	if line := os.Getenv("CHILD_TEST_RUN"); line != "" {
		c := child.Shell(line)
		c.Env = os.Environ()
		c.Run(context.Background())
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func run(t *testing.T, line string, change func(*child.Command)) child.Result {
	t.Helper()
	c := child.Shell(line)
	c.Limit, c.Env = 100, []string{"PATH=" + os.Getenv("PATH")}
	if change != nil {
		change(&c)
	}
	return c.Run(t.Context())
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		line, out, failure string
	}{
		{"echo 'a b' \"c\"", "a b c\n", ""},
		{"cat; echo end", "end\n", ""}, // standard input is empty
		{"exit 3", "", "ended with exit status 3"},
		{"printf '\\n\\n \\033[2J no\\nmore\\n' >&2; exit 1", "", `ended with exit status 1: \x1b[2J no`},
		{"kill -9 $$", "", "was killed (SIGKILL)"},
		{"head -c 200 /dev/zero; sleep 60", strings.Repeat("\x00", 100), "wrote more than 100 bytes"},
		{"head -c 100000 /dev/zero >&2; echo done", "done\n", ""},
	} {
		r := run(t, c.line, nil)
		if string(r.Out) != c.out || r.Failed() != (c.failure != "") || r.Failed() && r.Failure() != c.failure {
			t.Errorf("%s: %q, %q; want %q, %q", c.line, r.Out, r.Failure(), c.out, c.failure)
		}
	}
	r := child.Command{Path: filepath.Join(t.TempDir(), "none")}.Run(t.Context())
	if r.Err == nil || r.Failure() != "could not be run: no such file or directory" {
		t.Errorf("%+v", r)
	}
}

func TestEnvironmentIsTheOneGiven(t *testing.T) {
	t.Setenv("STS_HELPER_MFA_CODE", "CANARY")
	t.Setenv("STS_HELPER_CHAIN", "old")
	t.Setenv("OTHER", "kept")
	env := child.Environ("STS_HELPER_CHAIN=new")
	if slices.ContainsFunc(env, func(kv string) bool { return strings.Contains(kv, "CANARY") }) || !slices.Contains(env, "OTHER=kept") {
		t.Errorf("%q", env)
	}
	r := run(t, "echo $OTHER $STS_HELPER_CHAIN $STS_HELPER_MFA_CODE", func(c *child.Command) { c.Env = env })
	if string(r.Out) != "kept new\n" {
		t.Errorf("%q", r.Out)
	}
	if r := run(t, "echo x$OTHER$STS_HELPER_CHAIN", func(c *child.Command) { c.Env = nil }); string(r.Out) != "x\n" {
		t.Errorf("with no environment: %q", r.Out)
	}
}

func TestLinesAreMaskedAndSafe(t *testing.T) {
	var lines []string
	r := run(t, "printf 'secret\\033[1m\\nsecond\\n' >&2; exit 1", func(c *child.Command) {
		c.Line = func(line string) { lines = append(lines, line) }
		c.Mask = func(line string) string { return strings.ReplaceAll(line, "secret", "***") }
	})
	if want := []string{`***\x1b[1m`, "second"}; !slices.Equal(lines, want) || r.Stderr != want[0] {
		t.Errorf("%q, %q", lines, r.Stderr)
	}
}

func TestFilesAreNotInherited(t *testing.T) {
	leaked, err := syscall.Dup(1) // without close-on-exec, as one that we were started with
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(leaked) }()
	r := run(t, fmt.Sprintf("(: >&%d) 2>/dev/null && echo open || echo closed", leaked), nil)
	if string(r.Out) != "closed\n" {
		t.Errorf("%q", r.Out)
	}
	if _, err := syscall.Write(leaked, nil); err != nil {
		t.Errorf("ours was closed: %v", err)
	}
}

// A time limit ends what the child started as well, with a terminal to share or without.
func TestTimeLimitEndsGrandchildren(t *testing.T) {
	for _, shared := range []bool{false, true} {
		pidfile := filepath.Join(t.TempDir(), "pid")
		ctx, cancel := context.WithCancel(t.Context())
		c := child.Shell("sh -c 'sleep 300 & echo $! >" + pidfile + "; wait'")
		c.Env, c.Terminal, c.Limit = os.Environ(), shared, 100
		done := make(chan child.Result, 1)
		go func() { done <- c.Run(ctx) }()
		pid := readPid(t, pidfile)
		cancel()
		if r := <-done; !r.Failed() {
			t.Errorf("shared %v: it ended well", shared)
		}
		endsSoon(t, pid)
	}
}

// A run ends when its child does, though a grandchild holds the pipes.
func TestGrandchildHoldsThePipes(t *testing.T) {
	r := run(t, "sleep 300 & echo $!; exec 1>&- 2>&-", nil)
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Out)))
	if err != nil || r.Failed() {
		t.Fatalf("%q, %s", r.Out, r.Failure())
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

func readPid(t *testing.T, file string) int {
	t.Helper()
	for range 3000 {
		b, _ := os.ReadFile(file)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no process id appeared")
	return 0
}

func endsSoon(t *testing.T, pid int) {
	t.Helper()
	for range 3000 {
		state, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
		if s := strings.TrimSpace(string(state)); s == "" || s[0] == 'Z' {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d lives on", pid)
}
