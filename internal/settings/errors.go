package settings

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// ErrorKind says whose turn it is to act on an [Error].
type ErrorKind int

const (
	// Usage is a mistake on the command line.
	Usage ErrorKind = iota + 1
	// Config is a mistake in a file or an environment variable.
	Config
)

// Error is returned for settings that make no request. It is one line: where the fault
// is, what it is, and what to do about it. No value of a secret setting is ever part of it.
type Error struct {
	Kind  ErrorKind
	Where string // a flag, a variable, or file:line; "" where no single place is at fault
	What  string
	Do    string // "" where What leaves no doubt
	Err   error  // the cause where the operating system gave one
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Where != "" {
		b.WriteString(e.Where)
		b.WriteString(": ")
	}
	b.WriteString(e.What)
	if e.Do != "" {
		b.WriteString("; ")
		b.WriteString(e.Do)
	}
	return b.String()
}

// Unwrap returns the operating system's error, if there is one.
func (e *Error) Unwrap() error { return e.Err }

// quote makes a value safe to show on a terminal: control, escape and direction
// characters are escaped, and very long values cut.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		return strconv.Quote(s[:cut]) + "..."
	}
	return strconv.Quote(s)
}

// shown is a path as an error names it: bare where that is safe, else quoted.
func shown(path string) string {
	if graphic(path) {
		return path
	}
	return strconv.Quote(path)
}

// origin names the place of a value. It is a function because counting lines is too dear to
// do for an error that is not made.
type origin func() string

func named(place string) origin { return func() string { return place } }

// at names a line of a file.
func at(path string, line int) string {
	return shown(path) + ":" + strconv.Itoa(line)
}

// graphic tells whether s can be shown as it is: valid UTF-8 without control, escape,
// line-breaking or direction characters.
func graphic(s string) bool {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				return false
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !unicode.IsGraphic(r) {
			return false
		}
		i += n
	}
	return true
}

// nearest is the candidate that want was most likely meant to be, "" for none. It is only
// used on the way to an error.
func nearest(want string, candidates []string) string {
	if len(want) > 256 {
		return ""
	}
	limit := max(1, min(4, len(want)/3))
	best, name := limit+1, ""
	for _, c := range candidates {
		if len(c) > 256 || c == "" {
			continue
		}
		if d := levenshtein.ComputeDistance(strings.ToLower(want), strings.ToLower(c)); d < best {
			best, name = d, c
		}
	}
	return name
}

// didYouMean is the hint for a name that does not exist, "" where nothing is near.
func didYouMean(want string, candidates []string) string {
	if n := nearest(want, candidates); n != "" {
		return "did you mean " + quote(n) + "?"
	}
	return ""
}
