// Package awsconfig reads the configuration and credentials files that AWS's tools share
// (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html). It knows their form
// and how the two are laid over one another, and has no opinion on what they say.
//
// The rules are those of the reader in aws-sdk-go-v2 (config v1.33.15, internal/ini and
// shared_config.go), with these differences, each so that nothing is lost in silence: quotes in
// headers are read as botocore reads them as well, an empty value is no value, and a line that looks
// like the section that is wanted and is none for some tool is reported. docs/aws-files.md compares
// all this with the other readers. The way to the result differs, too: the SDK builds every section of
// both files, this package looks for the sections that are wanted in the bytes, so that 5,000 other
// profiles cost a search.
package awsconfig

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// File is one shared file in memory.
type File struct {
	Path string // absolute
	Data []byte // nil where there is no such file
	Err  error  // why it could not be read

	credentials bool // the credentials file, whose headers have no kind
	searched    bool
	odd         []oddLine
}

// Property is one key of a section.
type Property struct {
	Key   string
	Value string
	Sub   []Property // nested lines; only below a key without a value of its own
	isMap bool
	file  *File
	pos   int // offset of the line
}

// Section is one section of a file, of several headers of the same name merged, or of both
// files merged.
type Section struct {
	Name  string
	Props []Property
}

// Get finds a property, nil where there is none or s is nil.
func (s *Section) Get(key string) *Property {
	if s == nil {
		return nil
	}
	for i := range s.Props {
		if s.Props[i].Key == key {
			return &s.Props[i]
		}
	}
	return nil
}

// Has reports whether the section has the key, be its value empty or not.
func (s *Section) Has(key string) bool { return s.Get(key) != nil }

// Value is the value of a key, "" where it is empty or there is none.
func (s *Section) Value(key string) string {
	if p := s.Get(key); p != nil {
		return p.Value
	}
	return ""
}

// Nested finds a property among the nested lines of p, nil where there is none or p is nil.
func (p *Property) Nested(key string) *Property {
	if p == nil {
		return nil
	}
	nested := Section{Props: p.Sub}
	return nested.Get(key)
}

// set stores a property; a later one of the same key takes the place of the earlier.
func (s *Section) set(p Property) *Property {
	if old := s.Get(p.Key); old != nil {
		*old = p
		return old
	}
	s.Props = append(s.Props, p)
	return &s.Props[len(s.Props)-1]
}

// line is the 1-based line of an offset.
func (f *File) line(pos int) int {
	return bytes.Count(f.Data[:min(pos, len(f.Data))], []byte{'\n'}) + 1
}

// Where is file:line of the property.
func (p *Property) Where() string {
	return display.Safe(p.file.Path) + ":" + strconv.Itoa(p.file.line(p.pos))
}

// section collects every section with this header, nil where there is none: in the config file
// also those that have it when the quotes are read as botocore does.
func (f *File) section(want string) *Section {
	// A header's last part is in the file as it is, so only lines that contain it are
	// looked at closely; but for those with quotes.
	needle := want[strings.IndexAny(want, " \t")+1:]
	if needle == "" {
		return nil
	}
	if !f.credentials && slices.ContainsFunc(f.oddLines(), func(o oddLine) bool { return strings.ContainsAny(o.text, `"'\`) }) {
		f.walk(needle, func(line []byte, pos, next int) int { f.withoutBracket(line, pos); return next })
		needle = "["
	}
	var found *Section
	f.walk(needle, func(line []byte, pos, next int) int {
		h, ok := header(line)
		if !ok {
			f.withoutBracket(line, pos)
		}
		if !ok || h != want && (f.credentials || unquoted(h) != want) {
			return next // the rest of this line is no header either
		}
		if found == nil {
			found = &Section{Name: want}
		}
		return f.body(found, next)
	})
	return found
}

// walk visits the lines that have the needle; each says where to go on, at the start of a line.
func (f *File) walk(needle string, visit func(line []byte, pos, next int) int) {
	for pos := 0; pos < len(f.Data); {
		i := bytes.Index(f.Data[pos:], []byte(needle))
		if i < 0 {
			return
		}
		start := pos + bytes.LastIndexByte(f.Data[pos:pos+i], '\n') + 1
		line, next := f.lineAt(start)
		pos = visit(line, start, next)
	}
}

// names lists the headers of the file in order, each once. It is for error messages.
func (f *File) names() []string {
	var all []string
	seen := map[string]bool{}
	for pos := 0; pos < len(f.Data); {
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
func (f *File) lineAt(pos int) (line []byte, next int) {
	if i := bytes.IndexByte(f.Data[pos:], '\n'); i >= 0 {
		return f.Data[pos : pos+i], pos + i + 1
	}
	return f.Data[pos:], len(f.Data)
}

// body reads the properties from pos up to the next header, and returns that header's
// place.
func (f *File) body(s *Section, pos int) int {
	key := "" // the property that nested lines belong to
	for pos < len(f.Data) {
		line, next := f.lineAt(pos)
		if _, ok := header(line); ok {
			return pos
		}
		f.withoutBracket(line, pos)
		f.property(s, string(line), pos, &key)
		pos = next
	}
	return pos
}

// property reads one line that is no header.
func (f *File) property(s *Section, line string, pos int, key *string) {
	trimmed := strings.TrimLeft(line, " \t")
	if strings.TrimSpace(line) == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return
	}
	if len(trimmed) == len(line) {
		if k, v, ok := assignment(strings.TrimRight(withoutComment(line), " \t")); ok {
			*key = strings.ToLower(k)
			s.set(Property{Key: *key, Value: unquote(*key, v), file: f, pos: pos})
		}
		return
	}
	k, v, isAssignment := assignment(trimmed)
	current := s.Get(*key)
	if !isAssignment {
		// A continuation adds a line to a value that has begun.
		if *key != "" && current != nil && current.Value != "" && !current.isMap {
			current.Value += "\n" + trimmed
		}
		return
	}
	k = strings.ToLower(k)
	v = unquote(k, v)
	if *key == "" || current != nil && current.Value != "" {
		// Nothing to be nested under: the SDK takes it for a property of the section.
		*key = k
		s.set(Property{Key: k, Value: strings.TrimSpace(withoutComment(v)), file: f, pos: pos})
		return
	}
	current.isMap = true
	nested := Section{Props: current.Sub}
	nested.set(Property{Key: k, Value: v, file: f, pos: pos})
	current.Sub = nested.Props
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

// unquote takes off the quotes around a key's value. A command's quotes at both ends may be two
// pairs, as in "/opt/a b/tool" --account "my own", and then stay: the SDK for Go takes off the
// first and the last even so, and starts a program that does not exist.
func unquote(key, s string) string {
	if len(s) < 2 || s[0] != '"' && s[0] != '\'' || s[len(s)-1] != s[0] {
		return s
	}
	inner := s[1 : len(s)-1]
	if key == KeyProcess && strings.IndexByte(inner, s[0]) >= 0 {
		return s
	}
	return inner
}

// IsUTF16 reports whether a text is in UTF-16, with or without its byte order mark.
func IsUTF16(data []byte) bool {
	if len(data) < 2 {
		return false
	}
	a, b := data[0], data[1]
	return a == 0xff && b == 0xfe || a == 0xfe && b == 0xff || (a == 0) != (b == 0)
}
