package sts

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/token"
)

// RoleRequest asks for credentials of a role (AssumeRole).
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
type RoleRequest struct {
	RoleArn           string            // Required.
	RoleSessionName   string            // 2 to 64 characters. Required.
	Duration          time.Duration     // DurationSeconds: 15 minutes to 12 hours and the role's maximum, 1 hour by default and at most from a role's session
	ExternalId        string            // 2 to 1224 characters
	Policy            string            // an inline session policy, JSON; STS states no maximum but its packed size
	PolicyArns        []string          // managed session policies, at most 10
	Tags              []Tag             // session tags, at most 50
	TransitiveTagKeys []string          // keys of Tags that go on through a chain of roles
	SourceIdentity    string            // 2 to 64 characters, not beginning "aws:"
	SerialNumber      string            // of the MFA device, 9 to 256 characters
	TokenCode         string            // six digits, secret; needs SerialNumber and the reverse
	ProvidedContexts  []ProvidedContext // at most 5
}

// WebIdentityRequest asks for credentials of a role with the token of an OpenID Connect or OAuth 2.0
// provider (AssumeRoleWithWebIdentity). It is not signed.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
type WebIdentityRequest struct {
	RoleArn          string        // Required.
	RoleSessionName  string        // 2 to 64 characters. Required.
	WebIdentityToken string        // 4 to 20000 characters, without the line end of its file; secret. Required.
	ProviderId       string        // OAuth 2.0 only: www.amazon.com or graph.facebook.com
	Duration         time.Duration // DurationSeconds: 15 minutes to 12 hours and the role's maximum, 1 hour by default
	Policy           string        // an inline session policy, JSON, at most 2048 characters
	PolicyArns       []string      // managed session policies, at most 10
}

// SAMLRequest asks for credentials of a role with a SAML assertion (AssumeRoleWithSAML). It is not
// signed. The assertion names the session, and may end it earlier than Duration.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithSAML.html
type SAMLRequest struct {
	RoleArn       string        // Required.
	PrincipalArn  string        // of the SAML provider in IAM. Required.
	SAMLAssertion string        // base64, 4 to 100000 characters, secret. Required.
	Duration      time.Duration // DurationSeconds: 15 minutes to 12 hours and the role's maximum, 1 hour by default
	Policy        string        // an inline session policy, JSON, at most 2048 characters
	PolicyArns    []string      // managed session policies, at most 10
}

func (RoleRequest) Operation() token.Operation        { return token.AssumeRole }
func (WebIdentityRequest) Operation() token.Operation { return token.AssumeRoleWithWebIdentity }
func (SAMLRequest) Operation() token.Operation        { return token.AssumeRoleWithSAML }

func (r RoleRequest) Validate() error {
	c := checker{op: token.AssumeRole}
	c.roleArn(r.RoleArn)
	c.text("RoleSessionName", r.RoleSessionName)
	c.duration(r.Duration)
	c.text("ExternalId", r.ExternalId)
	c.text("Policy", r.Policy)
	c.policyArns(r.PolicyArns)
	c.tags(r.Tags)
	c.transitive(r.TransitiveTagKeys, r.Tags)
	c.text("SourceIdentity", r.SourceIdentity) // its characters have no colon, so "aws:" is refused too
	c.mfa(r.SerialNumber, r.TokenCode)
	c.count("ProvidedContexts", len(r.ProvidedContexts))
	for i, p := range r.ProvidedContexts {
		name := index("ProvidedContexts", i)
		c.item(name+".ProviderArn", "ProvidedContexts[].ProviderArn", p.ProviderArn)
		c.item(name+".ContextAssertion", "ProvidedContexts[].ContextAssertion", p.ContextAssertion)
	}
	return c.result()
}

func (r WebIdentityRequest) Validate() error {
	c := checker{op: token.AssumeRoleWithWebIdentity}
	c.roleArn(r.RoleArn)
	c.text("RoleSessionName", r.RoleSessionName)
	c.text("WebIdentityToken", r.WebIdentityToken)
	c.text("ProviderId", r.ProviderId)
	c.duration(r.Duration)
	c.text("Policy", r.Policy)
	c.policyArns(r.PolicyArns)
	return c.result()
}

func (r SAMLRequest) Validate() error {
	c := checker{op: token.AssumeRoleWithSAML}
	c.roleArn(r.RoleArn)
	c.text("PrincipalArn", r.PrincipalArn)
	p, ok := awsname.ParseARN(r.PrincipalArn)
	if !ok || p.Service != "iam" || p.Region != "" || !token.ValidAccountID(p.Account) ||
		!strings.HasPrefix(p.Resource, "saml-provider/") || !validPath(p.Resource) {
		c.refuse("PrincipalArn", r.PrincipalArn, "must be the ARN of a SAML provider, arn:aws:iam::ACCOUNT:saml-provider/NAME")
	}
	c.text("SAMLAssertion", r.SAMLAssertion)
	c.duration(r.Duration)
	c.text("Policy", r.Policy)
	c.policyArns(r.PolicyArns)
	return c.result()
}

func (r RoleRequest) Lifetime() time.Duration { return lifetime(token.AssumeRole, r.Duration) }
func (r WebIdentityRequest) Lifetime() time.Duration {
	return lifetime(token.AssumeRoleWithWebIdentity, r.Duration)
}
func (r SAMLRequest) Lifetime() time.Duration { return lifetime(token.AssumeRoleWithSAML, r.Duration) }

func (RoleRequest) signed() bool        { return true }
func (WebIdentityRequest) signed() bool { return false }
func (SAMLRequest) signed() bool        { return false }

func (r RoleRequest) hasCode() bool      { return r.TokenCode != "" }
func (WebIdentityRequest) hasCode() bool { return false }
func (SAMLRequest) hasCode() bool        { return false }

func (r RoleRequest) secrets() []string {
	s := []string{r.TokenCode}
	for _, p := range r.ProvidedContexts {
		s = append(s, p.ContextAssertion)
	}
	return s
}

func (r WebIdentityRequest) secrets() []string { return []string{r.WebIdentityToken} }
func (r SAMLRequest) secrets() []string        { return []string{r.SAMLAssertion} }

func (r RoleRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	in := &awssts.AssumeRoleInput{
		RoleArn:           &r.RoleArn,
		RoleSessionName:   &r.RoleSessionName,
		DurationSeconds:   seconds(r.Duration),
		ExternalId:        optional(r.ExternalId),
		Policy:            optional(r.Policy),
		PolicyArns:        policyTypes(r.PolicyArns),
		Tags:              tagTypes(r.Tags),
		TransitiveTagKeys: r.TransitiveTagKeys,
		SourceIdentity:    optional(r.SourceIdentity),
		SerialNumber:      optional(r.SerialNumber),
		TokenCode:         optional(r.TokenCode),
	}
	for i := range r.ProvidedContexts {
		p := &r.ProvidedContexts[i]
		in.ProvidedContexts = append(in.ProvidedContexts,
			types.ProvidedContext{ProviderArn: &p.ProviderArn, ContextAssertion: &p.ContextAssertion})
	}
	out, err := c.AssumeRole(ctx, in)
	if err != nil {
		return answer{}, err
	}
	//lint:ignore SA1019 read where STS does not say the utilization that replaces it
	return answer{credentials: out.Credentials, sizes: sizes{out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization},
		role: out.AssumedRoleUser, sourceIdentity: aws.ToString(out.SourceIdentity)}, nil
}

func (r WebIdentityRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.AssumeRoleWithWebIdentity(ctx, &awssts.AssumeRoleWithWebIdentityInput{
		RoleArn:          &r.RoleArn,
		RoleSessionName:  &r.RoleSessionName,
		WebIdentityToken: &r.WebIdentityToken,
		ProviderId:       optional(r.ProviderId),
		DurationSeconds:  seconds(r.Duration),
		Policy:           optional(r.Policy),
		PolicyArns:       policyTypes(r.PolicyArns),
	})
	if err != nil {
		return answer{}, err
	}
	//lint:ignore SA1019 read where STS does not say the utilization that replaces it
	return answer{credentials: out.Credentials, sizes: sizes{out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization},
		role:    out.AssumedRoleUser,
		subject: aws.ToString(out.SubjectFromWebIdentityToken), audience: aws.ToString(out.Audience),
		provider: aws.ToString(out.Provider), sourceIdentity: aws.ToString(out.SourceIdentity)}, nil
}

func (r SAMLRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.AssumeRoleWithSAML(ctx, &awssts.AssumeRoleWithSAMLInput{
		RoleArn:         &r.RoleArn,
		PrincipalArn:    &r.PrincipalArn,
		SAMLAssertion:   &r.SAMLAssertion,
		DurationSeconds: seconds(r.Duration),
		Policy:          optional(r.Policy),
		PolicyArns:      policyTypes(r.PolicyArns),
	})
	if err != nil {
		return answer{}, err
	}
	//lint:ignore SA1019 read where STS does not say the utilization that replaces it
	return answer{credentials: out.Credentials, sizes: sizes{out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization},
		role:    out.AssumedRoleUser,
		subject: aws.ToString(out.Subject), audience: aws.ToString(out.Audience),
		provider: aws.ToString(out.Issuer), sourceIdentity: aws.ToString(out.SourceIdentity)}, nil
}
