package stsfield

import (
	"errors"
	"fmt"
	"strings"
)

// CodeDigits is the length of an MFA code (TokenCode), in digits.
const CodeDigits = 6

// ParseCode reads an MFA code as users and programs write it: blanks and line ends around it are dropped, and so are
// blanks between the digits ("123 456"), as authenticators show and copy it. Exactly six ASCII digits must remain. The
// error never repeats what was read.
func ParseCode(s string) (string, error) {
	s = strings.Trim(s, " \t\r\n\v\f\u00a0\u202f")
	code := make([]byte, 0, CodeDigits)
	for _, r := range s {
		switch {
		case r == ' ' || r == '\u00a0' || r == '\u202f':
		case !Digits.Contains(r):
			return "", errors.New("want six digits, got other characters")
		case len(code) == CodeDigits:
			return "", errors.New("want six digits, got more")
		default:
			code = append(code, byte(r))
		}
	}
	if len(code) < CodeDigits {
		return "", fmt.Errorf("want six digits, got %d", len(code))
	}
	return string(code), nil
}
