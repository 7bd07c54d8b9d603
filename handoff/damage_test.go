package handoff_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sts-helper/sts-helper/handoff"
)

// sealedFor is the least bundle under a key and under a passphrase that costs nothing.
func sealedFor(t testing.TB) map[string]struct {
	text string
	id   age.Identity
} {
	key := newKey(t)
	scrypt, err := age.NewScryptRecipient("CANARY passphrase")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	ask := func() ([]byte, error) { return []byte("CANARY passphrase"), nil }
	return map[string]struct {
		text string
		id   age.Identity
	}{
		"key":        {seal(t, small(), key.Recipient()), key},
		"passphrase": {seal(t, small(), scrypt), handoff.PassphraseIdentity(ask)},
	}
}

func TestCutAtEveryByte(t *testing.T) {
	for name, s := range sealedFor(t) {
		t.Run(name, func(t *testing.T) {
			// Without its last line end it is still whole.
			for n := range len(s.text) - 1 {
				want := handoff.ErrTruncated
				if n < len("-----") {
					want = handoff.ErrNotSealed
				}
				mustFail(t, s.text[:n], want, s.id)
			}
			for n := 1; n < len(s.text); n++ {
				err := mustFail(t, s.text[n:], nil, s.id)
				if !errors.Is(err, handoff.ErrTruncated) && !errors.Is(err, handoff.ErrTampered) && !(errors.Is(err, handoff.ErrNotSealed) && len(s.text)-n < len(end)) {
					t.Errorf("without its first %d bytes: %v", n, err)
				}
			}
		})
	}
}

// The same cuts inside the armor, as a program makes them that writes the armor anew.
func TestCutInsideTheArmor(t *testing.T) {
	for name, s := range sealedFor(t) {
		t.Run(name, func(t *testing.T) {
			raw, err := io.ReadAll(armor.NewReader(strings.NewReader(s.text)))
			if err != nil {
				t.Fatal(err)
			}
			cutShort := 0
			for n := range len(raw) {
				var out bytes.Buffer
				w := armor.NewWriter(&out)
				_, _ = w.Write(raw[:n])
				_ = w.Close()
				if err := mustFail(t, out.String(), nil, s.id); errors.Is(err, handoff.ErrTruncated) {
					cutShort++
				} else if !errors.Is(err, handoff.ErrTampered) {
					t.Errorf("%d bytes: %v", n, err)
				}
			}
			// age tells a cut in what it reads line by line; in the ciphertext it cannot.
			if cutShort < 50 {
				t.Errorf("only %d of %d cuts are told from damage", cutShort, len(raw))
			}
		})
	}
}

func TestEveryBitFlipped(t *testing.T) {
	bits := 8
	if testing.Short() {
		bits = 1 // of each byte
	}
	for name, s := range sealedFor(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := io.ReadAll(armor.NewReader(strings.NewReader(s.text)))
			if err != nil {
				t.Fatal(err)
			}
			// From the nonce on, all is ciphertext: 16 bytes after the header's last line.
			mac := bytes.Index(raw, []byte("\n--- ")) + 1
			ciphertext := mac + bytes.IndexByte(raw[mac:], '\n') + 1
			for i := range len(s.text) {
				for bit := range bits {
					bit = (bit + i) % 8
					in := []byte(s.text)
					in[i] ^= 1 << bit
					known(t, mustFail(t, string(in), nil, s.id), i)
				}
			}
			for i := range raw {
				in := bytes.Clone(raw)
				in[i] ^= 1 << (i % 8)
				var out bytes.Buffer
				w := armor.NewWriter(&out)
				_, _ = w.Write(in)
				_ = w.Close()
				err := mustFail(t, out.String(), nil, s.id)
				known(t, err, i)
				if i >= ciphertext && !errors.Is(err, handoff.ErrTampered) {
					t.Errorf("ciphertext byte %d: %v", i, err)
				}
			}
		})
	}
}

// known fails for an error that says nothing to the user.
func known(t *testing.T, err error, at int) {
	t.Helper()
	for _, want := range []error{handoff.ErrTampered, handoff.ErrTruncated, handoff.ErrWrongRecipient, handoff.ErrNotSealed, handoff.ErrWrongPassphrase} {
		if errors.Is(err, want) {
			return
		}
	}
	t.Errorf("byte %d: an error of no kind: %v", at, err)
}

func TestLinesLostRepeatedOrSwapped(t *testing.T) {
	key := newKey(t)
	text := seal(t, bundle(), key.Recipient())
	lines := strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n")
	lines[len(lines)-1] += "\n"
	join := func(parts ...[]string) string {
		var all []string
		for _, p := range parts {
			all = append(all, p...)
		}
		return strings.Join(all, "")
	}
	for i := range lines {
		known(t, mustFail(t, join(lines[:i], lines[i+1:]), nil, key), i)
		if i > 0 && i < len(lines)-2 {
			known(t, mustFail(t, join(lines[:i+1], lines[i:]), handoff.ErrTampered, key), i)
			known(t, mustFail(t, join(lines[:i], lines[i+1:i+2], lines[i:i+1], lines[i+2:]), nil, key), i)
		}
	}
	// The same bytes in another armor are not what was sealed either.
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(join(lines[1:len(lines)-1]), "\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, begin+base64.StdEncoding.EncodeToString(raw)+"\n"+end, handoff.ErrTampered, key)
	mustFail(t, begin+base64.StdEncoding.EncodeToString(append(raw, 0))+"\n"+end, handoff.ErrTampered, key)
}
