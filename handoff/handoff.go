// Package handoff hands a token to another user: sealed with age for their key or under a
// passphrase, as text that can be mailed or pasted, and opened by them.
//
// [Seal] and [Open] are the two ends. Keys come from [ParseRecipients], [ParseGitHubKeys] and
// [PassphraseRecipient] on one side, [ParseIdentities] and [PassphraseIdentity] on the other.
//
// Sealing keeps a token from every user but its recipient. It does not say who sealed it:
// every holder of a recipient's public key can seal something for it, and [Bundle.Issuer] is only
// what they wrote. What a recipient gets is a token to use, never a key to trust.
//
// The format is age v1 (https://age-encryption.org/v1), ASCII-armored, around one JSON
// object that is described at [SealPlain].
package handoff

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sts-helper/sts-helper/token"
)

// What can be wrong with a sealed token. Each is found with errors.Is; the text is for the
// user who was sent it.
var (
	// ErrNotSealed: there is no age armor in what was given.
	ErrNotSealed = errors.New("there is no sealed token here: it starts with " + armor.Header)
	// ErrTruncated: a part is missing.
	ErrTruncated = errors.New("the sealed token is cut short: ask for all of it, from the BEGIN line to the END line")
	// ErrTampered: it is not what was sealed.
	ErrTampered = errors.New("the sealed token was damaged or altered on its way: ask for it again")
	// ErrWrongRecipient: it is sealed for other keys, or the part that names them is damaged.
	ErrWrongRecipient = errors.New("the token is not sealed for this key")
	// ErrWrongPassphrase: the passphrase does not open the token, or one's own key.
	ErrWrongPassphrase = errors.New("the passphrase is wrong")
	// ErrUnknownVersion: the payload is of a version that this package does not read.
	ErrUnknownVersion = errors.New("the token was sealed by a newer sts-helper: update this one")
	// ErrIncomplete: what was sealed lacks a field, has one too many, or one that cannot be.
	ErrIncomplete = errors.New("what was sealed is not a complete token")
	// ErrExpired: the token has expired.
	ErrExpired = errors.New("the token has expired")
	// ErrTooLong: more than 256 KiB were given.
	ErrTooLong = errors.New("this is longer than any sealed token")
	// ErrNoRecipient: Seal was given no recipient.
	ErrNoRecipient = errors.New("no recipient for the token: name a recipient's key or a passphrase")
)

// maxInput bounds what Open and OpenPlain read, in bytes. The longest token is far below it.
const maxInput = 256 << 10

// maxLifetime is the longest life of a token: the 36 hours of GetFederationToken and
// GetSessionToken (STS API 2011-06-15), and five minutes that two clocks may differ.
const maxLifetime = 36*time.Hour + 5*time.Minute

const (
	// MaxName is the most that Issuer and For of a [Bundle] may have, in bytes.
	MaxName = 256
	// MaxNote is the most that its Note may have, in bytes.
	MaxNote = 2048
)

// Bundle is a token and what its new holder should know about it.
type Bundle struct {
	// Token is the token. Issued, Expires and the operation are set.
	Token token.Token
	// Issuer is who granted it, For is whom it is for: free text, one line, [MaxName] bytes at most.
	Issuer, For string
	// Policy is the session policy that limits the token, as JSON, for the holder to read;
	// 16 KiB at most.
	Policy string
	// Region is the AWS region to work in, if the issuer named one.
	Region string
	// Note is free text of at most [MaxNote] bytes.
	Note string
}

// String shows the bundle without the token's secrets.
func (b Bundle) String() string {
	var s strings.Builder
	s.WriteString(b.Token.String())
	if b.For != "" {
		fmt.Fprintf(&s, " for %q", b.For)
	}
	if b.Issuer != "" {
		fmt.Fprintf(&s, " from %q", b.Issuer)
	}
	return s.String()
}

// Format shows the bundle without the token's secrets.
func (b Bundle) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, b.String()) }

// LogValue shows the bundle without the token's secrets.
func (b Bundle) LogValue() slog.Value { return slog.StringValue(b.String()) }

// Seal writes b to w, sealed so that any one of the recipients can open it. The bundle is
// checked first, as [Open] will check it: what Seal writes, Open takes. A passphrase cannot
// be combined with other recipients.
func Seal(w io.Writer, b Bundle, recipients ...age.Recipient) error {
	if len(recipients) == 0 {
		return ErrNoRecipient
	}
	payload, err := encode(b, time.Now())
	if err != nil {
		return err
	}
	// All or nothing: half a sealed token on a terminal is of no use.
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	sealed, err := age.Encrypt(armored, recipients...)
	if err != nil {
		return fmt.Errorf("cannot seal the token: %w", err)
	}
	if _, err := sealed.Write(payload); err != nil {
		return fmt.Errorf("cannot seal the token: %w", err)
	}
	if err := errors.Join(sealed.Close(), armored.Close()); err != nil {
		return fmt.Errorf("cannot seal the token: %w", err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// Open reads a sealed token from r and opens it with whichever identity fits. What is
// before the BEGIN line and after the END line is passed over, as are blanks at the ends of
// lines: a token that was mailed comes with a greeting.
//
// An error means that nothing in r can be used; the Bundle is then empty. It matches one of the
// errors of this package, comes from a passphrase function, or from r.
func Open(r io.Reader, identities ...age.Identity) (Bundle, error) {
	data, err := readAll(r)
	if err != nil {
		return Bundle{}, err
	}
	block, err := findBlock(data)
	if err != nil {
		return Bundle{}, err
	}
	if len(identities) == 0 {
		return Bundle{}, fmt.Errorf("%w: no key was given", ErrWrongRecipient)
	}
	plain, err := age.Decrypt(armor.NewReader(bytes.NewReader(block)), identities...)
	if err != nil {
		return Bundle{}, explain(err, identities)
	}
	payload, err := io.ReadAll(plain)
	if err != nil {
		return Bundle{}, explain(err, identities)
	}
	return decode(payload, time.Now())
}

// SealPlain writes b to w as it is, secrets and all: one JSON object on one line, the same
// that [Seal] seals. Its Type is "sts-helper-grant" and its Version 1; the other members are
// named as STS names them. Every reader of it can use the token.
func SealPlain(w io.Writer, b Bundle) error {
	payload, err := encode(b, time.Now())
	if err != nil {
		return err
	}
	_, err = w.Write(append(payload, '\n'))
	return err
}

// OpenPlain reads what [SealPlain] wrote, with the same checks as [Open]. A sealed token is
// not taken.
func OpenPlain(r io.Reader) (Bundle, error) {
	data, err := readAll(r)
	if err != nil {
		return Bundle{}, err
	}
	if bytes.Contains(data, []byte(armor.Header)) {
		return Bundle{}, fmt.Errorf("%w: this one is sealed, and needs a key or a passphrase", ErrIncomplete)
	}
	return decode(data, time.Now())
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the token: %w", err)
	}
	if len(data) > maxInput {
		return nil, ErrTooLong
	}
	return data, nil
}
