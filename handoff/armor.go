package handoff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// findBlock cuts the armored block out of what it was mailed with. It only drops blanks and
// lines outside; what the block says is for package armor to judge, which is strict.
func findBlock(data []byte) ([]byte, error) {
	var lines []string
	for line := range strings.SplitSeq(string(data), "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			lines = append(lines, line)
		}
	}
	begin := slices.Index(lines, armor.Header)
	if begin < 0 {
		return nil, noBegin(lines)
	}
	length := slices.Index(lines[begin:], armor.Footer)
	if length < 0 {
		return nil, noEnd(lines[begin+1:])
	}
	block, rest := lines[begin:begin+length+1], lines[begin+length+1:]
	if slices.Contains(rest, armor.Header) {
		return nil, errors.New("there is more than one sealed token here: give one at a time")
	}
	return []byte(strings.Join(block, "\n") + "\n"), nil
}

func noBegin(lines []string) error {
	switch {
	case len(lines) == 0:
		return ErrNotSealed
	// Only the beginning of the BEGIN line is there.
	case len(lines) == 1 && len(lines[0]) >= len("-----") && strings.HasPrefix(armor.Header, lines[0]):
		return ErrTruncated
	case slices.ContainsFunc(lines, func(s string) bool { return strings.Contains(s, "BEGIN AGE") }):
		return fmt.Errorf("%w (its first line is not as age writes it)", ErrTampered)
	case slices.Contains(lines, armor.Footer) && strings.HasPrefix(lines[0], "--"):
		return fmt.Errorf("%w (its first line is not as age writes it)", ErrTampered)
	case slices.Contains(lines, armor.Footer):
		return fmt.Errorf("%w (its beginning is missing)", ErrTruncated)
	}
	return ErrNotSealed
}

// noEnd distinguishes a block that stops from one whose END line, or another, was changed.
func noEnd(body []string) error {
	for i, line := range body {
		last := i == len(body)-1
		if (last && strings.HasPrefix(armor.Footer, line)) || (len(line) <= 64 && isBase64(line)) {
			continue
		}
		return ErrTampered
	}
	return ErrTruncated
}

func isBase64(s string) bool {
	return !strings.ContainsFunc(strings.TrimRight(s, "="), func(r rune) bool {
		return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '+' && r != '/'
	})
}

// keyError is a failure of an identity, not of the sealed token.
type keyError struct{ error }

func (e keyError) Unwrap() error { return e.error }

// explain turns what age reports into what happened, as far as that goes. It cannot distinguish a
// damaged recipient's part from one that is meant for another key.
func explain(err error, identities []age.Identity) error {
	var key keyError
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &key):
		return key.error
	case errors.As(err, &none):
		return wrongKey(none.StanzaTypes, identities)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrTruncated
	}
	return ErrTampered
}

func wrongKey(sealedFor []string, identities []age.Identity) error {
	isScrypt := func(i age.Identity) bool { _, ok := i.(*age.ScryptIdentity); return ok }
	if slices.Contains(sealedFor, "scrypt") {
		if slices.ContainsFunc(identities, isScrypt) {
			return ErrWrongPassphrase
		}
		return fmt.Errorf("%w: it opens with a passphrase", ErrWrongRecipient)
	}
	var kinds []string
	for _, t := range sealedFor {
		// The maker of the file chose these names, so only those known here are repeated.
		switch t {
		case "ssh-ed25519", "ssh-rsa":
			kinds = append(kinds, t)
		case "X25519":
			kinds = append(kinds, "age")
		case "mlkem768x25519":
			kinds = append(kinds, "age (post-quantum)")
		}
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); len(kinds) == 0 {
		return ErrWrongRecipient
	}
	return fmt.Errorf("%w: it opens with one particular key of kind %s", ErrWrongRecipient, strings.Join(kinds, ", "))
}

// isArmored reports whether data begins as an armored age file does.
func isArmored(data []byte) bool { return bytes.HasPrefix(data, []byte(armor.Header)) }
