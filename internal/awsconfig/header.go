package awsconfig

import (
	"bytes"
	"slices"
	"strings"
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
	s := strings.TrimSpace(withoutHeaderComment(string(line)))
	if !strings.HasPrefix(s, "[") || !strings.HasSuffix(s, "]") {
		return "", false
	}
	s = strings.TrimSpace(s[1 : len(s)-1])
	if i := strings.IndexAny(s, " \t"); i > 0 {
		return s[:i] + " " + strings.TrimLeft(s[i:], " \t"), true
	}
	return s, true
}

// withoutHeaderComment cuts a comment. A sign within a word is none, as for the AWS CLI: "[profile a#b]".
func withoutHeaderComment(s string) string {
	for i := 0; i < len(s); i++ {
		if (s[i] == '#' || s[i] == ';') && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t' || s[i-1] == ']') {
			return s[:i]
		}
	}
	return s
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
	if bytes.HasPrefix(bytes.TrimLeft(line, "({<"), []byte(kindProfile)) && !bytes.ContainsAny(line, "=:") &&
		!slices.ContainsFunc(f.odd, func(o oddLine) bool { return o.pos == pos }) {
		f.odd = append(f.odd, oddLine{pos, string(line)})
	}
}

// unseen is what may precede a bracket and not be seen.
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

// HeaderFor is the header of a section in the config file, so that the AWS CLI reads it.
func HeaderFor(kind, name string) string {
	switch {
	case kind == kindProfile && name == "default":
		return "[default]"
	case !strings.ContainsAny(name, " \t\"'\\"):
	case !strings.ContainsAny(name, "\"\\"):
		name = `"` + name + `"`
	default: // as Python's shlex.quote does
		name = "'" + strings.ReplaceAll(name, "'", `'"'"'`) + "'"
	}
	return "[" + kind + " " + name + "]"
}
