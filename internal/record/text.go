package record

import "strings"

// Hexadecimal and base64 are done here, in a few lines each: the packages encoding/hex and
// encoding/base64 need fmt and reflect, and would have this one initialised after both.

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
	return len(s) == 64 && strings.Trim(s, hexDigits) == ""
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
	digits := strings.TrimRight(s, "=")
	var b []byte
	var n, bits uint
	for i := range len(digits) {
		d := strings.IndexByte(base64Digits, digits[i])
		if d < 0 {
			return "", false
		}
		n, bits = n<<6|uint(d), bits+6
		if bits >= 8 {
			bits -= 8
			b = append(b, byte(n>>bits))
		}
	}
	return string(b), true
}
