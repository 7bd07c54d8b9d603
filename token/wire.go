package token

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDocument bounds a document that [Parse] reads, in bytes. The longest session token that
// a Token may have is half of it.
const maxDocument = 64 << 10

// ErrMalformed is returned by [Parse] for what is not a token document at all: not JSON, not
// an object, too long, or at odds with itself. A document that only lacks something gives
// [ErrIncomplete].
var ErrMalformed = errors.New("not a token document")

// Parse reads a token in any of the spellings in which credentials travel:
//
//   - the credential_process document: Version 1, SessionToken
//     (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html);
//   - an STS answer as JSON, as the AWS CLI prints it: Credentials, with AssumedRoleUser or
//     FederatedUser and PackedPolicySize beside them;
//   - the instance metadata document: Code, Token, LastUpdated
//     (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html);
//   - the container document: Token, RoleArn
//     (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html).
//
// The operation follows from what the document names: a federated user, an assumed role or a
// RoleArn, with the web identity or SAML variant where their own fields are there; else
// GetSessionToken. Members it does not know are passed over; null and "" are absent. Names
// count letter by letter, a member may not stand twice, two members may not say different
// things, and nothing may follow the object. Expires is cut to whole seconds UTC. Issued is
// LastUpdated where the document has it, and zero elsewhere: who has just received the answer
// sets it. AccountID comes from AccountId or from an ARN in the document.
//
// The token passes [Token.Validate]. Errors match [ErrMalformed] or [ErrIncomplete] and never
// contain anything of the document but the names of its members.
func Parse(data []byte) (Token, error) {
	top, err := members(data)
	if err != nil {
		return Token{}, err
	}
	return newDocument(top).token()
}

// document reads members and keeps the first thing that is wrong, so that the reading itself
// can be told in one piece.
type document struct {
	top map[string]json.RawMessage
	err error
}

func newDocument(top map[string]json.RawMessage) *document { return &document{top: top} }

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

func (d *document) fail(format string, args ...any) {
	if d.err == nil {
		d.err = malformed(format, args...)
	}
}

func (d *document) token() (Token, error) {
	d.versionAndCode()
	keys := d.object(d.top, "Credentials")
	if keys == nil {
		keys = d.top
	} else {
		for _, name := range []string{"AccessKeyId", "SecretAccessKey", "SessionToken", "Token", "Expiration"} {
			if d.text(d.top, name) != "" {
				d.fail("%s stands beside Credentials as well as inside", name)
			}
		}
	}
	var t Token
	c := &t.Credentials
	c.AccessKeyID = d.text(keys, "AccessKeyId")
	c.SecretAccessKey = d.text(keys, "SecretAccessKey")
	c.SessionToken = d.agree("SessionToken", d.text(keys, "SessionToken"), "Token", d.text(keys, "Token"))
	c.Expires = d.time(keys, "Expiration")
	c.CanExpire = !c.Expires.IsZero()
	t.FederatedUser = d.principal("FederatedUser", "FederatedUserId")
	t.AssumedRole = d.principal("AssumedRoleUser", "AssumedRoleId")
	role := d.text(d.top, "RoleArn")
	t.PackedPolicySize = d.percent("PackedPolicySize")
	t.Provider, t.Audience = d.text(d.top, "Provider"), d.text(d.top, "Audience")
	t.SourceIdentity = d.text(d.top, "SourceIdentity")
	web, saml := d.text(d.top, "SubjectFromWebIdentityToken"), d.text(d.top, "Subject")
	t.Subject = d.agree("SubjectFromWebIdentityToken", web, "Subject", saml)
	c.AccountID = d.account(keys, t, role)
	// A machine whose clock was set back may have written it after the end; then it says nothing.
	if at := d.time(d.top, "LastUpdated"); at.Before(c.Expires) {
		t.Issued = at
	}

	switch {
	case t.FederatedUser != nil && (t.AssumedRole != nil || role != ""):
		d.fail("it names a federated user and a role")
	case t.FederatedUser != nil:
		t.Operation = GetFederationToken
	case t.AssumedRole == nil && role == "":
		t.Operation = GetSessionToken
	case web != "":
		t.Operation = AssumeRoleWithWebIdentity
	case saml != "" && (d.text(d.top, "SubjectType") != "" || d.text(d.top, "NameQualifier") != ""):
		t.Operation = AssumeRoleWithSAML
	default:
		t.Operation = AssumeRole
	}
	if d.err != nil {
		return Token{}, d.err
	}
	if err := t.Validate(); err != nil {
		return Token{}, err
	}
	return t, nil
}

// versionAndCode refuses a process document of another version, and a metadata document that
// says it has no credentials.
func (d *document) versionAndCode() {
	if raw, ok := d.top["Version"]; ok && string(raw) != "1" {
		d.fail("Version is not the number 1")
	}
	if code := d.text(d.top, "Code"); code != "" && code != "Success" {
		d.fail("its Code is not Success, so it has no credentials")
	}
}

// agree is what two spellings of one thing say.
func (d *document) agree(nameA, a, nameB, b string) string {
	if a != "" && b != "" && a != b {
		d.fail("%s and %s say different things", nameA, nameB)
	}
	if a != "" {
		return a
	}
	return b
}

// account is the account that the document names, by itself or in an ARN.
func (d *document) account(keys map[string]json.RawMessage, t Token, role string) string {
	account := d.agree("AccountId", d.text(d.top, "AccountId"), "Credentials.AccountId", d.text(keys, "AccountId"))
	if account != "" && !ValidAccountID(account) {
		d.fail("AccountId is not twelve digits")
	}
	if role != "" && AccountFromARN(role) == "" {
		d.fail("RoleArn is not the ARN of a role")
	}
	account = d.agree("AccountId", account, "RoleArn", AccountFromARN(role))
	if p := t.Principal(); p != nil {
		account = d.agree("AccountId or RoleArn", account, "the user's ARN", AccountFromARN(p.ARN))
	}
	return account
}

// principal reads a FederatedUser or AssumedRoleUser (STS API 2011-06-15: the id has 2 to 193
// characters, the ARN 20 to 2,048).
func (d *document) principal(name, id string) *Principal {
	o := d.object(d.top, name)
	if o == nil {
		return nil
	}
	p := Principal{ID: d.text(o, id), ARN: d.text(o, "Arn")}
	if n := len(p.ID); n < 2 || n > 193 || !printable(p.ID) {
		d.fail("%s.%s is missing or malformed", name, id)
	}
	if n := len(p.ARN); n < 20 || n > 2048 || !printable(p.ARN) || AccountFromARN(p.ARN) == "" {
		d.fail("%s.Arn is missing or malformed", name)
	}
	return &p
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func (d *document) percent(name string) *int32 {
	raw, ok := d.top[name]
	if !ok || string(raw) == "null" {
		return nil
	}
	var n int64
	if json.Unmarshal(raw, &n) != nil || n < 0 || n > math.MaxInt32 {
		d.fail("%s is not a percentage", name)
		return nil
	}
	size := int32(n)
	return &size
}

// text is a member that is a string.
func (d *document) text(in map[string]json.RawMessage, name string) (s string) {
	raw, ok := in[name]
	if !ok || string(raw) == "null" {
		return ""
	}
	if json.Unmarshal(raw, &s) != nil {
		d.fail("%s is not a string", name)
	}
	// Half of a surrogate pair is replaced without a word.
	if strings.ContainsRune(s, utf8.RuneError) {
		d.fail("%s has an escape that is no character", name)
	}
	return s
}

func (d *document) object(in map[string]json.RawMessage, name string) map[string]json.RawMessage {
	raw, ok := in[name]
	if !ok || string(raw) == "null" {
		return nil
	}
	o, err := members(raw)
	if err != nil {
		d.fail("%s: %s", name, strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": "))
		return nil
	}
	return o
}

// time is a member that is an RFC 3339 time, cut to whole seconds UTC.
func (d *document) time(in map[string]json.RawMessage, name string) time.Time {
	s := d.text(in, name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, s)
	// Package time is more lenient than the RFC: one digit for the hour, a comma for the dot.
	if err != nil || s[13] != ':' || strings.Contains(s, ",") {
		d.fail("%s is not a time such as 2026-11-23T00:45:05Z", name)
		return time.Time{}
	}
	t = t.UTC().Truncate(time.Second)
	if y := t.Year(); y < 2000 || y > 9999 {
		d.fail("%s is a time out of this world", name)
		return time.Time{}
	}
	return t
}

// members reads one JSON object and nothing after it. encoding/json would take the last of two
// members with one name, and any letter case.
func members(data []byte) (map[string]json.RawMessage, error) {
	switch {
	case len(data) > maxDocument:
		return nil, malformed("%d bytes are more than the %d that a token can need", len(data), maxDocument)
	case !utf8.Valid(data):
		return nil, malformed("it is not UTF-8 text")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	// The decoder's own errors quote the text, which may be a secret.
	broken := func() error { return malformed("it is not one JSON object (byte %d)", dec.InputOffset()) }
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, broken()
	}
	out := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		name, ok := t.(string)
		var raw json.RawMessage
		if err != nil || !ok || dec.Decode(&raw) != nil {
			return nil, broken()
		}
		if _, twice := out[name]; twice {
			return nil, malformed("a member stands in it twice")
		}
		out[name] = raw
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken()
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, malformed("something follows the JSON object")
	}
	return out, nil
}

// MarshalJSON fails: a token that something passed to a JSON encoder (a log handler, say) must
// not come out with its secrets. Package process, cache or handoff writes one on purpose.
func (t Token) MarshalJSON() ([]byte, error) {
	return nil, errors.New("a token is never written as JSON by itself: use the process document")
}
