package display_test

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/display"
)

// wordCases are split as sh splits them; TestSplitCommandAgreesWithShell asks a real one.
var wordCases = map[string][]string{
	`ykman oath accounts code --single arn:aws:iam::123456789012:mfa/ana`: {"ykman", "oath", "accounts", "code", "--single", "arn:aws:iam::123456789012:mfa/ana"},
	`op item get "AWS prod" --otp`:                                        {"op", "item", "get", "AWS prod", "--otp"},
	`op read 'op://a b/c?attribute=otp'`:                                  {"op", "read", "op://a b/c?attribute=otp"},
	"  a\t b  ":                                                           {"a", "b"},
	`a "" ''`:                                                             {"a", "", ""},
	`a"b c"'d e'f`:                                                        {"ab cd ef"},
	`a\ b \"c\' \\`:                                                       {"a b", `"c'`, `\`},
	`"a\"b\\c\d\$e"`:                                                      {`a"b\c\d$e`},
	`'a\b$c|d'`:                                                           {`a\b$c|d`},
	`a \$b \| c\;`:                                                        {"a", "$b", "|", "c;"},
	`./a=b c=d`:                                                           {"./a=b", "c=d"},
	`1=a b`:                                                               {"1=a", "b"},
	`a b#c d~e`:                                                           {"a", "b#c", "d~e"},
	"a \"b\nc\" d\\\ne":                                                   {"a", "b\nc", "de"},
	`a "x|y;z&<>()"`:                                                      {"a", "x|y;z&<>()"},
	`zoë 日本`:                                                              {"zoë", "日本"},
}

func TestSplitCommand(t *testing.T) {
	for in, want := range wordCases {
		if got, err := display.SplitCommand(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "  ", `""`, `"" a`, `'a`, `a "b`, `a\`, `"a\`, "a\nb", "a\rb", "a\x00b",
		"a | b", "a && b", "a; b", "a > f", "a < f", "(a)", "a $HOME", "a `b`", `a "$(b)"`, "a \"`b`\"", "~/bin/x", "a # b",
		strings.Repeat("a", 40<<10), "VAULT_TOKEN=CANARYtoken vault read", `_x1="CANARY token" a`, "A=CANARYtoken",
	} {
		if got, err := display.SplitCommand(in); err == nil {
			t.Errorf("%q was taken as %q", in, got)
		} else if strings.ContainsAny(err.Error(), "\n\x00") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %q", in, err)
		}
	}
}

// shellWords lets a POSIX shell do the splitting.
func shellWords(t *testing.T, line string) ([]string, bool) {
	t.Helper()
	out, err := exec.Command("sh", "-fc", `set -- `+line+"\n"+`for w do printf '%s\0' "$w"; done`).Output()
	if err != nil {
		return nil, false
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), true
}

func TestSplitCommandAgreesWithShell(t *testing.T) {
	for in, want := range wordCases {
		if got, ok := shellWords(t, in); !ok || !slices.Equal(got, want) {
			t.Errorf("%q: sh says %q", in, got)
		}
	}
}

func FuzzSplitCommand(f *testing.F) {
	for in := range wordCases {
		f.Add(in)
	}
	f.Add(`a "b`)
	f.Add("a\\")
	f.Fuzz(func(t *testing.T, in string) {
		words, err := display.SplitCommand(in)
		if err != nil {
			return
		}
		if len(words) == 0 || words[0] == "" {
			t.Fatalf("%q: no program in %q", in, words)
		}
		// Quoted again, the words come back.
		var line strings.Builder
		for _, w := range words {
			line.WriteString(" '" + strings.ReplaceAll(w, "'", `'\''`) + "'")
		}
		again, err := display.SplitCommand(line.String())
		if line.Len() < 32<<10 && (err != nil || !slices.Equal(again, words)) {
			t.Fatalf("%q: %q, then %q, %v", in, words, again, err)
		}
	})
}

// A POSIX shell makes one word of it, the very one.
func TestShellWord(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no POSIX shell")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"", "dev", "/home/a/.cache", `C:\temp`, `\`, `a\ b`, "a@b.example", "@", "%1", "100%", "it's", "''", "a b", "$HOME", "`id`", "*", "~", "~/x",
		"#x", "!x", "a;b", "a&b", "a|b", "<x", "(x)", "{a,b}", "[a]", `"`, "-n", "=x", "é", `'\''`, "a'b\\",
	} {
		cmd := exec.Command(sh, "-c", "printf '<%s>' "+display.ShellWord(s))
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "HOME=/elsewhere")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "<"+s+">" {
			t.Errorf("%q as %s: %q, %v", s, display.ShellWord(s), out, err)
		}
	}
	if got := display.ShellWord("a\x1b[31m\nb"); got != `"a\x1b[31m\x0ab"` {
		t.Errorf("%s", got)
	}
	for _, s := range []string{"dev", "/home/a.b/c-d", "a@b.example", "k=v"} {
		if got := display.ShellWord(s); got != s {
			t.Errorf("%q is quoted without need: %s", s, got)
		}
	}
}

func TestShellWords(t *testing.T) {
	for s, want := range map[string][]string{
		"":                    nil,
		"  a  b\tc\n":         {"a", "b", "c"},
		`a "b c" 'd "e' f\ g`: {"a", "b c", `d "e`, "f g"},
		`"a\"b" '\' ""`:       {`a"b`, `\`, ""},
		`"open`:               {"open"},
		`a\`:                  {`a\`},
	} {
		if got := display.ShellWords(s); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}
