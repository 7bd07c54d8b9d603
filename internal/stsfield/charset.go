package stsfield

import (
	"strings"
	"unicode"
)

// Charset is a set of characters that STS accepts in a field. STS's \w is ASCII.
type Charset uint8

const (
	// AnyChars is no restriction (lists and durations have it).
	AnyChars Charset = iota
	// Text is what may be in an XML document, less the C1 controls but U+0085: the pattern of
	// every ARN in the API.
	Text
	// Graphic is visible ASCII without blanks: the API states no pattern, but no JWT, OAuth token
	// or host name has anything else, and a stray line feed is better refused here.
	Graphic
	// Base64 is the alphabet of base64 with its padding and line ends.
	Base64
	// Digits is [\d]*.
	Digits
	// NameChars is [\w+=,.@-]*.
	NameChars
	// SerialChars is [\w+=/:,.@-]*.
	SerialChars
	// ExternalIDChars is [\w+=,.@:\/-]*.
	ExternalIDChars
	// TagChars is [\p{L}\p{Z}\p{N}_.:/=+\-@]*.
	TagChars
	// PolicyChars is [\u0009\u000A\u000D\u0020-\u00FF]+.
	PolicyChars
	// DescriptionChars is [\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*.
	DescriptionChars
)

// Contains reports whether r is in the set.
func (c Charset) Contains(r rune) bool {
	switch c {
	case Text:
		return r == '\t' || r == '\n' || r == '\r' || r == 0x85 ||
			r >= 0x20 && r <= 0x7e || r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000 && r <= 0x10ffff
	case Graphic:
		return r > ' ' && r < 0x7f
	case Base64:
		return alphanumeric(r) || r == '+' || r == '/' || r == '=' || r == '\r' || r == '\n'
	case Digits:
		return r >= '0' && r <= '9'
	case NameChars:
		return nameRune(r)
	case SerialChars, ExternalIDChars:
		return nameRune(r) || r == '/' || r == ':'
	case TagChars:
		switch r {
		case '_', '.', ':', '/', '=', '+', '-', '@':
			return true
		}
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Z, r)
	case PolicyChars:
		return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xff
	case DescriptionChars:
		return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0x7e || r >= 0xa1 && r <= 0xff
	}
	return true
}

// String says which characters are in the set, for a message.
func (c Charset) String() string {
	switch c {
	case Text:
		return "printable characters"
	case Graphic:
		return "visible ASCII characters without blanks"
	case Base64:
		return "base64"
	case Digits:
		return "digits"
	case NameChars:
		return "A-Z a-z 0-9 _ + = , . @ -"
	case SerialChars, ExternalIDChars:
		return "A-Z a-z 0-9 _ + = , . @ - : /"
	case TagChars:
		return "letters, digits, blanks and _ . : / = + - @"
	case DescriptionChars:
		return "visible characters up to U+00FF and blanks"
	case PolicyChars:
		return "characters up to U+00FF without control characters"
	}
	return "any characters"
}

// AllName reports whether s is one or more of NameChars, as the names of IAM and STS are.
func AllName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !nameRune(r) })
}

func alphanumeric(r rune) bool {
	return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9'
}

func nameRune(r rune) bool {
	if alphanumeric(r) {
		return true
	}
	switch r {
	case '_', '+', '=', ',', '.', '@', '-':
		return true
	}
	return false
}
