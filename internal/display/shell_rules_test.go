package display

import (
	"slices"
	"testing"
)

// The lines as Windows splits them, on whatever system: those of botocore's own test of its splitter for Windows
// (tests/unit/test_compat.py, which took them from Microsoft's page on parsing arguments) among them.
func TestWindowsWords(t *testing.T) {
	for line, want := range map[string][]string{
		`C:\\Tools\\sts-helper.exe --profile dev`:           {`C:\\Tools\\sts-helper.exe`, "--profile", "dev"},
		`C:\Tools\sts-helper.exe --profile dev`:             {`C:\Tools\sts-helper.exe`, "--profile", "dev"},
		`"C:\Program Files\sts-helper.exe" --profile "a b"`: {`C:\Program Files\sts-helper.exe`, "--profile", "a b"},
		`"C:\Program Files\\" x`:                            {`C:\Program Files\`, "x"},
		`'a b'`:                                             {"'a", "b'"},
		`"abc" d e`:                                         {"abc", "d", "e"},
		`a\\b d"e f"g h`:                                    {`a\\b`, "de fg", "h"},
		`a\\\"b c d`:                                        {`a\"b`, "c", "d"},
		`a\\\\"b c" d e`:                                    {`a\\b c`, "d", "e"},
		`spam \"ham`:                                        {"spam", `"ham`},
		`""`:                                                {""},
		`\\server\share\x.exe a`:                            {`\\server\share\x.exe`, "a"},
	} {
		if got, err := splitOn("windows", line, true); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
		if got, _ := splitOn("windows", line, false); !slices.Equal(got, want) {
			t.Errorf("%s, loosely: %q; want %q", line, got, want)
		}
	}
	for _, line := range []string{`"a`, `"a\"`, "a | b", "a\nb"} {
		if got, err := splitOn("windows", line, true); err == nil {
			t.Errorf("%s was taken as %q", line, got)
		}
	}
}

func TestProgramName(t *testing.T) {
	for _, tc := range []struct{ goos, word, want string }{
		{"windows", `C:\\Tools\\sts-helper.exe`, "sts-helper"},
		{"windows", `C:\Tools\STS-Helper.EXE`, "sts-helper"},
		{"windows", "C:/Tools/sts-helper.exe", "sts-helper"},
		{"windows", "sts-helper", "sts-helper"},
		{"windows", `\\server\share\sts-helper.exe`, "sts-helper"},
		{"windows", `C:\sts-helper\other.exe`, "other"},
		{"linux", "/usr/bin/sts-helper", "sts-helper"},
		{"linux", "/mnt/c/Tools/sts-helper.exe", "sts-helper"},
		{"linux", "STS-Helper", "STS-Helper"},
		{"linux", `a\sts-helper`, `a\sts-helper`},
		{"darwin", "", ""},
	} {
		if got := programNameOn(tc.goos, tc.word); got != tc.want {
			t.Errorf("%s, %s: %q", tc.goos, tc.word, got)
		}
	}
}
