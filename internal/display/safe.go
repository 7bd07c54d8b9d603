package display

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// SafeLimit is the most bytes that [Safe] gives.
	SafeLimit = 1024
	// QuoteLimit is the most bytes of a value that [Quote] shows.
	QuoteLimit = 120
)

// ellipsis ends what was cut.
const ellipsis = "..."

// Safe makes s fit to be shown to a user, on a terminal, in a dialog or in a log: one line of
// printable characters, at most [SafeLimit] bytes (the rest is "..."). Everything that could move a
// cursor, change a colour, hide or reorder text is shown as an escape of Go's syntax: C0, DEL and
// C1 controls, line and paragraph separators, directional and other format characters, characters
// that take no room or look like a blank, unassigned and private ones, and bytes that are not
// UTF-8. The ASCII blank is the only white space left.
//
// Backslashes stay as they are, so the result is for reading, not for reversing.
func Safe(s string) string { return Clip(s, SafeLimit) }

// Quote is s between double quotes, safe as [Safe] makes it, at most [QuoteLimit] bytes of it. It
// is for reading: a double quote in s is preceded by a backslash, and a backslash is not.
func Quote(s string) string {
	return `"` + strings.ReplaceAll(Clip(s, QuoteLimit), `"`, `\"`) + `"`
}

// Clip is [Safe] with another limit, at least len("...") bytes.
func Clip(s string, limit int) string {
	// Almost every name is plain: then there is nothing to copy.
	if len(s) <= limit && plainASCII(s) {
		return s
	}
	var b strings.Builder
	cut := 0 // where the ellipsis goes if the rest has no room
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		var piece string
		switch {
		case r == utf8.RuneError && n == 1:
			piece = fmt.Sprintf(`\x%02x`, s[i])
		case visible(r):
			piece = s[i : i+n]
		case r < 0x80:
			piece = fmt.Sprintf(`\x%02x`, r)
		case r <= 0xffff:
			piece = fmt.Sprintf(`\u%04x`, r)
		default:
			piece = fmt.Sprintf(`\U%08x`, r)
		}
		if b.Len()+len(piece) > limit {
			return b.String()[:cut] + ellipsis
		}
		b.WriteString(piece)
		if b.Len() <= limit-len(ellipsis) {
			cut = b.Len()
		}
		i += n
	}
	return b.String()
}

// Printable reports whether s is UTF-8 of printable characters only, as [strconv.IsPrint] has it: the
// ASCII blank is the only white space. It is for refusing a value, where [Safe] shows any.
func Printable(s string) bool {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !strconv.IsPrint(r) {
			return false
		}
		i += n
	}
	return true
}

// PrintableLines is [Printable] of a text that may have line ends and tabs.
func PrintableLines(s string) bool {
	return Printable(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(s))
}

func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// visible reports whether r draws something of its own and nothing more. strconv.IsPrint already
// refuses controls, format characters, separators other than the ASCII blank, surrogates, private
// and unassigned code points; what is left are letters, marks and symbols that draw nothing.
func visible(r rune) bool {
	if !strconv.IsPrint(r) {
		return false
	}
	switch {
	case r == 0x034f, // combining grapheme joiner
		r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, // Hangul fillers
		r == 0x17b4, r == 0x17b5, // Khmer inherent vowels
		r >= 0x180b && r <= 0x180f, // Mongolian variation selectors and vowel separator
		r == 0x2800,                // blank Braille pattern
		r == 0xfffc, r == 0xfffd,   // object replacement and replacement character
		r >= 0xfe00 && r <= 0xfe0f,   // variation selectors
		r >= 0xe0000 && r <= 0xe0fff: // tags and more variation selectors
		return false
	}
	return true
}
