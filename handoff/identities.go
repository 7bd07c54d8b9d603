package handoff

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/armor"
	"golang.org/x/crypto/ssh"
)

// ParseIdentities reads the private keys of the user who opens a token: an age identity file
// (AGE-SECRET-KEY-..., as age-keygen writes it), the same sealed under a passphrase (age -p),
// or a private SSH key, ed25519 or RSA, with or without a passphrase.
//
// The passphrase function is called when a token is opened, only when the key is needed for it
// (an SSH key with a passphrase says so beforehand), and once a key; nil is a refusal. A wrong
// passphrase gives [ErrWrongPassphrase] then. Errors never repeat anything of the file.
func ParseIdentities(data []byte, passphrase func() ([]byte, error)) ([]age.Identity, error) {
	if len(data) > maxInput {
		return nil, errors.New("this is longer than any file of private keys")
	}
	if passphrase == nil {
		passphrase = func() ([]byte, error) {
			return nil, errors.New("the key needs a passphrase, and no prompt is possible; run this in a terminal")
		}
	}
	text := bytes.TrimLeft(data, " \t\r\n")
	switch {
	case isArmored(text), bytes.HasPrefix(text, []byte("age-encryption.org/")):
		return []age.Identity{&sealedIdentity{data: text, ask: passphrase}}, nil
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
		i, err := parseSSH(text, passphrase)
		if err != nil {
			return nil, err
		}
		return []age.Identity{i}, nil
	case bytes.HasPrefix(text, []byte("ssh-")), bytes.HasPrefix(text, []byte("age1")), bytes.HasPrefix(text, []byte("ecdsa-")):
		return nil, errors.New("this is a public key: the private one is needed to open a token")
	}
	return parseSecretKeys(data)
}

// parseSecretKeys reads an age identity file. age.ParseIdentities would do, but for errors that
// may repeat a part of a key.
func parseSecretKeys(data []byte) ([]age.Identity, error) {
	var out []age.Identity
	n := 0
	for line := range strings.SplitSeq(string(data), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if strings.HasPrefix(line, "AGE-PLUGIN-") {
			return nil, fmt.Errorf("line %d is a key of an age plugin, which sts-helper does not run", n)
		}
		ids, err := age.ParseIdentities(strings.NewReader(line))
		if err != nil {
			return nil, fmt.Errorf("line %d is not a private key: it starts with AGE-SECRET-KEY-1", n)
		}
		if out = append(out, ids...); len(out) > maxKeys {
			return nil, fmt.Errorf("more than %d private keys", maxKeys)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no private key here: give an age identity file or a private SSH key")
	}
	return out, nil
}

// sealedIdentity is an age identity file under a passphrase.
type sealedIdentity struct {
	data   []byte
	ask    func() ([]byte, error)
	opened []age.Identity
}

// Unwrap implements age.Identity.
func (i *sealedIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if i.opened == nil {
		// Identity files have no SSH keys and no passphrases, so no user is asked in vain for those.
		needed := false
		for _, s := range stanzas {
			needed = needed || s.Type != "scrypt" && s.Type != "ssh-ed25519" && s.Type != "ssh-rsa"
		}
		if !needed {
			return nil, age.ErrIncorrectIdentity
		}
		if err := i.open(); err != nil {
			return nil, keyError{err}
		}
	}
	for _, id := range i.opened {
		key, err := id.Unwrap(stanzas)
		if !errors.Is(err, age.ErrIncorrectIdentity) {
			return key, err
		}
	}
	return nil, age.ErrIncorrectIdentity
}

func (i *sealedIdentity) open() error {
	var file io.Reader = bytes.NewReader(i.data)
	if isArmored(i.data) {
		file = armor.NewReader(file)
	}
	plain, err := age.Decrypt(file, PassphraseIdentity(i.ask))
	var key keyError
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &key):
		return key.error
	case errors.As(err, &none):
		return errors.New("the identity file is sealed, but not under a passphrase: open it with age first")
	case err != nil:
		return errors.New("the identity file is damaged")
	}
	text, err := io.ReadAll(plain)
	if err != nil {
		return errors.New("the identity file is damaged")
	}
	i.opened, err = parseSecretKeys(text)
	return err
}

func parseSSH(pem []byte, ask func() ([]byte, error)) (age.Identity, error) {
	id, err := agessh.ParseIdentity(pem)
	if err == nil {
		return id, nil
	}
	unsupported := errors.New("this is not a private key that opens tokens: give an ssh-ed25519 or ssh-rsa key, or an age identity file")
	var locked *ssh.PassphraseMissingError
	if !errors.As(err, &locked) {
		return nil, unsupported
	}
	i := &lockedSSH{pem: pem, public: locked.PublicKey, ask: ask}
	if i.public != nil && i.public.Type() != ssh.KeyAlgoED25519 && i.public.Type() != ssh.KeyAlgoRSA {
		return nil, unsupported
	}
	return i, nil
}

// lockedSSH is a private SSH key under a passphrase. agessh has one too, but its errors do not
// distinguish a wrong passphrase from a damaged key.
type lockedSSH struct {
	pem    []byte
	public ssh.PublicKey // nil for keys in PEM's own form, which do not say
	ask    func() ([]byte, error)
	opened age.Identity
}

// Unwrap implements age.Identity.
func (i *lockedSSH) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	if i.opened == nil {
		if !i.needed(stanzas) {
			return nil, age.ErrIncorrectIdentity
		}
		if err := i.open(); err != nil {
			return nil, keyError{err}
		}
	}
	return i.opened.Unwrap(stanzas)
}

// needed reports whether one of the stanzas is for this key. agessh can decide that, and
// says it by asking for a passphrase.
func (i *lockedSSH) needed(stanzas []*age.Stanza) bool {
	if i.public == nil {
		return slices.ContainsFunc(stanzas, func(s *age.Stanza) bool { return s.Type == ssh.KeyAlgoRSA })
	}
	asked := false
	probe, err := agessh.NewEncryptedSSHIdentity(i.public, i.pem, func() ([]byte, error) {
		asked = true
		return nil, errors.New("only a question")
	})
	if err == nil {
		_, _ = probe.Unwrap(stanzas)
	}
	return asked
}

func (i *lockedSSH) open() error {
	passphrase, err := i.ask()
	if err != nil {
		return err
	}
	raw, err := ssh.ParseRawPrivateKeyWithPassphrase(i.pem, passphrase)
	if err != nil {
		// A wrong passphrase shows as x509.IncorrectPasswordError mostly, and as a key that
		// makes no sense where the padding happened to fit; the file itself was read before.
		return fmt.Errorf("%w for the SSH key", ErrWrongPassphrase)
	}
	switch k := raw.(type) {
	case *ed25519.PrivateKey:
		i.opened, err = agessh.NewEd25519Identity(*k)
	case ed25519.PrivateKey:
		i.opened, err = agessh.NewEd25519Identity(k)
	case *rsa.PrivateKey:
		i.opened, err = agessh.NewRSAIdentity(k)
	default:
		return errors.New("age cannot use this kind of SSH key: give an ssh-ed25519 or ssh-rsa key")
	}
	if err != nil {
		i.opened = nil
		return errors.New("the SSH key is damaged")
	}
	return nil
}
