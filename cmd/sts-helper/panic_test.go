package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// A panic is a fault of the program: one line that says where, with the exit code of a fault and not
// that of a wrong command line. What it was panicked with may be a secret. -v adds the stack.
func TestPanic(t *testing.T) {
	for _, tc := range []struct {
		name  string
		args  []string
		env   string // STS_HELPER_VERBOSE
		panic func() string
		want  string
		stack bool
	}{
		{name: "a value", panic: func() string { panic("CANARY") }, want: `a panic \(string\)`},
		{name: "an error", panic: func() string { panic(os.NewSyscallError("CANARY", os.ErrInvalid)) }, want: `a panic \(\*os.SyscallError\)`},
		{name: "the runtime's", panic: func() string { return os.Args[len(os.Args)] }, want: `runtime error: index out of range \[\d+\] with length \d+`},
		{name: "a command", args: []string{"doctor"}, panic: func() string { panic("CANARY") }, want: `a panic \(string\)`},
		{name: "with -v", args: []string{"--source-profile", "base", "-v"}, panic: func() string { panic("CANARY") }, want: `a panic \(string\)`, stack: true},
		{name: "by the variable", env: "1", panic: func() string { panic("CANARY") }, want: `a panic \(string\)`, stack: true},
		{name: "-v of another program", args: []string{"exec", "base", "--", "true", "-v"}, panic: func() string { panic("CANARY") }, want: `a panic \(string\)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, stderr := file(t), file(t)
			env := settings.ProcessEnvironment()
			env.Getenv = func(name string) string {
				if name == "STS_HELPER_VERBOSE" {
					return tc.env
				}
				return tc.panic()
			}
			env.OwnNames = func() []string { return nil }
			p := program{stdout: stdout, stderr: stderr, terminal: func(*os.File) bool { return false }, env: env}
			args := tc.args
			if args == nil {
				args = []string{"--source-profile", "base"}
			}
			if code := p.run(t.Context(), args); code != 1 {
				t.Errorf("exit %d, want 1", code)
			}
			said := content(t, stderr)
			stack, last, _ := cutLastLine(said)
			want := regexp.MustCompile(`^sts-helper: this is a bug in sts-helper: ` + tc.want + ` in sts-helper\.TestPanic\.func\d+ \(panic_test\.go:\d+\); report it with what -v and "sts-helper version" show, at https://[^ ]+/issues$`)
			if !want.MatchString(last) || strings.Contains(said, "CANARY") || content(t, stdout) != "" {
				t.Errorf("%q does not match %s", said, want)
			}
			if has := strings.HasPrefix(stack, "goroutine "); has != tc.stack || !has && stack != "" {
				t.Errorf("stack: %v, want %v: %q", has, tc.stack, stack)
			}
		})
	}
}

func cutLastLine(s string) (before, last string, ok bool) {
	s, ok = strings.CutSuffix(s, "\n")
	i := strings.LastIndexByte(s, '\n') + 1
	return s[:i], s[i:], ok
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func content(t *testing.T, f *os.File) string {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
