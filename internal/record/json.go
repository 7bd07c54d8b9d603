package record

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// timeForm is the one form of a time that every SDK reads in every channel: UTC, whole
// seconds. It is also what encoding/json makes of such a time.
const timeForm = "2006-01-02T15:04:05Z"

// appendString appends s as a JSON string, byte for byte as encoding/json does. html also
// escapes what HTML would take for markup, which is that package's default.
func appendString(b []byte, s string, html bool) []byte {
	b = append(b, '"')
	done := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && size == 1:
				b = append(append(b, s[done:i]...), `\ufffd`...)
				done = i + size
			case r == '\u2028' || r == '\u2029':
				b = append(append(b, s[done:i]...), `\u202`...)
				b = append(b, hexDigits[r&0xf])
				done = i + size
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' && (!html || c != '<' && c != '>' && c != '&') {
			i++
			continue
		}
		b = append(b, s[done:i]...)
		i++
		done = i
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
		}
	}
	return append(append(b, s[done:]...), '"')
}

// writer builds a document from front to back.
type writer struct{ b []byte }

func (w *writer) raw(s string)             { w.b = append(w.b, s...) }
func (w *writer) number(n int64)           { w.b = strconv.AppendInt(w.b, n, 10) }
func (w *writer) time(t time.Time)         { w.b = t.UTC().AppendFormat(w.b, `"`+timeForm+`"`) }
func (w *writer) text(s string)            { w.b = appendString(w.b, s, true) }
func (w *writer) field(name, value string) { w.raw(name); w.text(value) }

// bytes writes base64 in quotes, null for nil.
func (w *writer) bytes(s *string) {
	if s == nil {
		w.raw("null")
		return
	}
	w.raw(`"`)
	w.b = appendBase64(w.b, *s)
	w.raw(`"`)
}

// scanner takes a document apart from the front. Once something is not as expected failed is
// true and stays so. It may take more than what a writer writes: its user writes again
// what was read and compares.
type scanner struct {
	rest   string
	failed bool
}

// has takes text away where it comes next.
func (s *scanner) has(text string) bool {
	rest, found := strings.CutPrefix(s.rest, text)
	s.rest = rest
	return found
}

func (s *scanner) raw(text string) {
	if !s.has(text) {
		s.failed, s.rest = true, ""
	}
}

// upTo is what comes before text, which is taken away too.
func (s *scanner) upTo(text string) string {
	before, rest, found := strings.Cut(s.rest, text)
	s.rest, s.failed = rest, s.failed || !found
	return before
}

func (s *scanner) number(bits int) int64 {
	end := 0
	for end < len(s.rest) && (s.rest[end] >= '0' && s.rest[end] <= '9' || s.rest[end] == '-') {
		end++
	}
	n, err := strconv.ParseInt(s.rest[:end], 10, bits)
	s.rest, s.failed = s.rest[end:], s.failed || err != nil
	return n
}

func (s *scanner) time() time.Time {
	t, err := time.Parse(timeForm, s.text())
	s.failed = s.failed || err != nil
	return t
}

func (s *scanner) field(name string) string { s.raw(name); return s.text() }

// bytes is what writer.bytes writes.
func (s *scanner) bytes() *string {
	if s.has("null") {
		return nil
	}
	s.raw(`"`)
	value, ok := decodeBase64(s.upTo(`"`))
	s.failed = s.failed || !ok
	return &value
}

// text is a string.
func (s *scanner) text() string {
	s.raw(`"`)
	end := strings.IndexAny(s.rest, `"\`)
	if end < 0 {
		s.failed = true
		return ""
	}
	if s.rest[end] == '"' {
		v := s.rest[:end]
		s.rest = s.rest[end+1:]
		return v
	}
	var b []byte
	for end >= 0 && s.rest[end] == '\\' {
		b = append(b, s.rest[:end]...)
		s.rest = s.rest[end+1:]
		b = s.escape(b)
		end = strings.IndexAny(s.rest, `"\`)
	}
	if end < 0 {
		s.failed = true
		return ""
	}
	b = append(b, s.rest[:end]...)
	s.rest = s.rest[end+1:]
	return string(b)
}

// escape appends what the escape sequence behind a backslash means.
func (s *scanner) escape(b []byte) []byte {
	if s.has("u") && len(s.rest) >= 4 {
		r, err := strconv.ParseUint(s.rest[:4], 16, 16)
		s.rest, s.failed = s.rest[4:], s.failed || err != nil
		return utf8.AppendRune(b, rune(r))
	}
	if s.rest != "" {
		if i := strings.IndexByte(`"\bfnrt`, s.rest[0]); i >= 0 {
			s.rest = s.rest[1:]
			return append(b, "\"\\\b\f\n\r\t"[i])
		}
	}
	s.failed = true
	return b
}
