package settings

import (
	"bytes"
	"strings"
)

// The rules of this file are those of the reader in aws-sdk-go-v2 (config v1.33.15,
// internal/ini), its oddities included: what the SDK does not see, we must not act on. Only
// the way to the result differs. The SDK builds every section of both files; we look for
// the sections we want in the bytes, so that 5,000 other profiles cost a search.

// awsFile is one shared file in memory.
type awsFile struct {
	path string // absolute
	data []byte // nil where there is no such file
	err  error  // why it could not be read
}

// property is one key of a section.
type property struct {
	key   string
	value string
	sub   []property // nested lines; only under a key without a value of its own
	isMap bool
	file  *awsFile
	pos   int // offset of the line
}

// section is one section of a file, of several headers of the same name merged, or of both
// files merged.
type section struct {
	name  string
	props []property
}

func (s *section) get(key string) *property {
	if s == nil {
		return nil
	}
	for i := range s.props {
		if s.props[i].key == key {
			return &s.props[i]
		}
	}
	return nil
}

func (s *section) has(key string) bool { return s.get(key) != nil }

func (s *section) value(key string) string {
	if p := s.get(key); p != nil {
		return p.value
	}
	return ""
}

// set stores a property; a later one of the same key takes the place of the earlier.
func (s *section) set(p property) *property {
	if old := s.get(p.key); old != nil {
		*old = p
		return old
	}
	s.props = append(s.props, p)
	return &s.props[len(s.props)-1]
}

// line is the 1-based line of an offset.
func (f *awsFile) line(pos int) int {
	return bytes.Count(f.data[:min(pos, len(f.data))], []byte{'\n'}) + 1
}

// where names the line a property stands in.
func (p *property) where() string { return fileLine(p.file.path, p.file.line(p.pos)) }

// section collects every section of this name, nil where there is none. The name is the
// header's, "profile dev" or "dev".
func (f *awsFile) section(name string) *section {
	// A header's last part stands in the file as it is, so only lines that contain it are
	// looked at closely.
	needle := []byte(name[strings.IndexAny(name, " \t")+1:])
	if len(needle) == 0 {
		return nil
	}
	var found *section
	for pos := 0; pos < len(f.data); { // pos is always the start of a line
		i := bytes.Index(f.data[pos:], needle)
		if i < 0 {
			break
		}
		start := pos + bytes.LastIndexByte(f.data[pos:pos+i], '\n') + 1
		line, next := f.lineAt(start)
		if h, ok := header(line); !ok || h != name {
			pos = next // the rest of this line is no header either
			continue
		}
		if found == nil {
			found = &section{name: name}
		}
		pos = f.body(found, next)
	}
	return found
}

// names lists the headers of the file in order, each once. It is for error messages.
func (f *awsFile) names() []string {
	var all []string
	seen := map[string]bool{}
	for pos := 0; pos < len(f.data); {
		line, next := f.lineAt(pos)
		if h, ok := header(line); ok && !seen[h] {
			seen[h] = true
			all = append(all, h)
		}
		pos = next
	}
	return all
}

// lineAt returns the line that starts at pos, without its line feed, and where the next
// one starts.
func (f *awsFile) lineAt(pos int) (line []byte, next int) {
	if i := bytes.IndexByte(f.data[pos:], '\n'); i >= 0 {
		return f.data[pos : pos+i], pos + i + 1
	}
	return f.data[pos:], len(f.data)
}

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

// body reads the properties from pos up to the next header, and returns that header's
// place.
func (f *awsFile) body(s *section, pos int) int {
	key := "" // the property that nested lines belong to
	for pos < len(f.data) {
		line, next := f.lineAt(pos)
		if _, ok := header(line); ok {
			return pos
		}
		f.property(s, string(line), pos, &key)
		pos = next
	}
	return pos
}

// property reads one line that is no header.
func (f *awsFile) property(s *section, line string, pos int, key *string) {
	trimmed := strings.TrimLeft(line, " \t")
	if strings.TrimSpace(line) == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return
	}
	if len(trimmed) == len(line) {
		if k, v, ok := assignment(strings.TrimRight(withoutComment(line), " \t")); ok {
			*key = strings.ToLower(k)
			s.set(property{key: *key, value: unquote(*key, v), file: f, pos: pos})
		}
		return
	}
	k, v, isAssignment := assignment(trimmed)
	current := s.get(*key)
	if !isAssignment {
		// A continuation adds a line to a value that has begun.
		if *key != "" && current != nil && current.value != "" && !current.isMap {
			current.value += "\n" + trimmed
		}
		return
	}
	k = strings.ToLower(k)
	v = unquote(k, v)
	if *key == "" || current != nil && current.value != "" {
		// Nothing to be nested under: the SDK takes it for a property of the section.
		*key = k
		s.set(property{key: k, value: strings.TrimSpace(withoutComment(v)), file: f, pos: pos})
		return
	}
	current.isMap = true
	nested := section{props: current.sub}
	nested.set(property{key: k, value: v, file: f, pos: pos})
	current.sub = nested.props
}

// withoutComment cuts what follows a blank and a comment sign.
func withoutComment(s string) string {
	for i := 1; i < len(s); i++ {
		if (s[i] == '#' || s[i] == ';') && (s[i-1] == ' ' || s[i-1] == '\t') {
			return s[:i-1]
		}
	}
	return s
}

// assignment splits at the first = or :.
func assignment(s string) (key, value string, ok bool) {
	i := strings.IndexAny(s, "=:")
	if i < 0 {
		return "", "", false
	}
	return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:]), true
}

// unquote takes off the quotes around a key's value. A command's quotes at both ends may be two pairs,
// as in "/opt/a b/tool" --account "my own", and then stay: the SDK for Go takes off the first and the
// last even so, and starts a program that is not there; the AWS CLI and the other SDKs keep them.
func unquote(key, s string) string {
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' || s[len(s)-1] != s[0] {
		return s
	}
	inner := s[1 : len(s)-1]
	if key == keyProcess && strings.IndexByte(inner, s[0]) >= 0 {
		return s
	}
	return inner
}
