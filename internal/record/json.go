package record

import (
	"strconv"
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

// form is a document that is being written from front to back, or read: then it is taken apart from the front, and
// once something is not as expected failed is true and stays so. Reading may take more than what writing makes: its
// user writes again what was read and compares.
type form struct {
	out []byte // what was written

	reading bool
	skim    bool   // values in base64 are passed over
	rest    string // what is still to be read
	failed  bool
}

// take takes text away where it comes next.
func (f *form) take(text string) bool {
	if len(f.rest) < len(text) || f.rest[:len(text)] != text {
		return false
	}
	f.rest = f.rest[len(text):]
	return true
}

func (f *form) raw(text string) {
	if !f.reading {
		f.out = append(f.out, text...)
	} else if !f.take(text) {
		f.failed, f.rest = true, ""
	}
}

// has writes text where there is set, or takes it where it comes next. It reports whether it is there.
func (f *form) has(text string, there bool) bool {
	if f.reading {
		return f.take(text)
	}
	if there {
		f.raw(text)
	}
	return there
}

func (f *form) text(name string, value *string) {
	if f.raw(name); f.reading {
		*value = f.scanText()
	} else {
		f.out = appendString(f.out, *value, true)
	}
}

// bytes is base64 in quotes, null for nil.
func (f *form) bytes(name string, value **string) {
	if f.raw(name); f.has("null", *value == nil) {
		return
	}
	f.raw(`"`)
	if !f.reading {
		f.out = appendBase64(f.out, **value)
		f.raw(`"`)
		return
	}
	digits := f.upToQuote()
	if f.skim {
		return
	}
	text, ok := decodeBase64(digits)
	*value, f.failed = &text, f.failed || !ok
}

func (f *form) time(name string, t *time.Time) {
	f.raw(name)
	if !f.reading {
		f.out = t.UTC().AppendFormat(f.out, `"`+timeForm+`"`)
		return
	}
	read, err := time.Parse(timeForm, f.scanText())
	*t, f.failed = read, f.failed || err != nil
}

func (f *form) number(name string, n *int64) {
	if f.raw(name); f.reading {
		*n = f.scanNumber(64)
	} else {
		f.out = strconv.AppendInt(f.out, *n, 10)
	}
}

func (f *form) size(n **int32) {
	if f.reading {
		*n = new(int32(f.scanNumber(32)))
	} else {
		f.out = strconv.AppendInt(f.out, int64(**n), 10)
	}
}

func (f *form) principal(name string, p **Principal) {
	if f.raw(name); f.has(`null`, *p == nil) {
		return
	}
	if f.reading {
		*p = &Principal{}
	}
	f.text(`{"id":`, &(*p).ID)
	f.text(`,"arn":`, &(*p).ARN)
	f.raw(`}`)
}

// upToQuote is what comes before a quote, which is taken away too.
func (f *form) upToQuote() string {
	end := indexAny(f.rest, '"', '"')
	if end < 0 {
		f.failed = true
		return ""
	}
	before := f.rest[:end]
	f.rest = f.rest[end+1:]
	return before
}

func (f *form) scanNumber(bits int) int64 {
	end := 0
	for end < len(f.rest) && (f.rest[end] >= '0' && f.rest[end] <= '9' || f.rest[end] == '-') {
		end++
	}
	n, err := strconv.ParseInt(f.rest[:end], 10, bits)
	f.rest, f.failed = f.rest[end:], f.failed || err != nil
	return n
}

// scanText reads a string.
func (f *form) scanText() string {
	f.raw(`"`)
	end := indexAny(f.rest, '"', '\\')
	if end < 0 {
		f.failed = true
		return ""
	}
	if f.rest[end] == '"' {
		v := f.rest[:end]
		f.rest = f.rest[end+1:]
		return v
	}
	var b []byte
	for end >= 0 && f.rest[end] == '\\' {
		b = append(b, f.rest[:end]...)
		f.rest = f.rest[end+1:]
		b = f.escape(b)
		end = indexAny(f.rest, '"', '\\')
	}
	if end < 0 {
		f.failed = true
		return ""
	}
	b = append(b, f.rest[:end]...)
	f.rest = f.rest[end+1:]
	return string(b)
}

// escape appends what the escape sequence behind a backslash means.
func (f *form) escape(b []byte) []byte {
	if f.take("u") && len(f.rest) >= 4 {
		r, err := strconv.ParseUint(f.rest[:4], 16, 16)
		f.rest, f.failed = f.rest[4:], f.failed || err != nil
		return utf8.AppendRune(b, rune(r))
	}
	const after, means = `"\bfnrt`, "\"\\\b\f\n\r\t"
	for i := range len(after) {
		if f.rest != "" && after[i] == f.rest[0] {
			f.rest = f.rest[1:]
			return append(b, means[i])
		}
	}
	f.failed = true
	return b
}
