package record

import "unsafe"

// What packages strings, encoding/hex and encoding/base64 do is done here, in a few lines each: they
// need unicode, fmt or reflect, and would have this package, and package direct with it, initialised
// after those and after all of crypto.

// trimRight is s without the bytes c at its end.
func trimRight(s string, c byte) string {
	for s != "" && s[len(s)-1] == c {
		s = s[:len(s)-1]
	}
	return s
}

// indexAny is where the first byte that is a or b comes in s, -1 where none does.
func indexAny(s string, a, b byte) int {
	for i := range len(s) {
		if s[i] == a || s[i] == b {
			return i
		}
	}
	return -1
}

const hexDigits = "0123456789abcdef"

// Hex is data in lower-case hexadecimal digits.
func Hex(data []byte) string {
	b := make([]byte, 0, 2*len(data))
	for _, c := range data {
		b = append(b, hexDigits[c>>4], hexDigits[c&0xf])
	}
	return string(b)
}

// IsName reports whether s has the form of a record's name: the hash of its inputs in 64
// lower-case hexadecimal digits.
func IsName(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return len(s) == 64
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// appendBase64 appends s in base64 (RFC 4648, with padding).
func appendBase64(b []byte, s string) []byte {
	for ; len(s) >= 3; s = s[3:] {
		n := uint(s[0])<<16 | uint(s[1])<<8 | uint(s[2])
		b = append(b, base64Digits[n>>18], base64Digits[n>>12&63], base64Digits[n>>6&63], base64Digits[n&63])
	}
	switch len(s) {
	case 1:
		b = append(b, base64Digits[s[0]>>2], base64Digits[s[0]&3<<4], '=', '=')
	case 2:
		n := uint(s[0])<<8 | uint(s[1])
		b = append(b, base64Digits[n>>10], base64Digits[n>>4&63], base64Digits[n&15<<2], '=')
	}
	return b
}

// decodeBase64 reads what appendBase64 writes. Of what that does not write it refuses digits
// that there are not, and may take the rest.
func decodeBase64(s string) (string, bool) {
	if len(s)%4 != 0 {
		return "", false
	}
	digits := trimRight(s, '=')
	b := make([]byte, 0, len(s)/4*3)
	var n, bits uint
	for i := range len(digits) {
		d, ok := base64Value(digits[i])
		if !ok {
			return "", false
		}
		n, bits = n<<6|d, bits+6
		if bits >= 8 {
			bits -= 8
			b = append(b, byte(n>>bits))
		}
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), true
}

// base64Value is the number that a digit stands for.
func base64Value(c byte) (n uint, ok bool) {
	switch {
	case c >= 'A' && c <= 'Z':
		return uint(c - 'A'), true
	case c >= 'a' && c <= 'z':
		return uint(c-'a') + 26, true
	case c >= '0' && c <= '9':
		return uint(c-'0') + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}
