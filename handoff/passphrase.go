package handoff

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"filippo.io/age"
)

// minPassphrase is the fewest characters a passphrase may have. The sealed token may lie in a
// mailbox, where guesses cost nothing but time; scrypt makes each cost about a second.
const minPassphrase = 8

// maxWorkFactor bounds the scrypt work that a received file can ask for: 2^20 is four times
// what [PassphraseRecipient] uses, a few seconds and 1 GiB. (age's own bound is 4 GiB.)
const maxWorkFactor = 20

// PassphraseRecipient seals under a passphrase of at least eight characters (age's scrypt
// recipient, which takes about a second and 256 MiB). It is the only recipient of its token.
func PassphraseRecipient(passphrase []byte) (age.Recipient, error) {
	if n := utf8.RuneCount(passphrase); n < minPassphrase {
		return nil, fmt.Errorf("the passphrase has %d characters: use at least %d", n, minPassphrase)
	}
	r, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, errors.New("the passphrase cannot be used")
	}
	return r, nil
}

// PassphraseIdentity opens a token that was sealed under a passphrase. It asks for it only when
// it meets such a token, and once. A wrong one gives [ErrWrongPassphrase]; an error of ask is
// returned as it is.
func PassphraseIdentity(ask func() ([]byte, error)) age.Identity {
	return &passphraseIdentity{ask: ask}
}

type passphraseIdentity struct {
	ask   func() ([]byte, error)
	inner *age.ScryptIdentity
}

// Unwrap implements age.Identity.
func (i *passphraseIdentity) Unwrap(stanzas []*age.Stanza) ([]byte, error) {
	// A passphrase beside another recipient is forged; age says so when it is asked.
	if len(stanzas) != 1 || stanzas[0].Type != "scrypt" {
		return nil, age.ErrIncorrectIdentity
	}
	if i.inner == nil {
		passphrase, err := i.ask()
		if err != nil {
			return nil, keyError{err}
		}
		inner, err := age.NewScryptIdentity(string(passphrase))
		if err != nil {
			return nil, keyError{fmt.Errorf("%w: it is empty", ErrWrongPassphrase)}
		}
		inner.SetMaxWorkFactor(maxWorkFactor)
		i.inner = inner
	}
	key, err := i.inner.Unwrap(stanzas)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, keyError{ErrWrongPassphrase}
	}
	return key, err
}
