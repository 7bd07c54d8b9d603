package handoff_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"

	"github.com/sts-helper/sts-helper/handoff"
)

const passphrase = "CANARY passphrase"

func say(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }

// never is for keys that must not be asked about.
func never(t testing.TB) func() ([]byte, error) {
	return func() ([]byte, error) {
		t.Error("asked for a passphrase that is not needed")
		return nil, errors.New("asked in vain")
	}
}

// pair is an SSH key in its spellings.
type pair struct {
	public               string // authorized_keys line
	open, locked, legacy []byte
}

// sshPair is made once a kind: RSA keys take a while.
var (
	edPair  = sync.OnceValue(func() pair { _, k, _ := ed25519.GenerateKey(rand.Reader); return newPair(k) })
	rsaPair = sync.OnceValue(func() pair { k, _ := rsa.GenerateKey(rand.Reader, 2048); return newPair(k) })
	ecPair  = sync.OnceValue(func() pair { k, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); return newPair(k) })
)

func newPair(k crypto.Signer) pair {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	pub, err := ssh.NewPublicKey(k.Public())
	must(err)
	open, err := ssh.MarshalPrivateKey(k, "CANARY comment")
	must(err)
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(k, "CANARY comment", []byte(passphrase))
	must(err)
	p := pair{public: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(pub))), open: pem.EncodeToMemory(open), locked: pem.EncodeToMemory(locked)}
	if r, ok := k.(*rsa.PrivateKey); ok {
		//lint:ignore SA1019 keys of this form exist, and a test needs one
		block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r), []byte(passphrase), x509.PEMCipherAES256)
		must(err)
		p.legacy = pem.EncodeToMemory(block)
	}
	return p
}

func identities(t testing.TB, data []byte, ask func() ([]byte, error)) []age.Identity {
	t.Helper()
	ids, err := handoff.ParseIdentities(data, ask)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func opens(t *testing.T, want handoff.Bundle, text string, ids ...age.Identity) {
	t.Helper()
	if got, err := handoff.Open(strings.NewReader(text), ids...); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestEveryKindOfKey(t *testing.T) {
	want := small()
	x := newKey(t)
	pq, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, public    string
		private         []byte
		asksForIdentity bool
	}{
		{"age", "# Bob\n" + x.Recipient().String() + "\n", []byte("# created\n# public key: x\n" + x.String() + "\r\n"), false},
		{"age, post-quantum", pq.Recipient().String(), []byte(pq.String()), false},
		{"age under a passphrase", x.Recipient().String(), sealFile(t, x.String(), true), true},
		{"age under a passphrase, not armored", x.Recipient().String(), sealFile(t, x.String(), false), true},
		{"ssh-ed25519", edPair().public + " bob@example.org", edPair().open, false},
		{"ssh-ed25519 under a passphrase", edPair().public, edPair().locked, true},
		{"ssh-rsa", rsaPair().public, rsaPair().open, false},
		{"ssh-rsa under a passphrase", rsaPair().public, rsaPair().locked, true},
		{"ssh-rsa under a passphrase, in PEM's own form", rsaPair().public, rsaPair().legacy, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			to, err := handoff.ParseRecipients(tt.public)
			if err != nil || len(to) != 1 {
				t.Fatal(to, err)
			}
			text := seal(t, want, to...)
			asked := 0
			ids := identities(t, tt.private, func() ([]byte, error) { asked++; return []byte(passphrase), nil })
			opens(t, want, text, ids...)
			opens(t, want, text, ids...)
			if expect := map[bool]int{true: 1}[tt.asksForIdentity]; asked != expect {
				t.Errorf("asked %d times for two tokens, want %d", asked, expect)
			}
			if !tt.asksForIdentity {
				return
			}
			mustFail(t, text, handoff.ErrWrongPassphrase, identities(t, tt.private, say("CANARY wrong"))...)
			cancelled := errors.New("the user went away")
			mustFail(t, text, cancelled, identities(t, tt.private, func() ([]byte, error) { return nil, cancelled })...)
			if err := mustFail(t, text, nil, identities(t, tt.private, nil)...); !strings.Contains(err.Error(), "no prompt is possible") {
				t.Errorf("without a way to ask: %v", err)
			}
		})
	}
}

// sealFile is an age identity file under the passphrase.
func sealFile(t testing.TB, text string, armored bool) []byte {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(1)
	return sealFor(t, text, armored, r)
}

func sealFor(t testing.TB, text string, armored bool, to age.Recipient) []byte {
	t.Helper()
	if armored {
		return []byte(sealRaw(t, text, to))
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// No user is asked for the passphrase of a key that the token is not sealed for.
func TestNotAskedInVain(t *testing.T) {
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	other := newPair(stranger)
	ed := seal(t, small(), recipients(t, edPair().public)...)
	x := seal(t, small(), newKey(t).Recipient())
	mustFail(t, ed, handoff.ErrWrongRecipient, identities(t, other.locked, never(t))...)
	mustFail(t, ed, handoff.ErrWrongRecipient, identities(t, rsaPair().locked, never(t))...)
	mustFail(t, ed, handoff.ErrWrongRecipient, identities(t, rsaPair().legacy, never(t))...)
	mustFail(t, ed, handoff.ErrWrongRecipient, identities(t, sealFile(t, "x", true), never(t))...)
	mustFail(t, x, handoff.ErrWrongRecipient, identities(t, edPair().locked, never(t))...)
	mustFail(t, x, handoff.ErrWrongRecipient, handoff.PassphraseIdentity(never(t)))
	err := mustFail(t, ed, handoff.ErrWrongRecipient, newKey(t))
	if !strings.Contains(err.Error(), "kind ssh-ed25519") {
		t.Errorf("does not say which kind of key: %v", err)
	}
	mustFail(t, ed, handoff.ErrWrongRecipient, identities(t, other.open, nil)...)
}

func recipients(t testing.TB, s string) []age.Recipient {
	t.Helper()
	r, err := handoff.ParseRecipients(s)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPassphrase(t *testing.T) {
	want := small()
	for _, short := range []string{"", "CANARY7"} {
		if _, err := handoff.PassphraseRecipient([]byte(short)); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", short, err)
		}
	}
	if _, err := handoff.PassphraseRecipient([]byte("élèves88")); err != nil {
		t.Errorf("eight characters: %v", err)
	}
	r, err := handoff.PassphraseRecipient([]byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	// About a second of work for each guess, which is slow to do even once in a test.
	if testing.Short() {
	} else if stanzas, err := r.Wrap(make([]byte, 16)); err != nil || len(stanzas) != 1 || stanzas[0].Type != "scrypt" || stanzas[0].Args[1] != "18" {
		t.Errorf("stanzas %v, %v", stanzas, err)
	}
	scrypt, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	text := seal(t, want, scrypt)
	asked := 0
	id := handoff.PassphraseIdentity(func() ([]byte, error) { asked++; return []byte(passphrase), nil })
	opens(t, want, text, newKey(t), id)
	opens(t, want, text, id)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	mustFail(t, text, handoff.ErrWrongPassphrase, handoff.PassphraseIdentity(say("CANARY wrong")))
	mustFail(t, text, handoff.ErrWrongPassphrase, handoff.PassphraseIdentity(say("")))
	cancelled := errors.New("the user went away")
	mustFail(t, text, cancelled, handoff.PassphraseIdentity(func() ([]byte, error) { return nil, cancelled }))
	if err := mustFail(t, text, handoff.ErrWrongRecipient, newKey(t)); !strings.Contains(err.Error(), "opens with a passphrase") {
		t.Errorf("a key for a passphrase: %v", err)
	}
	own, err := age.NewScryptIdentity("CANARY wrong")
	if err != nil {
		t.Fatal(err)
	}
	mustFail(t, text, handoff.ErrWrongPassphrase, own)
}

// A stranger's file cannot ask for more work than a few seconds, nor hide a second recipient
// behind a passphrase.
func TestForgedPassphraseStanzas(t *testing.T) {
	forge := func(stanzas ...*age.Stanza) string { return sealRaw(t, "x", forged(stanzas)) }
	heavy := &age.Stanza{Type: "scrypt", Args: []string{"AAAAAAAAAAAAAAAAAAAAAA", "21"}, Body: make([]byte, 32)}
	mustFail(t, forge(heavy), handoff.ErrTampered, handoff.PassphraseIdentity(say(passphrase)))
	heavy.Args[1] = "1"
	mustFail(t, forge(heavy), handoff.ErrWrongPassphrase, handoff.PassphraseIdentity(say(passphrase)))
	other := &age.Stanza{Type: "X\x1b", Args: nil, Body: make([]byte, 32)}
	other.Type = "CANARY-kind"
	mustFail(t, forge(heavy, other), handoff.ErrWrongRecipient, handoff.PassphraseIdentity(never(t)))
	mustFail(t, forge(other), handoff.ErrWrongRecipient, newKey(t))
	// An empty, or strange, recipient's part for a key of ours is no crash either.
	for _, args := range [][]string{nil, {"AAAA"}, {"AAAA", "AAAA"}, {"AAAA", "AAAA", "AAAA"}} {
		for _, kind := range []string{"X25519", "ssh-ed25519", "ssh-rsa", "mlkem768x25519", "scrypt"} {
			ids := append(identities(t, edPair().open, nil), newKey(t))
			ids = append(ids, identities(t, rsaPair().open, nil)...)
			ids = append(ids, identities(t, edPair().locked, say(passphrase))...)
			ids = append(ids, handoff.PassphraseIdentity(say(passphrase)))
			mustFail(t, forge(&age.Stanza{Type: kind, Args: args, Body: []byte{1}}), nil, ids...)
		}
	}
}

// forged writes stanzas that open nothing.
type forged []*age.Stanza

func (f forged) Wrap([]byte) ([]*age.Stanza, error) { return f, nil }

func TestParseRecipientsErrors(t *testing.T) {
	key := newKey(t)
	for name, tt := range map[string][2]string{
		"empty":             {"\n# only a comment\n", "no recipient's key"},
		"a name":            {"CANARY", "not a recipient's key"},
		"private age key":   {"AGE-SECRET-KEY-1CANARY", "this is a private key"},
		"private SSH key":   {"-----BEGIN OPENSSH PRIVATE KEY-----\nCANARY", "line 1: this is a private key"},
		"plugin identity":   {"AGE-PLUGIN-YUBIKEY-1CANARY", "this is a private key"},
		"cut age key":       {key.Recipient().String()[:40], "malformed"},
		"plugin recipient":  {"age1yubikey1qgvfl4ltwvpf4f9yfd7tlhsv5fw6j3zmt8k5a0ca6p7d8c5hn0mevynqc8k", "age plugin"},
		"post-quantum, cut": {"age1pq1canary", "malformed"},
		"cut ed25519":       {edPair().public[:50], "malformed or too short"},
		"ecdsa":             {ecPair().public, "cannot seal for this kind of SSH key"},
		"second line":       {key.Recipient().String() + "\n\nCANARY", "line 3: "},
		"a URL":             {"https://github.com/CANARY.keys", "not a recipient's key"},
		"too many":          {strings.Repeat(key.Recipient().String()+"\n", 101), "more than 100"},
	} {
		r, err := handoff.ParseRecipients(tt[0])
		if err == nil || r != nil || !strings.Contains(err.Error(), tt[1]) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r := recipients(t, strings.Repeat(key.Recipient().String()+"\n", 100)); len(r) != 100 {
		t.Errorf("%d recipients", len(r))
	}
}

func TestParseGitHubKeys(t *testing.T) {
	small1024, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := newPair(small1024).public
	sk := "sk-ssh-ed25519@openssh.com " + strings.Fields(ecPair().public)[1]
	got, skipped, err := handoff.ParseGitHubKeys(strings.NewReader(ecPair().public + "\n" + edPair().public + "\r\n\n" + sk + "\n" + rsaPair().public + "\n" + short))
	if err != nil || len(got) != 2 || skipped != 3 {
		t.Fatalf("%d keys, %d skipped, %v", len(got), skipped, err)
	}
	want := small()
	text := seal(t, want, got...)
	opens(t, want, text, identities(t, edPair().open, nil)...)
	opens(t, want, text, identities(t, rsaPair().open, nil)...)
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":        {"", "0 of another kind"},
		"no usable key":  {ecPair().public + "\n" + sk, "2 of another kind"},
		"not found":      {"Not Found", "line 1 is not a public SSH key"},
		"a page":         {edPair().public + "\n<!DOCTYPE html>", "line 2 is not a public SSH key"},
		"a private key":  {string(edPair().open), "line 1 is not a public SSH key"},
		"a cut key":      {edPair().public[:50], "line 1 is not a public SSH key"},
		"an age key":     {newKey(t).Recipient().String(), "line 1 is not a public SSH key"},
		"too many keys":  {strings.Repeat(edPair().public+"\n", 101), "longer"},
		"too many bytes": {strings.Repeat(ecPair().public+"\n", 2000), "longer"},
		"one long line":  {strings.Repeat("CANARY", 10000), "cannot read"},
	} {
		r, _, err := handoff.ParseGitHubKeys(strings.NewReader(tt.in))
		if err == nil || r != nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseIdentitiesErrors(t *testing.T) {
	key := newKey(t)
	for name, tt := range map[string]struct {
		in   []byte
		want string
	}{
		"empty":             {nil, "no private key here"},
		"text":              {[]byte("CANARY"), "line 1 is not a private key"},
		"public age key":    {[]byte(key.Recipient().String()), "this is a public key"},
		"public SSH key":    {[]byte(edPair().public), "this is a public key"},
		"public ecdsa key":  {[]byte(ecPair().public), "this is a public key"},
		"plugin":            {[]byte("# x\nAGE-PLUGIN-YUBIKEY-1CANARY"), "line 2 is a key of an age plugin"},
		"damaged age key":   {[]byte(key.String()[:60] + "CANARY"), "line 1 is not a private key"},
		"ecdsa":             {ecPair().open, "not a private key that opens tokens"},
		"locked ecdsa":      {ecPair().locked, "not a private key that opens tokens"},
		"a certificate":     {[]byte("-----BEGIN CERTIFICATE-----\nCANARY\n-----END CERTIFICATE-----\n"), "not a private key that opens tokens"},
		"cut SSH key":       {edPair().open[:100], "not a private key that opens tokens"},
		"too long":          {bytes.Repeat([]byte("#"), 256<<10+1), "longer"},
		"too many":          {[]byte(strings.Repeat(key.String()+"\n", 101)), "more than 100"},
		"second line wrong": {[]byte(key.String() + "\nCANARY"), "line 2 is not a private key"},
	} {
		ids, err := handoff.ParseIdentities(tt.in, never(t))
		if err == nil || ids != nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// These show only when the file is opened.
	text := seal(t, small(), key.Recipient())
	sealed := sealFile(t, key.String(), true)
	for name, tt := range map[string]struct {
		in   []byte
		want string
	}{
		"sealed for a key":    {sealFor(t, key.String(), false, key.Recipient()), "not under a passphrase"},
		"cut":                 {sealed[:len(sealed)-80], "the identity file is damaged"},
		"cut in its text":     {sealFile(t, key.String(), false)[:180], "the identity file is damaged"},
		"no keys in it":       {sealFile(t, "# nothing\n", true), "no private key here"},
		"text in it":          {sealFile(t, "CANARY", true), "line 1 is not a private key"},
		"another key in it":   {sealFile(t, newKey(t).String(), true), handoff.ErrWrongRecipient.Error()},
		"only an armor start": {[]byte(armor.Header), "the identity file is damaged"},
	} {
		err := mustFail(t, text, nil, identities(t, tt.in, say(passphrase))...)
		if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
