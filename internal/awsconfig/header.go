package awsconfig

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Kinds of section in the config file, the first word of a header.
const (
	kindProfile = "profile"
	SSOSession  = "sso-session"
	Services    = "services"
)

// header reads "[type name]" or "[name]". Blanks around and between the parts do not
// count, a comment ends the line, and quotes are part of the name.
func header(line []byte) (string, bool) {
	if bytes.IndexByte(line, '[') < 0 {
		return "", false
	}
	s := string(line)
	if i := strings.IndexAny(s, "#;"); i >= 0 {
		s = s[:i]
	}
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
		return "", false
	}
	s = strings.TrimSpace(s[1 : len(s)-1])
	if i := strings.IndexAny(s, " \t"); i > 0 {
		return s[:i] + " " + strings.TrimLeft(s[i:], " \t"), true
	}
	return s, true
}

// unquoted is a header of the config file as botocore reads it: with the quotes of a shell
// (configloader.py, _parse_section), which the AWS CLI itself writes around a name with blanks.
// What has none, or cannot be read so, is returned as it is.
func unquoted(header string) string {
	if !strings.ContainsAny(header, `"'\`) {
		return header
	}
	if words, ok := shellWords(header); ok && len(words) == 2 {
		return words[0] + " " + words[1]
	}
	return header
}

// shellWords is Python's shlex.split(s), false where that raises.
func shellWords(s string) (words []string, ok bool) {
	var word strings.Builder
	var quote byte
	inWord := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'':
			if i++; i == len(s) {
				return nil, false
			}
			if quote == '"' && s[i] != '"' && s[i] != '\\' {
				word.WriteByte('\\')
			}
			word.WriteByte(s[i])
			inWord = true
		case quote != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t' || c == '\r':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, false
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, true
}

// oddLine is a line that could be meant for a header and that not every reader takes for one, or
// not for the same: quoted, without its bracket, behind a byte order mark, of the other file's form.
type oddLine struct {
	pos  int
	text string
}

// oddLines finds them, once. In a file as it should be there are none, however long it is.
func (f *File) oddLines() []oddLine {
	if f.searched {
		return f.odd
	}
	f.searched = true
	for pos := 0; pos < len(f.Data); {
		i := bytes.IndexByte(f.Data[pos:], '[')
		if i < 0 {
			break
		}
		pos += i
		if end := f.plain(pos); end > 0 {
			pos = end
			continue
		}
		start := bytes.LastIndexByte(f.Data[:pos], '\n') + 1
		line, next := f.lineAt(start)
		if first := bytes.TrimLeft(line, unseen); len(first) > 0 && first[0] == '[' {
			f.odd = append(f.odd, oddLine{start, string(line)})
		}
		pos = next
	}
	return f.odd
}

// withoutBracket notes a line "profile dev", which must be looked for where a section is: a search in
// the whole file is dear.
func (f *File) withoutBracket(line []byte, pos int) {
	if bytes.HasPrefix(line, []byte(kindProfile)) && !bytes.ContainsAny(line, "=:") &&
		!slices.ContainsFunc(f.odd, func(o oddLine) bool { return o.pos == pos }) {
		f.odd = append(f.odd, oddLine{pos, string(line)})
	}
}

// unseen is what may stand before a bracket and not be seen.
const unseen = " \t\v\f\u00a0\ufeff\u200b"

// plain reports where a header ends that begins at pos and that every reader reads the same, 0 for
// any other line. It is run for every section of the file.
func (f *File) plain(pos int) (end int) {
	if pos > 0 && f.Data[pos-1] != '\n' {
		return 0
	}
	inner := f.Data[pos+1:]
	prefix := 0
	if f.credentials {
		if bytes.HasPrefix(inner, []byte(kindProfile)) || bytes.HasPrefix(inner, []byte("DEFAULT]")) {
			return 0
		}
	} else {
		for _, p := range [...]string{kindProfile + " ", SSOSession + " ", Services + " ", "default"} {
			if bytes.HasPrefix(inner, []byte(p)) {
				prefix = len(p)
				break
			}
		}
		if prefix == 0 {
			return 0
		}
	}
	for i := prefix; i < len(inner); i++ {
		switch c := inner[i]; {
		case c == ']':
			rest := inner[i+1:]
			if len(rest) == 0 || rest[0] == '\n' || bytes.HasPrefix(rest, []byte("\r\n")) {
				return pos + 2 + i
			}
			return 0
		case c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' || c == '[' || c == '#' || c == ';':
			return 0
		case prefix == len("default") && !f.credentials && inner[0] == 'd':
			return 0 // [defaults]
		}
	}
	return 0
}

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

// HeaderFor is the header of a section in the config file, so that the AWS CLI reads it.
func HeaderFor(kind, name string) string {
	switch {
	case kind == kindProfile && name == "default":
		return "[default]"
	case !strings.ContainsAny(name, " \t\"'\\"):
	case !strings.ContainsAny(name, "\"\\"):
		name = `"` + name + `"`
	default:
		name = "'" + name + "'"
	}
	return "[" + kind + " " + name + "]"
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
