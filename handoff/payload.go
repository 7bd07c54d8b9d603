package handoff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

const (
	payloadType    = "sts-helper-grant"
	payloadVersion = 1
	payloadTime    = "2006-01-02T15:04:05Z" // RFC 3339, UTC, whole seconds
)

// payload is version 1 of what is sealed. It only ever has these members, each as often as it
// is here: another member is another version.
type payload struct {
	Type             string
	Version          int
	Operation        token.Operation
	AccessKeyID      string `json:"AccessKeyId"`
	SecretAccessKey  string
	SessionToken     string
	Issued           string
	Expiration       string
	AccountID        string     `json:"AccountId,omitempty"`
	PackedPolicySize *int32     `json:",omitempty"`
	FederatedUser    *principal `json:",omitempty"`
	AssumedRoleUser  *principal `json:",omitempty"`
	ScopedSession    *principal `json:",omitempty"` // with an operation that readers of before did not know
	Subject          string     `json:",omitempty"`
	Audience         string     `json:",omitempty"`
	Provider         string     `json:",omitempty"`
	SourceIdentity   string     `json:",omitempty"`
	Issuer           string     `json:",omitempty"`
	For              string     `json:",omitempty"`
	Policy           string     `json:",omitempty"`
	Region           string     `json:",omitempty"`
	Note             string     `json:",omitempty"`
}

type principal struct {
	ID  string `json:"Id"`
	ARN string `json:"Arn"`
}

func (p *principal) principal() *token.Principal { return (*token.Principal)(p) }

// encode checks b and writes its payload.
func encode(b Bundle, now time.Time) ([]byte, error) {
	b.Token.Issued = b.Token.Issued.UTC().Truncate(time.Second)
	b.Token.Credentials.Expires = b.Token.Credentials.Expires.UTC().Truncate(time.Second)
	if err := check(b, now); err != nil {
		return nil, err
	}
	t, c := b.Token, b.Token.Credentials
	return marshal(payload{
		Type: payloadType, Version: payloadVersion, Operation: t.Operation,
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		Issued: t.Issued.Format(payloadTime), Expiration: c.Expires.Format(payloadTime), AccountID: c.AccountID,
		PackedPolicySize: t.PackedPolicySize, FederatedUser: (*principal)(t.FederatedUser), AssumedRoleUser: (*principal)(t.AssumedRole),
		ScopedSession: (*principal)(t.ScopedSession),
		Subject:       t.Subject, Audience: t.Audience, Provider: t.Provider, SourceIdentity: t.SourceIdentity,
		Issuer: b.Issuer, For: b.For, Policy: b.Policy, Region: b.Region, Note: b.Note,
	}), nil
}

func marshal(p payload) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(p) // strings and numbers always encode, into memory
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// decode reads a payload. encoding/json is lenient about names that are unknown, repeated or
// in another letter case, so what was read is written again and must be the same text but
// for white space.
func decode(data []byte, now time.Time) (Bundle, error) {
	var head struct {
		Type    string
		Version json.Number
	}
	if json.Unmarshal(data, &head) != nil || head.Type != payloadType {
		return Bundle{}, fmt.Errorf("%w: it is something else", ErrIncomplete)
	}
	if head.Version != "1" {
		return Bundle{}, ErrUnknownVersion
	}
	var p payload
	if json.Unmarshal(data, &p) != nil {
		return Bundle{}, fmt.Errorf("%w: a member has the wrong type", ErrIncomplete)
	}
	var text bytes.Buffer
	if err := json.Compact(&text, data); err != nil || !bytes.Equal(text.Bytes(), marshal(p)) {
		return Bundle{}, fmt.Errorf("%w: it has members that are unknown, repeated or out of form", ErrIncomplete)
	}
	issued, errIssued := time.Parse(payloadTime, p.Issued)
	expires, errExpires := time.Parse(payloadTime, p.Expiration)
	// time.Parse is lenient too: fractions of a second pass it.
	if errIssued != nil || errExpires != nil || issued.Format(payloadTime) != p.Issued || expires.Format(payloadTime) != p.Expiration {
		return Bundle{}, fmt.Errorf("%w: its times are malformed", ErrIncomplete)
	}
	b := Bundle{
		Token: token.Token{
			Operation: p.Operation,
			Credentials: token.Credentials{
				AccessKeyID: p.AccessKeyID, SecretAccessKey: p.SecretAccessKey, SessionToken: p.SessionToken,
				CanExpire: true, Expires: expires, AccountID: p.AccountID,
			},
			Issued: issued, PackedPolicySize: p.PackedPolicySize,
			FederatedUser: p.FederatedUser.principal(), AssumedRole: p.AssumedRoleUser.principal(),
			ScopedSession: p.ScopedSession.principal(),
			Subject:       p.Subject, Audience: p.Audience, Provider: p.Provider, SourceIdentity: p.SourceIdentity,
		},
		Issuer: p.Issuer, For: p.For, Policy: p.Policy, Region: p.Region, Note: p.Note,
	}
	if err := check(b, now); err != nil {
		return Bundle{}, err
	}
	return b, nil
}

// check is what a bundle must be to be sealed or believed.
func check(b Bundle, now time.Time) error {
	t, c := b.Token, b.Token.Credentials
	if err := t.Validate(); err != nil {
		return fmt.Errorf("%w: %w", ErrIncomplete, err)
	}
	fail := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrIncomplete, fmt.Sprintf(format, args...))
	}
	if t.Operation == token.GetWebIdentityToken {
		return fail("it has no credentials, but a token for another service")
	}
	if err := checkPrincipals(t); err != "" {
		return fail("%s", err)
	}
	if n := t.PackedPolicySize; n != nil && *n < 0 {
		return fail("its packed policy size is negative")
	}
	for _, f := range []struct {
		name, text string
		most       int
		printable  func(string) bool
	}{
		{"subject", t.Subject, 2048, display.Printable}, {"audience", t.Audience, 2048, display.Printable}, {"provider", t.Provider, 2048, display.Printable},
		{"source identity", t.SourceIdentity, 64, display.Printable}, {"issuer", b.Issuer, MaxName, display.Printable}, {"recipient's name", b.For, MaxName, display.Printable},
		{"policy", b.Policy, 16 << 10, display.PrintableLines}, {"region", b.Region, 64, display.Printable}, {"note", b.Note, MaxNote, display.PrintableLines},
	} {
		switch {
		case len(f.text) > f.most:
			return fail("its %s has %d bytes, and %d are the most", f.name, len(f.text), f.most)
		case !f.printable(f.text):
			return fail("its %s has characters that cannot be shown", f.name)
		}
	}
	if b.Policy != "" && !json.Valid([]byte(b.Policy)) {
		return fail("its policy is not JSON")
	}
	if b.Region != "" && !awsname.ValidRegion(b.Region) {
		return fail("its region is not the name of a region")
	}
	switch {
	case t.Issued.IsZero():
		return fail("it does not say when it was issued")
	case !t.Issued.Before(c.Expires) || t.Lifetime() > maxLifetime:
		return fail("it claims to live for %v, and no STS token does", t.Lifetime())
	case t.Remaining(now) <= 0:
		return expired(b)
	case t.Remaining(now) > maxLifetime:
		return fail("it claims to end at %s, later than any STS token can", c.Expires.UTC().Format(payloadTime))
	}
	return nil
}

func expired(b Bundle) error {
	from := "who granted it"
	if b.Issuer != "" {
		from = b.Issuer
	}
	return fmt.Errorf("%w: it ended at %s, ask %s for another", ErrExpired, b.Token.Credentials.Expires.UTC().Format(payloadTime), from)
}

// checkPrincipals says what is wrong with whom the token names.
func checkPrincipals(t token.Token) string {
	account := t.Credentials.AccountID
	if account != "" && !token.ValidAccountID(account) {
		return "its account id is not twelve digits"
	}
	if t.FederatedUser != nil && t.Operation != token.GetFederationToken {
		return "it names a federated user, and is none"
	}
	if t.AssumedRole != nil && !strings.HasPrefix(string(t.Operation), "AssumeRole") {
		return "it names an assumed role, and is none"
	}
	if t.ScopedSession != nil && t.Operation != token.GetScopedCredentials {
		return "it names a scoped session, and is none"
	}
	p := t.Principal()
	if p == nil {
		return ""
	}
	if len(p.ID) < stsfield.MinPrincipalID || len(p.ID) > stsfield.MaxPrincipalID || !ascii(p.ID) {
		return "the id of whom it names is malformed"
	}
	owner := token.AccountFromARN(p.ARN)
	if len(p.ARN) < stsfield.MinARN || len(p.ARN) > stsfield.MaxARN || !ascii(p.ARN) || owner == "" {
		return "the ARN of whom it names is malformed"
	}
	if account != "" && account != owner {
		return "its account id is not that of whom it names"
	}
	return ""
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
