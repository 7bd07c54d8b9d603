package sts

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

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
	// lifeSlack is how much longer than asked for credentials may live: clocks differ.
	lifeSlack = 5 * time.Minute
	// maxSaid bounds, in bytes, what an identity provider's names may take.
	maxSaid = 4096
)

// verifyResponse makes a token of an answer that arrived at now, or says what is wrong with it.
func verifyResponse(r Request, a answer, where callContext, now time.Time) (token.Token, error) {
	c := a.credentials
	if c == nil || aws.ToString(c.AccessKeyId) == "" && aws.ToString(c.SecretAccessKey) == "" && aws.ToString(c.SessionToken) == "" {
		return token.Token{}, errors.New("the answer has no credentials")
	}
	if c.Expiration == nil {
		return token.Token{}, errors.New("the credentials do not say when they end")
	}
	now = now.Round(0)
	t := token.Token{
		Operation:        r.Operation(),
		Issued:           now.UTC().Truncate(time.Second),
		PackedPolicySize: a.sizes.packed,
		SessionTokenSize: a.sizes.token, SessionTokenUtilization: a.sizes.utilization,
		Subject:        a.subject,
		Audience:       a.audience,
		Provider:       a.provider,
		SourceIdentity: a.sourceIdentity,
		Credentials: token.Credentials{
			AccessKeyID:     aws.ToString(c.AccessKeyId),
			SecretAccessKey: aws.ToString(c.SecretAccessKey),
			SessionToken:    aws.ToString(c.SessionToken),
			CanExpire:       true,
			Expires:         c.Expiration.UTC().Truncate(time.Second),
		},
	}
	if err := t.Validate(); err != nil {
		return token.Token{}, err
	}
	switch left, most := c.Expiration.Sub(now), longest(r)+lifeSlack; {
	case left <= 0:
		return token.Token{}, fmt.Errorf("the credentials ended at %s already", stamp(*c.Expiration))
	case left <= minLife && r.Lifetime() > minLife:
		return token.Token{}, fmt.Errorf("the credentials end at %s, in %s", stamp(*c.Expiration), around(left))
	case left > most:
		return token.Token{}, fmt.Errorf("the credentials end at %s, in %s, and %s was asked for",
			stamp(*c.Expiration), around(left), display.Duration(longest(r)))
	}
	for _, n := range []*int32{a.sizes.packed, a.sizes.token, a.sizes.utilization} {
		if n != nil && *n < 0 {
			return token.Token{}, errors.New("a size in it is negative")
		}
	}
	for _, s := range []string{a.subject, a.audience, a.provider, a.sourceIdentity} {
		if len(s) > maxSaid || !display.Printable(s) {
			return token.Token{}, errors.New("the answer names the identity with characters that cannot be shown")
		}
	}
	if err := r.verifyIdentity(a, where, &t); err != nil {
		return token.Token{}, err
	}
	// The key id carries the account it belongs to. It and what the answer says must agree.
	account := token.AccountFromAccessKeyID(t.Credentials.AccessKeyID)
	switch {
	case t.Credentials.AccountID == "":
		t.Credentials.AccountID = account
	case account != "" && account != t.Credentials.AccountID:
		return token.Token{}, identityMismatch("the access key is of account %s, and the session of %s", account, t.Credentials.AccountID)
	}
	return t, nil
}

// longest is how long the credentials that r asks for may live: as long as it asks. An assertion
// may hold a duration of its own (the SessionDuration attribute), so a SAML request without one
// gets anything up to the operation's maximum.
func longest(r Request) time.Duration {
	if r, ok := r.(SAMLRequest); ok && r.Duration == 0 {
		_, most := stsfield.Durations(token.AssumeRoleWithSAML)
		return most
	}
	return r.Lifetime()
}

// identityMismatch is an ErrWrongIdentity that says how.
func identityMismatch(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrWrongIdentity}, args...)...)
}

// verifyIdentity: GetSessionToken names no principal. The session is of the account of the key that asked.
func (SessionRequest) verifyIdentity(_ answer, where callContext, t *token.Token) error {
	t.Credentials.AccountID = where.sourceAccount
	return nil
}

// verifyIdentity: AssumeRoot names no principal. Its key is of the account that was asked for.
func (r RootRequest) verifyIdentity(_ answer, _ callContext, t *token.Token) error {
	_, want := r.target()
	if got := token.AccountFromAccessKeyID(t.Credentials.AccessKeyID); got != "" && got != want {
		return identityMismatch("the access key is of account %s, and %s was asked for", got, want)
	}
	return nil
}

func (r FederationRequest) verifyIdentity(a answer, where callContext, t *token.Token) error {
	if a.federated == nil {
		return errors.New("the answer does not name the federated user")
	}
	id, arn := aws.ToString(a.federated.FederatedUserId), aws.ToString(a.federated.Arn)
	p, err := principal(id, arn)
	if err != nil {
		return err
	}
	name, ok := strings.CutPrefix(p.Resource, "federated-user/")
	if !ok || name != r.Name {
		return identityMismatch("it names %s, and the federated user %s was asked for", arn, r.Name)
	}
	if p.Partition != where.partition {
		return identityMismatch("it names %s, and the partition %s was asked", arn, where.partition)
	}
	if where.sourceAccount != "" && p.Account != where.sourceAccount {
		return identityMismatch("it names %s, and the source is of account %s", arn, where.sourceAccount)
	}
	if id != p.Account+":"+r.Name {
		return identityMismatch("its id is %s, and its ARN %s", id, arn)
	}
	t.FederatedUser = &token.Principal{ID: id, ARN: arn}
	t.Credentials.AccountID = p.Account
	return nil
}

func (r RoleRequest) verifyIdentity(a answer, _ callContext, t *token.Token) error {
	if err := verifyRole(a, r.RoleArn, r.RoleSessionName, t); err != nil {
		return err
	}
	if r.SourceIdentity != "" && a.sourceIdentity != r.SourceIdentity {
		return identityMismatch("its source identity is %s, and %s was asked for", display.Quote(a.sourceIdentity), r.SourceIdentity)
	}
	return nil
}

func (r WebIdentityRequest) verifyIdentity(a answer, _ callContext, t *token.Token) error {
	return verifyRole(a, r.RoleArn, r.RoleSessionName, t)
}

// verifyIdentity: the session is named by the assertion, which only the provider and STS read.
func (r SAMLRequest) verifyIdentity(a answer, _ callContext, t *token.Token) error {
	return verifyRole(a, r.RoleArn, "", t)
}

// verifyRole compares the assumed role with the ARN of the role and the session's name that were
// asked for; any session will do where session is empty.
func verifyRole(a answer, roleArn, session string, t *token.Token) error {
	if a.role == nil {
		return errors.New("the answer does not name the assumed role")
	}
	id, arn := aws.ToString(a.role.AssumedRoleId), aws.ToString(a.role.Arn)
	p, err := principal(id, arn)
	if err != nil {
		return err
	}
	want, name, ok := roleName(roleArn)
	f := strings.Split(p.Resource, "/")
	switch {
	case !ok || len(f) != 3 || f[0] != "assumed-role" || f[1] != name:
		return identityMismatch("it names %s, and the role %s was asked for", arn, roleArn)
	case p.Partition != want.Partition || p.Account != want.Account:
		return identityMismatch("it names %s, and the role %s was asked for", arn, roleArn)
	case session != "" && f[2] != session:
		return identityMismatch("it names %s, and the session %s was asked for", arn, session)
	}
	if unique, of, ok := strings.Cut(id, ":"); !ok || unique == "" || of != f[2] {
		return identityMismatch("its id is %s, and its ARN %s", id, arn)
	}
	t.AssumedRole = &token.Principal{ID: id, ARN: arn}
	t.Credentials.AccountID = p.Account
	return nil
}

// principal checks the form of an id and an ARN that STS says of a principal: the id is 2 to 193
// characters of [\w+=,.@:-] (FederatedUserId, AssumedRoleId), the ARN one of STS, of an account.
func principal(id, arn string) (awsname.ARN, error) {
	if len(id) < 2 || len(id) > 193 || !stsfield.AllName(strings.ReplaceAll(id, ":", "")) {
		return awsname.ARN{}, errors.New("the id of the identity in the answer is missing or malformed")
	}
	p, ok := awsname.ParseARN(arn)
	if !ok || len(arn) > 2048 || p.Service != "sts" || p.Region != "" || !token.ValidAccountID(p.Account) ||
		!stsfield.AllName(strings.ReplaceAll(p.Resource, "/", "")) {
		return awsname.ARN{}, errors.New("the ARN of the identity in the answer is missing or malformed")
	}
	return p, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// around is a duration in whole seconds.
func around(d time.Duration) string { return d.Round(time.Second).String() }
