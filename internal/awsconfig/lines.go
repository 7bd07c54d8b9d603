package awsconfig

import (
	"strings"
)

// Line is what one line of a shared file is to the reader: a header, a line of a property, or
// neither.
type Line struct {
	Start, End int    // the bytes of the line, its line feed among them
	Header     bool   // it begins a section
	Section    string // the section that it begins or is in, "" before the first: see [File.Lines]
	Key        string // the property that it begins or goes on with, "" for none
}

// Lines splits the file into lines, all of its bytes in order. In the config file a section is
// "profile NAME", "sso-session NAME" and the like, without quotes and also for [default]; in the
// credentials file it is the profile's name. What is asked is only how lines are read, so several
// headers of one section stay apart.
func (f *File) Lines(credentials bool) []Line {
	var all []Line
	name, key := "", ""
	var section *Section
	for pos := 0; pos < len(f.Data); {
		text, next := f.lineAt(pos)
		l := Line{Start: pos, End: next}
		if h, ok := header(text); ok {
			name, key, section = h, "", &Section{}
			if !credentials {
				if name = unquoted(h); strings.EqualFold(h, "default") {
					name = kindProfile + " " + h
				}
			}
			l.Header = true
		} else if section != nil {
			l.Key = f.owner(section, string(text), pos, &key)
		}
		l.Section = name
		all = append(all, l)
		pos = next
	}
	return all
}

// owner reads a line that is no header, and gives the property that it begins or goes on with.
func (f *File) owner(s *Section, line string, pos int, key *string) string {
	trimmed := strings.TrimLeft(line, " \t")
	if strings.TrimSpace(line) == "" || trimmed[0] == '#' || trimmed[0] == ';' {
		return ""
	}
	f.property(s, line, pos, key)
	if len(trimmed) < len(line) {
		return *key
	}
	if _, _, ok := assignment(strings.TrimRight(withoutComment(line), " \t")); ok {
		return *key
	}
	return ""
}
