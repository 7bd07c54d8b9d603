package awsconfig

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Lookalike is a line that reads as a section to people, and to some of AWS's tools, and not to
// all. What it says (an MFA device, a region) must not be lost in silence.
type Lookalike struct {
	Where string // file:line
	What  string // what is wrong with it
	Write string // the header to write in its place
}

// Find looks a profile up, nil where neither file has it, and a line that looks like it and cannot be
// read as it is written, nil for none.
func (a *Files) Find(name string) (*Profile, *Lookalike) {
	p := a.Profile(name)
	for _, f := range [...]*File{&a.Config, &a.Credentials} {
		if l := f.looksLike(kindProfile, name); l != nil {
			return p, l
		}
	}
	return p, nil
}

// OtherLooksLike finds such a line for a section that is no profile.
func (a *Files) OtherLooksLike(kind, name string) *Lookalike { return a.Config.looksLike(kind, name) }

func (f *File) looksLike(kind, name string) *Lookalike {
	for _, odd := range f.oddLines() {
		what := f.mistake(odd.text, kind, name)
		if what == "" {
			if !f.endsUnread(odd, kind, name) {
				continue
			}
			return &Lookalike{Where: display.Safe(f.Path) + ":" + strconv.Itoa(f.line(odd.pos)), What: "it cannot be read as a section, and what follows it would count for " + kind + " " + display.Quote(name)}
		}
		write := HeaderFor(kind, name)
		if f.credentials {
			write = "[" + name + "]"
		}
		return &Lookalike{Where: display.Safe(f.Path) + ":" + strconv.Itoa(f.line(odd.pos)), What: what, Write: write}
	}
	return nil
}

// endsUnread reports whether a line looks like the header behind a section and is none, so that the
// keys below it would be taken for the section's own.
func (f *File) endsUnread(odd oddLine, kind, name string) bool {
	if _, ok := header([]byte(odd.text)); ok || odd.text[0] == ' ' || odd.text[0] == '\t' {
		return false
	}
	for end := odd.pos; end > 0; {
		start := bytes.LastIndexByte(f.Data[:end-1], '\n') + 1
		if h, ok := header(f.Data[start : end-1]); ok {
			return f.is(h, kind, name)
		}
		end = start
	}
	return false
}

// mistake says why a line is not read as the section that it looks like, "" where it is, or does
// not look like it.
func (f *File) mistake(line, kind, name string) string {
	if h, ok := header([]byte(line)); ok {
		if f.is(h, kind, name) {
			if h == "DEFAULT" {
				return "the AWS CLI gives the keys of [DEFAULT] to every profile, and other tools to the default one"
			}
			return ""
		}
		if h == "DEFAULT" && kind == kindProfile {
			return "the AWS CLI gives the keys of [DEFAULT] to every profile, and other tools do not"
		}
		if !f.credentials {
			// botocore takes all that begins with the word, "profiles" and "profile:" among it.
			words, ok := shellWords(h)
			if ok && len(words) == 2 && words[1] == name && strings.HasPrefix(words[0], kind) {
				return display.Quote(words[0]) + " is " + kind + " to the AWS CLI alone"
			}
			if other := unquoted(h); strings.HasPrefix(other, kindProfile+" ") && other != h && squeeze(other[len(kindProfile)+1:]) != squeeze(name) {
				return ""
			}
		}
		if f.credentials && kind == kindProfile && !strings.HasPrefix(strings.ToLower(h), kindProfile) && strings.Trim(h, "\"'`") == h && h != name && squeeze(h) == h {
			return "" // another profile
		}
	}
	inner := strings.TrimLeft(line, unseen)
	marked := strings.HasPrefix(line, "\ufeff")
	if i := strings.IndexByte(inner, ']'); i >= 0 {
		inner = inner[:i]
	}
	inner = strings.TrimLeft(inner, "[ \t\u00a0")
	found, prefixed := cutKind(inner, kind)
	if glued, ok := strings.CutPrefix(inner, kind); ok && !prefixed && !f.credentials {
		found, prefixed = glued, true // "[profiledev]", which no tool reads
	}
	if squeeze(found) != squeeze(name) || kind != kindProfile && !prefixed {
		return ""
	}
	switch _, isHeader := header([]byte(line)); {
	case marked:
		return "a byte order mark (BOM) before it hides the first section of the file"
	case f.credentials && prefixed:
		return "the credentials file has profiles without the word profile"
	case !prefixed && isHeader:
		return "in the config file it is no profile: the word is missing"
	}
	return "it cannot be read as a section"
}

// is reports whether a header is that of the section, in any of the readings.
func (f *File) is(h, kind, name string) bool {
	if f.credentials {
		return h == name
	}
	want := kind + " " + name
	return h == want || unquoted(h) == want || kind == kindProfile && strings.EqualFold(name, "default") && strings.EqualFold(h, name)
}

// cutKind takes off the word before a section's name, however it is written.
func cutKind(s, kind string) (rest string, ok bool) {
	if len(s) < len(kind) || !strings.EqualFold(s[:len(kind)], kind) {
		return s, false
	}
	rest = strings.TrimPrefix(s[len(kind):], "s")
	trimmed := strings.TrimLeft(rest, " \t\u00a0:.=_-\"'/")
	if trimmed == rest {
		return s, false // a name that begins like this
	}
	return trimmed, true
}

// squeeze is a name without what only looks like nothing: blanks, quotes, brackets, marks.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '"', '\'', '`', '\\', '[', ']', '(', ')', '<', '>', '\u201c', '\u201d', '\u2018', '\u2019', '\u00ab', '\u00bb',
			' ', '\t', '\r', '\v', '\f', '\u00a0', '\ufeff', '\u200b', '\u2060', '\u00ad':
			return -1
		}
		return r
	}, s)
}
