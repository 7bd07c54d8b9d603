package handoff

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
)

// maxKeys bounds how many recipients one text may name.
const maxKeys = 100

// ParseRecipients reads public keys, one a line, blank lines and lines with # passed over:
// "age1..." (age-keygen), "ssh-ed25519 AAAA..." and "ssh-rsa AAAA..." as in an
// authorized_keys file or id_ed25519.pub. Post-quantum age keys cannot be mixed with others.
// Errors never repeat the text: it may be a private key given by mistake.
func ParseRecipients(s string) ([]age.Recipient, error) {
	var out []age.Recipient
	n := 0
	for line := range strings.SplitSeq(s, "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		r, err := parseRecipient(line)
		if err != nil {
			if strings.Contains(strings.TrimSpace(s), "\n") {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			return nil, err
		}
		if out = append(out, r); len(out) > maxKeys {
			return nil, fmt.Errorf("more than %d recipients", maxKeys)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no recipient's key here: it starts with age1, ssh-ed25519 or ssh-rsa")
	}
	return out, nil
}

func parseRecipient(line string) (age.Recipient, error) {
	kind, _, _ := strings.Cut(line, " ")
	switch {
	case strings.HasPrefix(line, "AGE-SECRET-KEY-"), strings.HasPrefix(line, "AGE-PLUGIN-"), strings.HasPrefix(line, "-----BEGIN"):
		return nil, errors.New("this is a private key: give the recipient's public key, and keep this one to yourself")
	case strings.HasPrefix(line, "age1pq1"):
		r, err := age.ParseHybridRecipient(line)
		if err != nil {
			return nil, errors.New("this age1pq1 key is malformed: is it whole?")
		}
		return r, nil
	case strings.HasPrefix(line, "age1"):
		r, err := age.ParseX25519Recipient(line)
		if err == nil {
			return r, nil
		}
		// A plugin's key has the plugin's name before the last "1", the separator.
		if i := strings.LastIndexByte(line, '1'); i > len("age1") {
			return nil, errors.New("this age1 key is malformed, or needs an age plugin, which sts-helper does not run")
		}
		return nil, errors.New("this age1 key is malformed: is it whole?")
	case kind == "ssh-ed25519" || kind == "ssh-rsa":
		r, err := agessh.ParseRecipient(line)
		if err != nil {
			return nil, fmt.Errorf("this %s key is malformed or too short: is it whole?", kind)
		}
		return r, nil
	case isOtherSSH(line):
		return nil, errors.New("age cannot seal for this kind of SSH key: use ssh-ed25519 or ssh-rsa, or an age1 key")
	}
	return nil, errors.New("this is not a recipient's key: it starts with age1, ssh-ed25519 or ssh-rsa")
}

// isOtherSSH reports whether line has the form of a public SSH key: its kind, then base64.
func isOtherSSH(line string) bool {
	f := strings.Fields(line)
	if len(f) < 2 || !strings.ContainsAny(f[0], "-@") || len(f[1]) < 32 {
		return false
	}
	_, err := base64.StdEncoding.DecodeString(f[1])
	return err == nil
}

// ParseGitHubKeys reads the keys of a GitHub user as https://github.com/USER.keys gives them: one
// public SSH key a line. It never fetches anything. Kinds that age cannot seal for (ecdsa,
// security keys, RSA below 2048 bits) are passed over and counted in skipped; it is an error
// when none is left, or when a line is no key at all, as in a page that says there is no such
// user. Every holder of the private half of any one of the keys can open the token.
func ParseGitHubKeys(r io.Reader) (recipients []age.Recipient, skipped int, err error) {
	lines := bufio.NewScanner(io.LimitReader(r, maxInput+1))
	lines.Buffer(nil, 32<<10)
	n, size := 0, 0
	for lines.Scan() {
		n++
		size += len(lines.Bytes()) + 1
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		kind, _, _ := strings.Cut(line, " ")
		key, parseErr := agessh.ParseRecipient(line)
		switch {
		case size > maxInput || len(recipients) == maxKeys:
			return nil, 0, ErrTooLong
		case parseErr == nil:
			recipients = append(recipients, key)
		case kind == "ssh-ed25519" || !isOtherSSH(line):
			return nil, 0, fmt.Errorf("line %d is not a public SSH key: is this the file that github.com/USER.keys gives?", n)
		default:
			skipped++
		}
	}
	if err := lines.Err(); err != nil {
		return nil, 0, fmt.Errorf("cannot read the keys: %w", err)
	}
	if len(recipients) == 0 {
		return nil, skipped, fmt.Errorf("no key here that age can seal for: %d of another kind, none ssh-ed25519 or ssh-rsa", skipped)
	}
	return recipients, skipped, nil
}
