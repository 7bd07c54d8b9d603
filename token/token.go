// Package token holds what AWS STS gives: credentials that end, and whose they are.
//
// A Token is a value. It never prints its secrets: every fmt verb and slog show the
// access key id, the operation and the end, and nothing that could be used.
package token

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

// Operation names the STS operation that gave a token, as the STS API spells it
// (API version 2011-06-15, https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html).
type Operation string

// The operations that give credentials.
const (
	GetSessionToken           Operation = "GetSessionToken"
	GetFederationToken        Operation = "GetFederationToken"
	AssumeRole                Operation = "AssumeRole"
	AssumeRoleWithWebIdentity Operation = "AssumeRoleWithWebIdentity"
	AssumeRoleWithSAML        Operation = "AssumeRoleWithSAML"
	AssumeRoot                Operation = "AssumeRoot"
	// GetScopedCredentials narrows temporary credentials: the same principal, with less power, a
	// shorter life, or both.
	GetScopedCredentials Operation = "GetScopedCredentials"
)

// GetWebIdentityToken gives no credentials but a JWT for a service outside of AWS. It is in
// SessionToken, and there is no key.
const GetWebIdentityToken Operation = "GetWebIdentityToken"

// SourceCredentials is no operation of STS: the credentials are those of a source, as it gave
// them. They may come without a known end (CanExpire is false then).
const SourceCredentials Operation = "SourceCredentials"

// Known reports whether o is one of the operations that give credentials.
func (o Operation) Known() bool {
	switch o {
	case GetSessionToken, GetFederationToken, AssumeRole, AssumeRoleWithWebIdentity, AssumeRoleWithSAML, AssumeRoot, GetScopedCredentials, GetWebIdentityToken, SourceCredentials:
		return true
	}
	return false
}

// Principal is the identity a token acts as, where STS names it: the federated user
// (ID "account:name"), the assumed role (ID "AROA...:session"), or the principal of a scoped session.
type Principal struct {
	ID  string // FederatedUserId, AssumedRoleId or ScopedSessionId, 2 to 193 characters
	ARN string // arn:PARTITION:sts::ACCOUNT:federated-user/NAME or ...:assumed-role/ROLE/SESSION; of a scoped session also a user's
}

// Token is one answer of STS.
type Token struct {
	// Operation is the STS operation that gave the token.
	Operation Operation
	// Credentials are the keys themselves. CanExpire is true and Expires is UTC in whole
	// seconds, rounded down, so that no caller uses a token for longer than AWS takes it.
	// AccountID is set where it is known and empty otherwise; it is never guessed.
	Credentials Credentials
	// Issued is when STS answered, by this machine's wall clock, UTC, whole seconds.
	Issued time.Time

	// PackedPolicySize is the percentage of the packed limit that policies and tags use,
	// nil where STS did not say. AWS refuses more than 100.
	PackedPolicySize *int32
	// SessionTokenSize is the length of the session token in bytes, and SessionTokenUtilization the same in
	// percent of the longest that AWS makes (4,096 bytes). STS says them since September 2026, and means
	// them to replace PackedPolicySize; nil where it did not
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).
	SessionTokenSize, SessionTokenUtilization *int32
	// FederatedUser is set for GetFederationToken.
	FederatedUser *Principal
	// AssumedRole is set for the AssumeRole operations.
	AssumedRole *Principal
	// ScopedSession is set for GetScopedCredentials: the principal whose session it is, which is that
	// of the credentials that it was made from.
	ScopedSession *Principal
	// ScopedPolicies is how many policies of GetScopedCredentials narrow the session, those of other
	// callers before included; nil where STS did not say. It takes 3 at most
	// (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetScopedCredentials.html).
	ScopedPolicies *int32

	// Subject, Audience and Provider are what the identity provider's assertion said, for
	// AssumeRoleWithWebIdentity and AssumeRoleWithSAML.
	Subject, Audience, Provider string
	// SourceIdentity is the source identity STS bound to the session.
	SourceIdentity string

	// Signer is who the source was when its credentials signed the request for this token, or
	// the one for the token that signed it: GetCallerIdentity's UserId and ARN, or the id of a
	// long-term key alone. nil where the source cannot become another user.
	Signer *Principal
}

// ErrIncomplete is returned by [Token.Validate] for a token without its keys or its end.
var ErrIncomplete = errors.New("incomplete token")

// Validate reports what keeps t from being a usable STS token: unknown operation, a key
// missing or with characters that no AWS key has, no session token, no end.
func (t Token) Validate() error {
	c := t.Credentials
	switch {
	case !t.Operation.Known():
		return fmt.Errorf("%w: unknown operation %q", ErrIncomplete, string(t.Operation))
	case t.Operation == GetWebIdentityToken && (c.AccessKeyID != "" || c.SecretAccessKey != ""):
		return fmt.Errorf("%w: a web identity token has no access key", ErrIncomplete)
	case t.Operation == GetWebIdentityToken && ValidSecret(c.SessionToken) && c.CanExpire && !c.Expires.IsZero():
	case t.Operation == GetWebIdentityToken:
		return fmt.Errorf("%w: the web identity token or its end is missing or malformed", ErrIncomplete)
	case !ValidAccessKeyID(c.AccessKeyID):
		return fmt.Errorf("%w: the access key id is missing or malformed", ErrIncomplete)
	case !ValidSecret(c.SecretAccessKey):
		return fmt.Errorf("%w: the secret access key is missing or malformed", ErrIncomplete)
	case !ValidSecret(c.SessionToken):
		return fmt.Errorf("%w: the session token is missing or malformed", ErrIncomplete)
	case t.Operation == SourceCredentials && !c.CanExpire:
	case !c.CanExpire || c.Expires.IsZero():
		return fmt.Errorf("%w: it does not say when it ends", ErrIncomplete)
	}
	return nil
}

// Remaining is how long t still lives by the wall clock at now; negative when it has expired.
// Monotonic readings are dropped: a machine that slept must not think a token young.
func (t Token) Remaining(now time.Time) time.Duration {
	return t.Credentials.Expires.Round(0).Sub(now.Round(0))
}

// Lifetime is the life t was given when it was issued.
func (t Token) Lifetime() time.Duration {
	return t.Credentials.Expires.Sub(t.Issued)
}

// SizePercent is how much of what AWS allows is taken, in percent: SessionTokenUtilization, or
// PackedPolicySize where STS did not say that. ok is false where it said neither.
func (t Token) SizePercent() (percent int32, ok bool) {
	for _, p := range []*int32{t.SessionTokenUtilization, t.PackedPolicySize} {
		if p != nil {
			return *p, true
		}
	}
	return 0, false
}

// Principal is the principal STS named, nil where the operation names none.
func (t Token) Principal() *Principal {
	return cmp.Or(t.ScopedSession, t.FederatedUser, t.AssumedRole)
}

// String shows the token without its secrets.
func (t Token) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", t.Operation, t.Credentials.AccessKeyID)
	if p := t.Principal(); p != nil {
		fmt.Fprintf(&b, " %s", p.ARN)
	}
	if t.Credentials.CanExpire {
		fmt.Fprintf(&b, " until %s", t.Credentials.Expires.UTC().Format(time.RFC3339))
	}
	return b.String()
}

// Format shows the token without its secrets, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// LogValue shows the token without its secrets.
func (t Token) LogValue() slog.Value { return slog.StringValue(t.String()) }

// ValidAccessKeyID reports whether s has the form of an access key id: 16 to 128
// characters A-Z 0-9 (narrower than the model's [\w]*, as every key AWS gives is).
func ValidAccessKeyID(s string) bool {
	if len(s) < 16 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// TemporaryKeyID reports whether an access key id is one of temporary credentials, which AWS STS gives: it begins with
// ASIA (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html, "Unique ID prefixes").
func TemporaryKeyID(id string) bool { return strings.HasPrefix(id, "ASIA") }

// maxSecret bounds a secret key or session token. AWS promises no maximum for session
// tokens ("typically less than 4096 bytes"); 32 KiB leaves room and still fits a record.
const maxSecret = 32 << 10

// ValidSecret reports whether s can be a secret key or a session token: not empty,
// printable ASCII without blanks or quotes, at most 32 KiB.
func ValidSecret(s string) bool {
	if s == "" || len(s) > maxSecret {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
