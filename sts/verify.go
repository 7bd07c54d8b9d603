package sts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// ErrWrongIdentity is in the chain of an [*Error] for an answer that is about another identity than
// was asked for. Its credentials are thrown away.
var ErrWrongIdentity = errors.New("answer is about another identity")

// How long credentials must live to be believed.
const (
	// minLife: an answer that ends sooner is of no use, the refresh of any client would be due.
	minLife = 60 * time.Second
	// lifeSlack is how much longer than asked for credentials may live: clocks differ; and so much earlier than
	// they do the SDK says that a container's credentials end (aws-sdk-go-v2: config, resolve_credentials.go).
	lifeSlack = 5 * time.Minute
	// maxSaid bounds, in bytes, what an identity provider's names may take.
	maxSaid = 4096
)

// verifyResponse makes the token of what STS said at now in answer to r, or says what is wrong with it.
func verifyResponse(r Request, t token.Token, where callContext, now time.Time) (token.Token, error) {
	if r.Operation == callerOperation {
		return t, verifyCaller(t.AssumedRole, where)
	}
	c := &t.Credentials
	if r.Operation == token.GetWebIdentityToken && c.SessionToken == "" {
		return token.Token{}, errors.New("the answer has no web identity token")
	}
	if c.AccessKeyID == "" && c.SecretAccessKey == "" && c.SessionToken == "" {
		return token.Token{}, errors.New("the answer has no credentials")
	}
	if !c.CanExpire {
		return token.Token{}, errors.New("the credentials do not say when they end")
	}
	now = now.Round(0)
	left, most := c.Expires.Sub(now), longest(r)+lifeSlack
	t.Operation, t.Issued = r.Operation, now.UTC().Truncate(time.Second)
	c.Expires = c.Expires.UTC().Truncate(time.Second)
	if err := t.Validate(); err != nil {
		return token.Token{}, err
	}
	switch {
	case left <= 0:
		return token.Token{}, fmt.Errorf("the credentials ended at %s already", stamp(c.Expires))
	case left <= minLife && r.Lifetime() > minLife:
		return token.Token{}, fmt.Errorf("the credentials end at %s, in %s", stamp(c.Expires), around(left))
	case r.Operation == token.GetScopedCredentials && !where.sourceEnds.IsZero() && c.Expires.After(where.sourceEnds.Add(lifeSlack)):
		return token.Token{}, fmt.Errorf("the credentials end at %s, and those that they are made from at %s", stamp(c.Expires), stamp(where.sourceEnds))
	case left > most:
		return token.Token{}, fmt.Errorf("the credentials end at %s, in %s, and %s was asked for",
			stamp(c.Expires), around(left), display.Duration(longest(r)))
	}
	for _, n := range []*int32{t.PackedPolicySize, t.SessionTokenSize, t.SessionTokenUtilization, t.ScopedPolicies} {
		if n != nil && *n < 0 {
			return token.Token{}, errors.New("a size in it is negative")
		}
	}
	for _, s := range []string{t.Subject, t.Audience, t.Provider, t.SourceIdentity} {
		if len(s) > maxSaid || !display.Printable(s) {
			return token.Token{}, errors.New("the answer names the identity with characters that cannot be shown")
		}
	}
	if err := verifyIdentity(r, where, &t); err != nil {
		return token.Token{}, err
	}
	// The key id carries the account it belongs to. It and what the answer says must agree.
	account := token.AccountFromAccessKeyID(c.AccessKeyID)
	switch {
	case c.AccountID == "":
		c.AccountID = account
	case account != "" && account != c.AccountID:
		return token.Token{}, identityMismatch("the access key is of account %s, and the session of %s", account, c.AccountID)
	}
	return t, nil
}

// longest is how long the credentials that r asks for may live: as long as it asks. An assertion
// may hold a duration of its own (the SessionDuration attribute), so a SAML request without one
// gets anything up to the operation's maximum.
func longest(r Request) time.Duration {
	if r.Operation == token.AssumeRoleWithSAML && r.Duration == 0 {
		_, most := stsfield.Durations(r.Operation)
		return most
	}
	if r.Operation == token.GetScopedCredentials && r.Duration == 0 { // and no longer than the source's
		_, most := stsfield.Durations(r.Operation)
		return most
	}
	return r.Lifetime()
}

// identityMismatch is an ErrWrongIdentity that says how.
func identityMismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrWrongIdentity}, args...)...)
}

// callContext is where a request was sent and with whose key.
type callContext struct {
	partition     string    // of the region, "" where unknown
	sourceAccount string    // carried by the source's access key id, "" where unknown
	sourceEnds    time.Time // when the source's credentials end, zero where unknown
}

// verifyIdentity reports whether t is about the identity that r asked for, and fills its account.
func verifyIdentity(r Request, where callContext, t *token.Token) error {
	switch r.Operation {
	case token.GetSessionToken: // names no principal: the session is of the account of the key that asked
		t.Credentials.AccountID = where.sourceAccount
		return nil
	case token.AssumeRoot: // names no principal: the key is of the account that was asked for
		_, want := r.target()
		if got := token.AccountFromAccessKeyID(t.Credentials.AccessKeyID); got != "" && got != want {
			return identityMismatch("the access key is of account %s, and %s was asked for", got, want)
		}
		return nil
	case token.GetFederationToken:
		return verifyFederatedUser(r, where, t)
	case token.GetScopedCredentials:
		return verifyScoped(r, where, t)
	case token.GetWebIdentityToken:
		return verifyJWT(r, where, t)
	}
	return verifyRole(r, t)
}

func verifyFederatedUser(r Request, where callContext, t *token.Token) error {
	if t.FederatedUser == nil {
		return errors.New("the answer does not name the federated user")
	}
	id, arn := t.FederatedUser.ID, t.FederatedUser.ARN
	p, err := principal(id, arn)
	if err != nil {
		return err
	}
	name, ok := strings.CutPrefix(p.Resource, "federated-user/")
	switch {
	case !ok || name != r.Name:
		return identityMismatch("it names %s, and the federated user %s was asked for", arn, r.Name)
	case p.Partition != where.partition:
		return identityMismatch("it names %s, and the partition %s was asked", arn, where.partition)
	case where.sourceAccount != "" && p.Account != where.sourceAccount:
		return identityMismatch("it names %s, and the source is of account %s", arn, where.sourceAccount)
	case id != p.Account+":"+r.Name:
		return identityMismatch("its id is %s, and its ARN %s", id, arn)
	}
	t.Credentials.AccountID = p.Account
	return nil
}

// verifyRole compares the assumed role with the ARN of the role, the session's name and the source identity
// that were asked for. Any session will do for a SAML request: the assertion names it, which only the provider
// and STS read.
func verifyRole(r Request, t *token.Token) error {
	if t.AssumedRole == nil {
		return errors.New("the answer does not name the assumed role")
	}
	id, arn := t.AssumedRole.ID, t.AssumedRole.ARN
	p, err := principal(id, arn)
	if err != nil {
		return err
	}
	want, name, ok := roleName(r.RoleArn)
	f := strings.Split(p.Resource, "/")
	switch {
	case !ok || len(f) != 3 || f[0] != "assumed-role" || f[1] != name || p.Partition != want.Partition || p.Account != want.Account:
		return identityMismatch("it names %s, and the role %s was asked for", arn, r.RoleArn)
	case r.RoleSessionName != "" && f[2] != r.RoleSessionName:
		return identityMismatch("it names %s, and the session %s was asked for", arn, r.RoleSessionName)
	case r.SourceIdentity != "" && t.SourceIdentity != r.SourceIdentity:
		return identityMismatch("its source identity is %s, and %s was asked for", display.Quote(t.SourceIdentity), r.SourceIdentity)
	}
	if unique, of, ok := strings.Cut(id, ":"); !ok || unique == "" || of != f[2] {
		return identityMismatch("its id is %s, and its ARN %s", id, arn)
	}
	t.Credentials.AccountID = p.Account
	return nil
}

// principal checks the form of an id and an ARN that STS says of a principal: the id is 2 to 193
// characters of [\w+=,.@:-] (FederatedUserId, AssumedRoleId), the ARN one of STS, of an account.
func principal(id, arn string) (awsname.ARN, error) {
	if len(id) < stsfield.MinPrincipalID || len(id) > stsfield.MaxPrincipalID || !stsfield.AllName(strings.ReplaceAll(id, ":", "")) {
		return awsname.ARN{}, errors.New("the id of the identity in the answer is missing or malformed")
	}
	p, ok := awsname.ParseARN(arn)
	if !ok || len(arn) > stsfield.MaxARN || p.Service != "sts" || p.Region != "" || !token.ValidAccountID(p.Account) ||
		!stsfield.AllName(strings.ReplaceAll(p.Resource, "/", "")) {
		return awsname.ARN{}, errors.New("the ARN of the identity in the answer is missing or malformed")
	}
	return p, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// around is a duration in whole seconds.
func around(d time.Duration) string { return d.Round(time.Second).String() }
