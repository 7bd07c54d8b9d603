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
	Do    string // what to write in its place, so that every tool reads it
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
	return p, a.inOtherLetters(name, p)
}

// OtherLooksLike finds such a line for a section that is no profile.
func (a *Files) OtherLooksLike(kind, name string) *Lookalike { return a.Config.looksLike(kind, name) }

func (f *File) looksLike(kind, name string) *Lookalike {
	for _, odd := range f.oddLines() {
		l := &Lookalike{What: f.mistake(odd.text, kind, name)}
		switch h, _ := header([]byte(odd.text)); {
		case l.What == "" && !f.endsUnread(odd, kind, name):
			continue
		case l.What == "":
			l.What = "it cannot be read as a section, and what follows it would count for " + kind + " " + display.Quote(name)
			l.Do = "write it as a section, or put # before it"
		case h == "DEFAULT" && name != "default":
			l.Do = "write its keys into the profiles that they are for"
		default:
			l.Do = f.instead(odd.pos, kind, name)
		}
		l.Where = f.where(odd.pos) // which counts lines, and most odd lines are about another section
		return l
	}
	return nil
}

// where is file:line of an offset.
func (f *File) where(pos int) string {
	return display.Safe(f.Path) + ":" + strconv.Itoa(f.line(pos))
}

// instead says what is to be written in place of the line at pos. A second section of the same header
// would do more harm than the line does: the AWS CLI reads nothing of such a file.
func (f *File) instead(pos int, kind, name string) string {
	write := HeaderFor(kind, name)
	if f.credentials {
		write = "[" + name + "]"
	}
	write = display.Safe(write)
	for at := 0; at < len(f.Data); {
		line, next := f.lineAt(at)
		if h, ok := header(line); ok && at != pos && h != "DEFAULT" && f.is(h, kind, name) {
			return "move what is below it to " + write + " in line " + strconv.Itoa(f.line(at)) + ", and delete it"
		}
		at = next
	}
	if h, ok := header([]byte(write)); !ok || !f.is(h, kind, name) {
		return "give " + kind + " " + display.Quote(name) + " a name without # and ;"
	}
	return "write " + write
}

// inOtherLetters finds what looks like the missing half of p: a section, in the file that lacks p, of
// a name that differs in upper and lower case alone. Where each gives credentials they are two profiles;
// where one does, the keys of the one would be used without the device and region of the other.
func (a *Files) inOtherLetters(name string, p *Profile) *Lookalike {
	if p == nil || len(p.Files) > 1 {
		return nil
	}
	for _, f := range [...]*File{&a.Config, &a.Credentials} {
		if p.Files[0] == f.Path {
			continue
		}
		var found *Lookalike
		f.walk("[", func(line []byte, pos, next int) int {
			if h, ok := header(line); found == nil && ok && len(h) >= len(name) {
				other := h
				if !f.credentials {
					other, ok = strings.CutPrefix(unquoted(h), kindProfile+" ")
				}
				if ok && other != name && strings.EqualFold(other, name) {
					if q := a.Profile(other); q != nil && len(q.Files) == 1 && q.gives() != p.gives() {
						found = &Lookalike{Where: f.where(pos), What: "profile " + display.Quote(other) + " is another than " + display.Quote(name) + ": upper and lower case count", Do: f.instead(pos, kindProfile, name)}
					}
				}
			}
			return next
		})
		if found != nil {
			return found
		}
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
	if !strings.ContainsAny(name, "#;") {
		inner = withoutHeaderComment(inner)
	}
	inner = strings.TrimLeft(inner, "[({< \t\u00a0\"'\u201c\u2018")
	found, prefixed := cutKind(inner, kind)
	if word, rest, ok := strings.Cut(inner, " "); ok && !prefixed && squeeze(rest) == squeeze(name) && display.DidYouMean(word, []string{kind}) != "" {
		found, prefixed = rest, true // "[profil dev]"
	}
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
	case f.credentials && isHeader:
		return "the credentials file has profiles without quotes and brackets"
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
		case '"', '\'', '`', '\\', '[', ']', '(', ')', '<', '>', '{', '}', '\u201c', '\u201d', '\u2018', '\u2019', '\u00ab', '\u00bb',
			' ', '\t', '\r', '\v', '\f', '\u00a0', '\ufeff', '\u200b', '\u2060', '\u00ad':
			return -1
		}
		return r
	}, s)
}

// gives reports whether the profile says where credentials come from.
func (p *Profile) gives() bool {
	for _, key := range [...]string{KeyAccessKeyID, KeySecretAccessKey, KeyRoleARN, KeySourceProfile, KeyCredSource, KeyWebIdentity, KeyProcess, KeyLoginSession} {
		if p.Value(key) != "" {
			return true
		}
	}
	return p.HasSSO()
}
