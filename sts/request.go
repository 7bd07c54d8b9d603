package sts

import (
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// Request asks for credentials by one operation of STS. Empty fields, and a zero Duration, are absent: they
// are not sent and STS's default holds. The operations that take a field are named behind it, where not all do;
// for any other operation [Request.Validate] refuses it.
//
// GetFederationToken without Policy and PolicyArns gives credentials that may do nothing by identity-based
// policies; that is STS's rule and not refused here.
type Request struct {
	// Operation is one of package token's: https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html.
	Operation token.Operation // Required.
	// Duration is DurationSeconds: from 15 minutes to 12 hours and the role's maximum for a role, 1 hour by
	// default (and at most, from a role's session); to 36 hours for GetSessionToken and GetFederationToken, 12
	// hours by default (1 hour at most for the root user); at most 15 minutes, the default, for AssumeRoot. A SAML
	// assertion may end its session earlier. From 1 second to 36 hours for GetScopedCredentials, and at most (by
	// default as long as) the source credentials live; 1 minute to 1 hour for GetWebIdentityToken, 5 minutes by
	// default.
	Duration time.Duration

	RoleArn         string // AssumeRole, -WithWebIdentity and -WithSAML. Required.
	RoleSessionName string // AssumeRole and -WithWebIdentity: 2 to 64 characters. Required. (A SAML assertion names the session.)
	Name            string // GetFederationToken: of the federated user, 2 to 32 characters. Required.

	Policy            string            // an inline session policy, JSON, at most 2048 characters (but AssumeRole's: STS states its packed size only); not GetSessionToken, AssumeRoot, GetWebIdentityToken
	PolicyArns        []string          // managed session policies, at most 10; AssumeRole, -WithWebIdentity, -WithSAML, GetFederationToken
	Tags              []Tag             // AssumeRole, GetFederationToken: session tags, at most 50; GetWebIdentityToken: claims of the token
	TransitiveTagKeys []string          // AssumeRole: keys of Tags that go on through a chain of roles
	ExternalId        string            // AssumeRole: 2 to 1224 characters
	SourceIdentity    string            // AssumeRole: 2 to 64 characters, not beginning "aws:"
	ProvidedContexts  []ProvidedContext // AssumeRole: at most 5

	SerialNumber string // AssumeRole, GetSessionToken: the MFA device's ARN or hardware serial number, 9 to 256 characters
	TokenCode    string // AssumeRole, GetSessionToken: six digits, secret; needs SerialNumber and the reverse

	WebIdentityToken string // AssumeRoleWithWebIdentity: 4 to 20000 characters, without the line end of its file; secret. Required.
	ProviderId       string // AssumeRoleWithWebIdentity, OAuth 2.0 only: www.amazon.com or graph.facebook.com
	PrincipalArn     string // AssumeRoleWithSAML: of the SAML provider in IAM. Required.
	SAMLAssertion    string // AssumeRoleWithSAML: base64, 4 to 100000 characters, secret. Required.
	TargetPrincipal  string // AssumeRoot: the member account's id, or the ARN of its root user. Required.
	TaskPolicyArn    string // AssumeRoot: one of the five root-task policies. Required.

	ScopedSessionDescription string // GetScopedCredentials: what CloudTrail shows of the session, 2 to 256 characters
	// SourceARN is, for GetScopedCredentials, the principal whose credentials sign the request. It is not
	// sent: the answer must be about the same one. "" where it is not known.
	SourceARN string

	Audience         []string // GetWebIdentityToken: whom the token is for, 1 to 10 of 1 to 1000 characters. Required.
	SigningAlgorithm string   // GetWebIdentityToken: RS256 or ES384. Required.
}

// Tag is a session tag: a Key of 1 to 128 and a Value of 0 to 256 characters.
type Tag struct{ Key, Value string }

// ProvidedContext is a signed context assertion of a trusted provider.
type ProvidedContext struct {
	ProviderArn      string // 20 to 2048 characters
	ContextAssertion string // 4 to 2048 characters, secret
}

// Validate reports the first rule of STS that a field breaks, as a [*FieldError].
func (r Request) Validate() error {
	c := checker{op: r.Operation}
	if !r.Operation.Known() {
		c.refuse("Operation", string(r.Operation), "must be one of STS's that give credentials")
		return c.result()
	}
	for _, f := range [...]struct{ name, value string }{
		{"RoleArn", r.RoleArn}, {"RoleSessionName", r.RoleSessionName}, {"Name", r.Name}, {"ExternalId", r.ExternalId},
		{"SourceIdentity", r.SourceIdentity}, // its characters have no colon, so "aws:" is refused too
		{"Policy", r.Policy}, {"SerialNumber", r.SerialNumber}, {"TokenCode", r.TokenCode},
		{"WebIdentityToken", r.WebIdentityToken}, {"ProviderId", r.ProviderId},
		{"PrincipalArn", r.PrincipalArn}, {"SAMLAssertion", r.SAMLAssertion},
		{"TargetPrincipal", r.TargetPrincipal}, {"TaskPolicyArn", r.TaskPolicyArn},
		{"ScopedSessionDescription", r.ScopedSessionDescription}, {"SigningAlgorithm", r.SigningAlgorithm},
	} {
		c.text(f.name, f.name, f.value)
	}
	c.duration(r.Duration)
	c.policyArns(r.PolicyArns)
	c.tags(r.Tags)
	c.transitive(r.TransitiveTagKeys, r.Tags)
	c.contexts(r.ProvidedContexts)
	c.audience(r.Audience)
	switch {
	case r.SerialNumber != "" && r.TokenCode == "":
		c.refuse("TokenCode", "", "is required with a SerialNumber")
	case r.SerialNumber == "" && r.TokenCode != "":
		c.refuse("SerialNumber", "", "is required with a TokenCode")
	}
	switch r.Operation {
	case token.AssumeRole, token.AssumeRoleWithWebIdentity, token.AssumeRoleWithSAML:
		if _, _, ok := roleName(r.RoleArn); !ok {
			c.refuse("RoleArn", r.RoleArn, "must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME")
		}
		if p, ok := iamARN(r.PrincipalArn, "saml-provider/"); r.Operation == token.AssumeRoleWithSAML && (!ok || !token.ValidAccountID(p.Account)) {
			c.refuse("PrincipalArn", r.PrincipalArn, "must be the ARN of a SAML provider, arn:aws:iam::ACCOUNT:saml-provider/NAME")
		}
	case token.AssumeRoot:
		c.root(r)
	case token.GetScopedCredentials:
		if r.Policy == "" && r.Duration == 0 {
			c.refuse("Policy", "", "is required where there is no DurationSeconds")
		}
	case token.GetWebIdentityToken:
		if a := r.SigningAlgorithm; a != "RS256" && a != "ES384" {
			c.refuse("SigningAlgorithm", a, "must be RS256 or ES384")
		}
	}
	return c.result()
}

// Lifetime is how long the credentials are to live: the Duration, or STS's default.
func (r Request) Lifetime() time.Duration {
	if r.Duration == 0 {
		return stsfield.DefaultDuration(r.Operation)
	}
	return r.Duration
}

// signed reports whether STS wants the request signed with the source credentials.
func (r Request) signed() bool {
	return r.Operation != token.AssumeRoleWithWebIdentity && r.Operation != token.AssumeRoleWithSAML
}

// secrets are the fields that no error may repeat.
func (r Request) secrets() []string {
	s := []string{r.TokenCode, r.WebIdentityToken, r.SAMLAssertion}
	for _, p := range r.ProvidedContexts {
		s = append(s, p.ContextAssertion)
	}
	return s
}

// target gives the account of TargetPrincipal and its partition where it is an ARN.
func (r Request) target() (partition, account string) {
	if token.ValidAccountID(r.TargetPrincipal) {
		return "", r.TargetPrincipal
	}
	p, ok := awsname.ParseARN(r.TargetPrincipal)
	if !ok || p.Service != "iam" || p.Region != "" || p.Resource != "root" || !token.ValidAccountID(p.Account) {
		return "", ""
	}
	return p.Partition, p.Account
}

// rootTask reports whether resource is one of the policies that AssumeRoot accepts.
func rootTask(resource string) bool {
	switch strings.TrimPrefix(resource, "policy/root-task/") {
	case "IAMAuditRootUserCredentials", "IAMCreateRootUserPassword", "IAMDeleteRootUserCredentials",
		"S3UnlockBucketPolicy", "SQSUnlockQueuePolicy":
		return true
	}
	return false
}
