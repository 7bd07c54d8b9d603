package display_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/internal/display"
)

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"arn:aws:iam::123456789012:mfa/ana":      "arn:aws:iam::123456789012:mfa/ana",
		"Zoë 日本 naïve é":                         "Zoë 日本 naïve é",
		"a\x1b[2Jb":                              `a\x1b[2Jb`,
		"a\x1b]52;c;Y2FuYXJ5\x07":                `a\x1b]52;c;Y2FuYXJ5\x07`,
		"one\r\ntwo\tthree":                      `one\x0d\x0atwo\x09three`,
		"\x7f\x00":                               `\x7f\x00`,
		"csi \u009b31m":                          `csi \u009b31m`,
		"raw \x9b31m":                            `raw \x9b31m`,
		"\u202eevil\u2066x\u2069\u200f\u061c":    `\u202eevil\u2066x\u2069\u200f\u061c`,
		"ze\u200bro\u200d\ufeff\u2060\u00ad":     `ze\u200bro\u200d\ufeff\u2060\u00ad`,
		"\u2028\u2029\u0085\u00a0\u3000":         `\u2028\u2029\u0085\u00a0\u3000`,
		"\u3164\u2800\ufe0f\U000e0041\U000f0000": `\u3164\u2800\ufe0f\U000e0041\U000f0000`,
		"\xff\xed\xa0\x80 \ufffd":                `\xff\xed\xa0\x80 \ufffd`,
		`DOMAIN\ana`:                             `DOMAIN\ana`,
	} {
		if got := display.Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSafeIsBounded(t *testing.T) {
	for _, unit := range []string{"a", "é", "\x1b", "日", "\U000e0041"} {
		exact := display.Safe(strings.Repeat(unit, 5000))
		if len(exact) > display.SafeLimit || !strings.HasSuffix(exact, "...") {
			t.Errorf("%q: %d bytes, ends in %q", unit, len(exact), exact[len(exact)-4:])
		}
	}
	full := strings.Repeat("a", display.SafeLimit)
	if display.Safe(full) != full {
		t.Error("a text of exactly the limit was cut")
	}
	full = strings.Repeat("é", display.SafeLimit/2)
	if display.Safe(full) != full {
		t.Error("a text of exactly the limit, not ASCII, was cut")
	}
}

// unsafeRune is written from the Unicode properties, not from the code under test.
func unsafeRune(r rune) bool {
	return r < 0x20 || (r >= 0x7f && r <= 0x9f) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Bidi_Control, r) ||
		unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || (unicode.Is(unicode.Zs, r) && r != ' ') ||
		unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) ||
		unicode.Is(unicode.Co, r) || unicode.Is(unicode.Noncharacter_Code_Point, r)
}

func TestSafeEveryRune(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch r { // nothing is assigned in between, and private planes are all alike
		case 0x40000:
			r = 0xe0000
		case 0xe1100:
			r = 0xefff0
		case 0xf0100:
			r = 0x10ff00
		}
		got := display.Safe(string(r))
		if strings.ContainsFunc(got, unsafeRune) {
			t.Fatalf("U+%04X came through as %q", r, got)
		}
		if unicode.In(r, unicode.L, unicode.N, unicode.P) && !unsafeRune(r) && got != string(r) {
			t.Errorf("U+%04X is a harmless letter and became %q", r, got)
		}
	}
}

func FuzzSafe(f *testing.F) {
	for _, s := range []string{"", "ana", "a\x1b[31m\u202e\u2028\xff\u200b", strings.Repeat("\u009b", 300), "\xed\xa0\x80", "é\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := display.Safe(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unsafeRune) || len(got) > display.SafeLimit {
			t.Fatalf("Safe(%q) = %q", s, got)
		}
		if again := display.Safe(got); again != got {
			t.Fatalf("not stable: %q then %q", got, again)
		}
		if s != "" && got == "" {
			t.Fatalf("%q vanished", s)
		}
	})
}

func TestClipAndQuote(t *testing.T) {
	for _, c := range []struct {
		in, quote, clip string // clip is to 8 bytes
	}{
		{"", `""`, ""},
		{"ana", `"ana"`, "ana"},
		{`say "hi"`, `"say \"hi\""`, `say "hi"`},
		{"localhost.\n", `"localhost.\x0a"`, "local..."},
		{`DOMAIN\a`, `"DOMAIN\a"`, `DOMAIN\a`},
		{"123456789", `"123456789"`, "12345..."},
		{"日本日本", `"日本日本"`, "日..."},
		{"\u202eabc", `"\u202eabc"`, "..."}, // an escape is never cut in two
		{strings.Repeat("a", 121), `"` + strings.Repeat("a", 117) + `..."`, "aaaaa..."},
	} {
		if got := display.Quote(c.in); got != c.quote {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.quote)
		}
		if got := display.Clip(c.in, 8); got != c.clip {
			t.Errorf("Clip(%q, 8) = %q, want %q", c.in, got, c.clip)
		}
	}
}

func TestPrintable(t *testing.T) {
	for _, s := range []string{"", "ana b", "Zoë 日本", `a\b"c`} {
		if !display.Printable(s) {
			t.Errorf("%q was refused", s)
		}
	}
	for _, s := range []string{"a\tb", "a\n", "\x1b[2J", "\x7f", "\u202e", "\u200b", "\u00a0", "\u2028", "\ue000", "\xff", "é\xc3"} {
		if display.Printable(s) {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestPrintableLines(t *testing.T) {
	if s := "one\r\n\ttwo"; !display.PrintableLines(s) || display.Printable(s) {
		t.Errorf("%q", s)
	}
	if s := "one\n\x1b[2J"; display.PrintableLines(s) {
		t.Errorf("%q was taken", s)
	}
}

func TestDidYouMean(t *testing.T) {
	names := []string{"", "region", "role_arn", "role_session_name", "Production", "show"}
	for want, hint := range map[string]string{
		"regoin":                 "region",
		"hsow":                   "show",
		"shwo":                   "show",
		"rolearn":                "role_arn",
		"production":             "Production",
		"prod":                   "",
		"x":                      "",
		"":                       "",
		strings.Repeat("r", 999): "",
	} {
		if hint != "" {
			hint = `did you mean "` + hint + `"?`
		}
		if got := display.DidYouMean(want, names); got != hint {
			t.Errorf("%q: %q, want %q", want, got, hint)
		}
	}
}
