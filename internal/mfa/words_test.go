package mfa_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/mfa"
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
	`a b#c d~e`:                                                           {"a", "b#c", "d~e"},
	"a \"b\nc\" d\\\ne":                                                   {"a", "b\nc", "de"},
	`a "x|y;z&<>()"`:                                                      {"a", "x|y;z&<>()"},
	`zoë 日本`:                                                              {"zoë", "日本"},
}

func TestSplitCommand(t *testing.T) {
	for in, want := range wordCases {
		if got, err := mfa.SplitCommand(in); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{
		"", "  ", `""`, `"" a`, `'a`, `a "b`, `a\`, `"a\`, "a\nb", "a\rb", "a\x00b",
		"a | b", "a && b", "a; b", "a > f", "a < f", "(a)", "a $HOME", "a `b`", `a "$(b)"`, "a \"`b`\"", "~/bin/x", "a # b",
		strings.Repeat("a", 40<<10),
	} {
		if got, err := mfa.SplitCommand(in); err == nil {
			t.Errorf("%q was taken as %q", in, got)
		} else if strings.ContainsAny(err.Error(), "\n\x00") {
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
		words, err := mfa.SplitCommand(in)
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
		again, err := mfa.SplitCommand(line.String())
		if line.Len() < 32<<10 && (err != nil || !slices.Equal(again, words)) {
			t.Fatalf("%q: %q, then %q, %v", in, words, again, err)
		}
	})
}
