package token

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Credentials are what signs a request to AWS. Long-term keys of an IAM user have neither
// session token nor end. They never print their secrets.
type Credentials struct {
	AccessKeyID     string // 16 to 128 characters A-Z 0-9, see [ValidAccessKeyID]
	SecretAccessKey string
	SessionToken    string    // empty for long-term keys
	CanExpire       bool      // whether Expires says anything
	Expires         time.Time // AWS refuses the credentials from here on
	AccountID       string    // twelve digits, or empty where it is not known
}

// HasKeys reports whether both keys are there.
func (c Credentials) HasKeys() bool { return c.AccessKeyID != "" && c.SecretAccessKey != "" }

// Temporary reports whether AWS takes c for temporary credentials: by the session token, or by the id of the access key
// (see [TemporaryKeyID]), whose session token may be missing.
func (c Credentials) Temporary() bool { return c.SessionToken != "" || TemporaryKeyID(c.AccessKeyID) }

// ValidSession reports whether c have the form of temporary credentials that are whole: see [ValidAccessKeyID] and
// [ValidSecret]. Their end is not looked at.
func (c Credentials) ValidSession() bool {
	return ValidAccessKeyID(c.AccessKeyID) && ValidSecret(c.SecretAccessKey) && ValidSecret(c.SessionToken)
}

// Expired reports whether c has expired at now by the wall clock. Monotonic readings are
// dropped: a machine that slept must not think credentials young.
func (c Credentials) Expired(now time.Time) bool {
	return c.CanExpire && !c.Expires.Round(0).After(now.Round(0))
}

// String shows the credentials without their secrets.
func (c Credentials) String() string {
	if !c.CanExpire {
		return c.AccessKeyID
	}
	return c.AccessKeyID + " until " + c.Expires.UTC().Format(time.RFC3339)
}

// Format shows the credentials without their secrets, whatever the verb.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue shows the credentials without their secrets.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// errMarshal keeps secrets out of whatever encodes all it is given: a log handler, say.
var errMarshal = errors.New("credentials are never written as JSON by themselves: use the process document")

// MarshalJSON fails: package process, cache or handoff writes credentials on purpose.
func (c Credentials) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalJSON fails, see [Credentials.MarshalJSON].
func (t Token) MarshalJSON() ([]byte, error) { return nil, errMarshal }
