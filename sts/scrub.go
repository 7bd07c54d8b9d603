package sts

import "strings"

// maxMessage bounds, in bytes, what an error repeats of another program's words.
const maxMessage = 300

// secretRun is the number of bytes in a row that count as a piece of a secret.
const secretRun = 12

// scrub replaces in s whatever is one of the secrets or a piece of one: services repeat refused
// values in their messages, and cut them. Secrets under four bytes are not looked for.
func scrub(s string, secrets []string) string {
	const mask = "[secret]"
	s = s[:min(len(s), 4*maxMessage)] // bounds the work; more is never shown
	for _, secret := range secrets {
		if len(secret) < 4 {
			continue
		}
		if len(secret) < secretRun {
			s = strings.ReplaceAll(s, secret, mask)
			continue
		}
		var b strings.Builder
		for i := 0; i < len(s); {
			n := secretRun
			if i+n > len(s) || !strings.Contains(secret, s[i:i+n]) {
				b.WriteByte(s[i])
				i++
				continue
			}
			for i+n < len(s) && strings.Contains(secret, s[i:i+n+1]) {
				n++
			}
			b.WriteString(mask)
			i += n
		}
		s = b.String()
	}
	return s
}

// redact takes out of the words of a credential source what may be a secret that we do not know:
// the SDK repeats the output of a credential_process that it cannot read, and runs of 32 and more
// characters of base64 with upper case, lower case and digits look like keys.
func redact(s string) string {
	if i := strings.Index(s, "process output:"); i >= 0 {
		s = s[:i] + "process output that is not valid"
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		n := 0
		var upper, lower, digit bool
		for i+n < len(s) {
			c := s[i+n]
			u, l, d := c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9'
			if !u && !l && !d && c != '+' && c != '/' && c != '=' {
				break
			}
			upper, lower, digit = upper || u, lower || l, digit || d
			n++
		}
		switch {
		case n == 0:
			b.WriteByte(s[i])
			n = 1
		case n >= 32 && upper && lower && digit:
			b.WriteString("[secret]")
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}
