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

// SessionRequest asks for credentials of the user whose long-term key signs it (GetSessionToken).
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html
type SessionRequest struct {
	Duration     time.Duration // DurationSeconds: 15 minutes to 36 hours, 12 hours by default; at most 1 hour for root
	SerialNumber string        // of the MFA device: its ARN or a hardware serial number, 9 to 256 characters
	TokenCode    string        // six digits, secret; needs SerialNumber and the reverse
}

// FederationRequest asks for credentials under a name and a policy of the caller's choice
// (GetFederationToken). Without Policy and PolicyArns the credentials may do nothing by
// identity-based policies; that is STS's rule and not refused here.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetFederationToken.html
type FederationRequest struct {
	Name       string        // of the federated user, 2 to 32 characters. Required.
	Policy     string        // an inline session policy, JSON, at most 2048 characters
	PolicyArns []string      // managed session policies, at most 10
	Tags       []Tag         // session tags, at most 50
	Duration   time.Duration // DurationSeconds: 15 minutes to 36 hours, 12 hours by default; at most 1 hour for root
}

// RootRequest asks for a root session of a member account, limited to one task (AssumeRoot). STS
// answers it at regional endpoints only.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoot.html
type RootRequest struct {
	TargetPrincipal string        // the member account's id, or the ARN of its root user. Required.
	TaskPolicyArn   string        // one of the five root-task policies. Required.
	Duration        time.Duration // DurationSeconds: at most 15 minutes, the default
}

func (SessionRequest) Operation() token.Operation    { return token.GetSessionToken }
func (FederationRequest) Operation() token.Operation { return token.GetFederationToken }
func (RootRequest) Operation() token.Operation       { return token.AssumeRoot }

func (r SessionRequest) Validate() error {
	c := checker{op: token.GetSessionToken}
	c.duration(r.Duration)
	c.mfa(r.SerialNumber, r.TokenCode)
	return c.result()
}

func (r FederationRequest) Validate() error {
	c := checker{op: token.GetFederationToken}
	c.text("Name", r.Name)
	c.text("Policy", r.Policy)
	c.policyArns(r.PolicyArns)
	c.tags(r.Tags)
	c.duration(r.Duration)
	return c.result()
}

func (r RootRequest) Validate() error {
	c := checker{op: token.AssumeRoot}
	c.text("TargetPrincipal", r.TargetPrincipal)
	partition, account := r.target()
	if account == "" {
		c.refuse("TargetPrincipal", r.TargetPrincipal, "must be an account id of twelve digits or arn:aws:iam::ACCOUNT:root")
	}
	c.text("TaskPolicyArn", r.TaskPolicyArn)
	p, ok := awsname.ParseARN(r.TaskPolicyArn)
	if !ok || p.Service != "iam" || p.Region != "" || p.Account != "aws" || !rootTask(p.Resource) {
		c.refuse("TaskPolicyArn", r.TaskPolicyArn, "must be arn:aws:iam::aws:policy/root-task/ and one of IAMAuditRootUserCredentials, "+
			"IAMCreateRootUserPassword, IAMDeleteRootUserCredentials, S3UnlockBucketPolicy, SQSUnlockQueuePolicy")
	}
	if partition != "" && partition != p.Partition {
		c.refuse("TaskPolicyArn", r.TaskPolicyArn, "must be in the partition of TargetPrincipal, "+partition)
	}
	c.duration(r.Duration)
	return c.result()
}

// target gives the account of TargetPrincipal and its partition where it is an ARN.
func (r RootRequest) target() (partition, account string) {
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
	name, ok := strings.CutPrefix(resource, "policy/root-task/")
	if !ok {
		return false
	}
	switch name {
	case "IAMAuditRootUserCredentials", "IAMCreateRootUserPassword", "IAMDeleteRootUserCredentials",
		"S3UnlockBucketPolicy", "SQSUnlockQueuePolicy":
		return true
	}
	return false
}

func (r SessionRequest) Lifetime() time.Duration { return lifetime(token.GetSessionToken, r.Duration) }
func (r FederationRequest) Lifetime() time.Duration {
	return lifetime(token.GetFederationToken, r.Duration)
}
func (r RootRequest) Lifetime() time.Duration { return lifetime(token.AssumeRoot, r.Duration) }

func (SessionRequest) signed() bool    { return true }
func (FederationRequest) signed() bool { return true }
func (RootRequest) signed() bool       { return true }

func (r SessionRequest) hasCode() bool  { return r.TokenCode != "" }
func (FederationRequest) hasCode() bool { return false }
func (RootRequest) hasCode() bool       { return false }

func (r SessionRequest) secrets() []string  { return []string{r.TokenCode} }
func (FederationRequest) secrets() []string { return nil }
func (RootRequest) secrets() []string       { return nil }

func (r SessionRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.GetSessionToken(ctx, &awssts.GetSessionTokenInput{
		DurationSeconds: seconds(r.Duration),
		SerialNumber:    optional(r.SerialNumber),
		TokenCode:       optional(r.TokenCode),
	})
	if err != nil {
		return answer{}, err
	}
	return answer{credentials: out.Credentials, sizes: sizes{nil, out.SessionTokenSize, out.SessionTokenUtilization}}, nil
}

func (r FederationRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.GetFederationToken(ctx, &awssts.GetFederationTokenInput{
		Name:            &r.Name,
		Policy:          optional(r.Policy),
		PolicyArns:      policyTypes(r.PolicyArns),
		Tags:            tagTypes(r.Tags),
		DurationSeconds: seconds(r.Duration),
	})
	if err != nil {
		return answer{}, err
	}
	//lint:ignore SA1019 read where STS does not say the utilization that replaces it
	return answer{credentials: out.Credentials, sizes: sizes{out.PackedPolicySize, out.SessionTokenSize, out.SessionTokenUtilization},
		federated: out.FederatedUser}, nil
}

func (r RootRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.AssumeRoot(ctx, &awssts.AssumeRootInput{
		TargetPrincipal: &r.TargetPrincipal,
		TaskPolicyArn:   &types.PolicyDescriptorType{Arn: &r.TaskPolicyArn},
		DurationSeconds: seconds(r.Duration),
	})
	if err != nil {
		return answer{}, err
	}
	return answer{credentials: out.Credentials, sizes: sizes{nil, out.SessionTokenSize, out.SessionTokenUtilization},
		sourceIdentity: aws.ToString(out.SourceIdentity)}, nil
}
