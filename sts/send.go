package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/sts-helper/sts-helper/token"
)

// send makes the SDK's call. What it gives is what STS said, and not checked.
func (r Request) send(ctx context.Context, c *awssts.Client) (token.Token, error) {
	duration := seconds(r.Duration)
	switch r.Operation {
	case token.GetSessionToken:
		out, err := c.GetSessionToken(ctx, &awssts.GetSessionTokenInput{
			DurationSeconds: duration, SerialNumber: optional(r.SerialNumber), TokenCode: optional(r.TokenCode),
		})
		if err != nil {
			return token.Token{}, err
		}
		return answer(out.Credentials, nil, out.SessionTokenSize, out.SessionTokenUtilization), nil
	case token.GetFederationToken:
		out, err := c.GetFederationToken(ctx, &awssts.GetFederationTokenInput{
			Name: &r.Name, DurationSeconds: duration, Tags: tagTypes(r.Tags),
			Policy: optional(r.Policy), PolicyArns: policyTypes(r.PolicyArns),
		})
		if err != nil {
			return token.Token{}, err
		}
		//lint:ignore SA1019 read where STS does not say the utilization that replaces it
		t := answer(out.Credentials, out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization)
		if u := out.FederatedUser; u != nil {
			t.FederatedUser = &token.Principal{ID: aws.ToString(u.FederatedUserId), ARN: aws.ToString(u.Arn)}
		}
		return t, nil
	case token.AssumeRoot:
		out, err := c.AssumeRoot(ctx, &awssts.AssumeRootInput{
			TargetPrincipal: &r.TargetPrincipal, TaskPolicyArn: &types.PolicyDescriptorType{Arn: &r.TaskPolicyArn},
			DurationSeconds: duration,
		})
		if err != nil {
			return token.Token{}, err
		}
		t := answer(out.Credentials, nil, out.SessionTokenSize, out.SessionTokenUtilization)
		t.SourceIdentity = aws.ToString(out.SourceIdentity)
		return t, nil
	case token.AssumeRoleWithWebIdentity:
		out, err := c.AssumeRoleWithWebIdentity(ctx, &awssts.AssumeRoleWithWebIdentityInput{
			RoleArn: &r.RoleArn, RoleSessionName: &r.RoleSessionName, DurationSeconds: duration,
			WebIdentityToken: &r.WebIdentityToken, ProviderId: optional(r.ProviderId),
			Policy: optional(r.Policy), PolicyArns: policyTypes(r.PolicyArns),
		})
		if err != nil {
			return token.Token{}, err
		}
		//lint:ignore SA1019 read where STS does not say the utilization that replaces it
		t := answer(out.Credentials, out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization)
		t.AssumedRole, t.SourceIdentity = assumedRole(out.AssumedRoleUser), aws.ToString(out.SourceIdentity)
		t.Subject, t.Audience, t.Provider = aws.ToString(out.SubjectFromWebIdentityToken), aws.ToString(out.Audience), aws.ToString(out.Provider)
		return t, nil
	case token.AssumeRoleWithSAML:
		out, err := c.AssumeRoleWithSAML(ctx, &awssts.AssumeRoleWithSAMLInput{
			RoleArn: &r.RoleArn, PrincipalArn: &r.PrincipalArn, SAMLAssertion: &r.SAMLAssertion, DurationSeconds: duration,
			Policy: optional(r.Policy), PolicyArns: policyTypes(r.PolicyArns),
		})
		if err != nil {
			return token.Token{}, err
		}
		//lint:ignore SA1019 read where STS does not say the utilization that replaces it
		t := answer(out.Credentials, out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization)
		t.AssumedRole, t.SourceIdentity = assumedRole(out.AssumedRoleUser), aws.ToString(out.SourceIdentity)
		t.Subject, t.Audience, t.Provider = aws.ToString(out.Subject), aws.ToString(out.Audience), aws.ToString(out.Issuer)
		return t, nil
	case token.GetWebIdentityToken:
		out, err := c.GetWebIdentityToken(ctx, &awssts.GetWebIdentityTokenInput{
			Audience: r.Audience, SigningAlgorithm: &r.SigningAlgorithm, DurationSeconds: duration, Tags: tagTypes(r.Tags),
		})
		if err != nil {
			return token.Token{}, err
		}
		return token.Token{Credentials: token.Credentials{
			SessionToken: aws.ToString(out.WebIdentityToken), CanExpire: out.Expiration != nil, Expires: aws.ToTime(out.Expiration),
		}}, nil
	case callerOperation:
		out, err := c.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
		if err != nil {
			return token.Token{}, err
		}
		return token.Token{AssumedRole: &token.Principal{ID: aws.ToString(out.UserId), ARN: aws.ToString(out.Arn)}}, nil
	}
	in := &awssts.AssumeRoleInput{
		RoleArn: &r.RoleArn, RoleSessionName: &r.RoleSessionName, DurationSeconds: duration,
		ExternalId: optional(r.ExternalId), SourceIdentity: optional(r.SourceIdentity),
		Policy: optional(r.Policy), PolicyArns: policyTypes(r.PolicyArns),
		Tags: tagTypes(r.Tags), TransitiveTagKeys: r.TransitiveTagKeys,
		SerialNumber: optional(r.SerialNumber), TokenCode: optional(r.TokenCode),
	}
	for i := range r.ProvidedContexts {
		p := &r.ProvidedContexts[i]
		in.ProvidedContexts = append(in.ProvidedContexts,
			types.ProvidedContext{ProviderArn: &p.ProviderArn, ContextAssertion: &p.ContextAssertion})
	}
	out, err := c.AssumeRole(ctx, in)
	if err != nil {
		return token.Token{}, err
	}
	//lint:ignore SA1019 read where STS does not say the utilization that replaces it
	t := answer(out.Credentials, out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization)
	t.AssumedRole, t.SourceIdentity = assumedRole(out.AssumedRoleUser), aws.ToString(out.SourceIdentity)
	return t, nil
}

// answer is what all operations say; the sizes are nil where STS does not.
func answer(c *types.Credentials, packed, size, utilization *int32) token.Token {
	t := token.Token{PackedPolicySize: packed, SessionTokenSize: size, SessionTokenUtilization: utilization}
	if c != nil {
		t.Credentials = token.Credentials{
			AccessKeyID: aws.ToString(c.AccessKeyId), SecretAccessKey: aws.ToString(c.SecretAccessKey), SessionToken: aws.ToString(c.SessionToken),
			CanExpire: c.Expiration != nil, Expires: aws.ToTime(c.Expiration),
		}
	}
	return t
}

func assumedRole(u *types.AssumedRoleUser) *token.Principal {
	if u == nil {
		return nil
	}
	return &token.Principal{ID: aws.ToString(u.AssumedRoleId), ARN: aws.ToString(u.Arn)}
}

// The SDK's inputs take pointers, nil for absent.

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func seconds(d time.Duration) *int32 {
	if d == 0 {
		return nil
	}
	return aws.Int32(int32(d / time.Second)) // Validate has seen that it fits
}

func policyTypes(arns []string) []types.PolicyDescriptorType {
	var out []types.PolicyDescriptorType
	for i := range arns {
		out = append(out, types.PolicyDescriptorType{Arn: &arns[i]})
	}
	return out
}

func tagTypes(tags []Tag) []types.Tag {
	var out []types.Tag
	for i := range tags {
		out = append(out, types.Tag{Key: &tags[i].Key, Value: &tags[i].Value})
	}
	return out
}
