// Package awsedit changes single lines of text files that others write, too: AWS's shared files
// above all. Every byte that it was not told to change stays, whatever it is: comments, line ends,
// order, nested lines, what no reader understands.
package awsedit

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// Kind is what the lines of a file mean.
type Kind uint8

const (
	// Config is ~/.aws/config, whose sections are "profile NAME" and the like, without quotes and
	// also for [default].
	Config Kind = iota
	// Credentials is ~/.aws/credentials, whose sections are names of profiles.
	Credentials
	// Plain is any other text, which can be appended to.
	Plain
)

// File is a text that is being changed.
type File struct {
	kind   Kind
	before []string // the lines as they were, each with its end
	lines  []line
}

// line is a line with its end; was is its place in the text as it was, -1 for a new one.
type line struct {
	text string
	was  int
}

// Texts that cannot be changed line by line: no reader would find the first section, or any.
var (
	ErrByteOrderMark = errors.New("it begins with a byte order mark (BOM), which hides its first section; save it as UTF-8 without one")
	ErrUTF16         = errors.New("it is in UTF-16; save it as UTF-8")
)

// Parse reads a text.
func Parse(data []byte, kind Kind) (*File, error) {
	switch {
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return nil, ErrByteOrderMark
	case awsconfig.IsUTF16(data):
		return nil, ErrUTF16
	}
	f := &File{kind: kind, before: slices.Collect(strings.Lines(string(data)))}
	for i, text := range f.before {
		f.lines = append(f.lines, line{text, i})
	}
	return f, nil
}

// Bytes is the text as it is now.
func (f *File) Bytes() []byte {
	var b []byte
	for _, l := range f.lines {
		b = append(b, l.text...)
	}
	return b
}

// Changed reports whether anything was changed.
func (f *File) Changed() bool { return len(f.Hunks()) > 0 }

// read gives what the lines mean, one for one.
func (f *File) read() []awsconfig.Line {
	if f.kind == Plain {
		return make([]awsconfig.Line, len(f.lines))
	}
	file := awsconfig.File{Data: f.Bytes()}
	return file.Lines(f.kind == Credentials)
}

// Has reports whether there is such a section.
func (f *File) Has(section string) bool {
	return slices.ContainsFunc(f.read(), func(l awsconfig.Line) bool { return l.Header && l.Section == section })
}

// HasKey reports whether the section has the key, in any of its headers.
func (f *File) HasKey(section, key string) bool {
	return slices.ContainsFunc(f.read(), func(l awsconfig.Line) bool { return l.Section == section && l.Key == key && key != "" })
}

// Remove takes keys out of a section, wherever it has them, with the lines that go on with their
// values. Comments among those stay.
func (f *File) Remove(section string, keys ...string) { f.take(section, keys) }

// take is Remove that gives the place of the first line that went, else the place behind the last
// key of the section.
func (f *File) take(section string, keys []string) int {
	var kept []line
	first, last := -1, -1
	for i, l := range f.read() {
		mine := l.Section == section && (l.Header || l.Key != "")
		if mine && !l.Header && slices.Contains(keys, l.Key) {
			if first < 0 {
				first = len(kept)
			}
			continue
		}
		kept = append(kept, f.lines[i])
		if mine {
			last = len(kept)
		}
	}
	f.lines = kept
	if first >= 0 {
		return first
	}
	return last
}

// Replace is Remove that puts a new line in the place of the first one that goes, or where none
// does, behind the last key of the section. It reports whether there is such a section.
func (f *File) Replace(section string, keys []string, text string) bool {
	at := f.take(section, keys)
	if at < 0 {
		return false
	}
	f.insert(at, text)
	return true
}

// Line is a line of the text as it was, counted from 1 and without its end; "" where there is none.
func (f *File) Line(n int) string {
	if n < 1 || n > len(f.before) {
		return ""
	}
	return strings.TrimRight(f.before[n-1], "\r\n")
}

// ReplaceLine puts other lines in the place of [File.Line] n, where that is there still; a first one that is the same stays.
func (f *File) ReplaceLine(n int, first string, more ...string) {
	at := slices.IndexFunc(f.lines, func(l line) bool { return l.was >= 0 && l.was == n-1 })
	if at < 0 {
		return
	}
	if was := f.Line(n); first != was {
		f.lines[at] = line{first + f.before[n-1][len(was):], -1}
	}
	for i, text := range more {
		f.insert(at+1+i, text)
	}
}

// Append puts lines at the end, with an empty one before them.
func (f *File) Append(texts ...string) {
	if len(f.lines) > 0 && strings.TrimSpace(f.lines[len(f.lines)-1].text) != "" {
		f.insert(len(f.lines), "")
	}
	for _, text := range texts {
		f.insert(len(f.lines), text)
	}
}

// insert puts a line before the one at a place. Its end is that of the line before it; a last
// line without an end gets one.
func (f *File) insert(at int, text string) {
	end := f.lineEnd(at)
	if at > 0 && !strings.HasSuffix(f.lines[at-1].text, "\n") {
		f.lines[at-1] = line{f.lines[at-1].text + end, -1}
	}
	f.lines = slices.Insert(f.lines, at, line{text + end, -1})
}

// lineEnd is how the lines before a place end, or the first one where none do.
func (f *File) lineEnd(at int) string {
	for i := min(at, len(f.lines)) - 1; i >= 0; i-- {
		switch {
		case strings.HasSuffix(f.lines[i].text, "\r\n"):
			return "\r\n"
		case strings.HasSuffix(f.lines[i].text, "\n"):
			return "\n"
		}
	}
	if len(f.lines) > 0 && strings.HasSuffix(f.lines[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}
