package handoff_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/sts-helper/sts-helper/handoff"
)

func FuzzOpen(f *testing.F) {
	key := newKey(f)
	text := seal(f, small(), key.Recipient())
	f.Add([]byte(text))
	f.Add([]byte(text[:len(text)/2]))
	f.Add([]byte("Hello\n\n" + text + "\nbye"))
	f.Add([]byte(begin + end))
	f.Add([]byte(sealRaw(f, "{}", key.Recipient())))
	f.Add([]byte(sealRaw(f, "x", forged{{Type: "scrypt", Args: []string{"AAAAAAAAAAAAAAAAAAAAAA", "1"}, Body: make([]byte, 32)}})))
	// The passphrase is refused: a fuzzer finds scrypt work factors that take seconds.
	refuse := func() ([]byte, error) { return nil, errors.New("no passphrase") }
	ids := []age.Identity{key, handoff.PassphraseIdentity(refuse)}
	for _, p := range []pair{edPair(), rsaPair()} {
		ids = append(ids, identities(f, p.open, nil)...)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := handoff.Open(bytes.NewReader(in), ids...)
		if err != nil {
			noToken(t, b, err)
			return
		}
		// Only what was sealed opens, and sealing is not something a fuzzer does.
		if !strings.Contains(strings.Join(strings.Fields(string(in)), ""), strings.Join(strings.Fields(text), "")) {
			t.Errorf("%q opens", in)
		}
	})
}

func FuzzPayload(f *testing.F) {
	good := plain(f, bundle())
	f.Add([]byte(good))
	f.Add([]byte(plain(f, small())))
	f.Add([]byte(strings.ReplaceAll(good, ",", ", ")))
	f.Add([]byte(strings.Replace(good, `"Version":1`, `"Version":2`, 1)))
	f.Add([]byte(strings.Replace(good, `"Issued"`, `"issued":"","Issued"`, 1)))
	f.Add([]byte(`{"Type":"sts-helper-grant","Version":1}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := handoff.OpenPlain(bytes.NewReader(in))
		if err != nil {
			noToken(t, b, err)
			return
		}
		// What is taken is exactly what would be written.
		var compact bytes.Buffer
		if err := json.Compact(&compact, in); err != nil || compact.String()+"\n" != plain(t, b) {
			t.Errorf("%q is taken and written as %q", in, plain(t, b))
		}
		again, err := handoff.OpenPlain(strings.NewReader(plain(t, b)))
		if err != nil || !reflect.DeepEqual(again, b) {
			t.Errorf("second reading: %v, %v", again, err)
		}
		if err := b.Token.Validate(); err != nil {
			t.Errorf("taken and not valid: %v", err)
		}
	})
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("age1x CANARY"))
	f.Add([]byte(edPair().public))
	f.Add(edPair().open)
	f.Add(edPair().locked)
	f.Add(rsaPair().legacy)
	f.Add([]byte(newKey(f).String()))
	f.Add(sealFile(f, "CANARY", true))
	f.Fuzz(func(t *testing.T, in []byte) {
		if to, err := handoff.ParseRecipients(string(in)); err == nil && len(to) == 0 {
			t.Error("no recipients and no error")
		}
		if to, skipped, err := handoff.ParseGitHubKeys(bytes.NewReader(in)); err == nil && len(to) == 0 || skipped < 0 {
			t.Error("no recipients and no error")
		}
		ids, err := handoff.ParseIdentities(in, say(passphrase))
		if err == nil && len(ids) == 0 {
			t.Error("no identities and no error")
		}
		if err != nil && strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("error %q", err)
		}
	})
}
