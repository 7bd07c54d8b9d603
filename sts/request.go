package sts

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// Request is one of [SessionRequest], [FederationRequest], [RoleRequest], [WebIdentityRequest],
// [SAMLRequest] and [RootRequest]. The set is closed.
//
// Empty fields, and a zero Duration, are absent: they are not sent and STS's default holds.
type Request interface {
	// Operation is the STS operation that the request is for.
	Operation() token.Operation
	// Validate reports the first rule of STS that a field breaks, as a [*FieldError].
	Validate() error
	// Lifetime is how long the credentials are to live: the Duration, or STS's default.
	Lifetime() time.Duration

	// signed reports whether STS wants the request signed with the source credentials.
	signed() bool
	// hasCode reports whether the request carries an MFA code, which works once.
	hasCode() bool
	// secrets are the fields that no error may repeat.
	secrets() []string
	// send makes the SDK's call.
	send(ctx context.Context, c *awssts.Client) (answer, error)
	// verifyIdentity reports whether the answer is about whom the request asked for, and fills the
	// principal and the account of t.
	verifyIdentity(a answer, where callContext, t *token.Token) error
}

// answer is what the operations' outputs have in common; what an operation does not say stays empty.
type answer struct {
	credentials    *types.Credentials
	sizes          sizes
	federated      *types.FederatedUser
	role           *types.AssumedRoleUser
	subject        string
	audience       string
	provider       string
	sourceIdentity string
}

// sizes are what STS says of the room that is left; nil where it does not.
type sizes struct{ packed, token, utilization *int32 }

// callContext is where a request was sent and with whose key.
type callContext struct {
	partition     string // of the region, "" where unknown
	sourceAccount string // carried by the source's access key id, "" where unknown
}

// Tag is a session tag: a Key of 1 to 128 and a Value of 0 to 256 characters.
type Tag struct{ Key, Value string }

// ProvidedContext is a signed context assertion of a trusted provider.
type ProvidedContext struct {
	ProviderArn      string // 20 to 2048 characters
	ContextAssertion string // 4 to 2048 characters, secret
}

// lifetime is d, or the default of op.
func lifetime(op token.Operation, d time.Duration) time.Duration {
	if d == 0 {
		return stsfield.DefaultDuration(op)
	}
	return d
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
