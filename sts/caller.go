package sts

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// callerOperation is the operation of [Client.Caller], which gives no credentials.
const callerOperation token.Operation = "GetCallerIdentity"

// Caller asks whose the credentials are: the unique id (UserId) and the ARN of who signs with them. No
// permission is needed for it. Its errors and its time are those of [Client.Do].
func (c *Client) Caller(ctx context.Context, source aws.CredentialsProvider) (token.Principal, error) {
	r := &callerRequest{}
	if _, err := c.exchange(ctx, r, source); err != nil {
		return token.Principal{}, err
	}
	return r.caller, nil
}

// callerRequest is GetCallerIdentity, sent in the way of the requests for credentials.
type callerRequest struct {
	SessionRequest // without a field: nothing to validate, no code, no secrets
	caller         token.Principal
}

func (*callerRequest) Operation() token.Operation { return callerOperation }

func (*callerRequest) Validate() error { return nil }

func (r *callerRequest) send(ctx context.Context, c *awssts.Client) (answer, error) {
	out, err := c.GetCallerIdentity(ctx, &awssts.GetCallerIdentityInput{})
	if err != nil {
		return answer{}, err
	}
	r.caller = token.Principal{ID: aws.ToString(out.UserId), ARN: aws.ToString(out.Arn)}
	return answer{}, nil
}

// verify checks that the answer names somebody, in the account that the key is of.
func (r *callerRequest) verify(where callContext) error {
	arn, ok := awsname.ParseARN(r.caller.ARN)
	switch {
	case !token.ValidSecret(r.caller.ID) || len(r.caller.ID) > maxSaid || len(r.caller.ARN) > maxSaid || !ok || !display.Printable(r.caller.ARN):
		return errors.New("the answer does not say whose the credentials are")
	case where.partition != "" && arn.Partition != where.partition:
		return identityMismatch("it is of partition %s, and %s was asked", display.Quote(arn.Partition), where.partition)
	case where.sourceAccount != "" && arn.Account != where.sourceAccount:
		return identityMismatch("it is of account %s, and the key is of %s", display.Quote(arn.Account), where.sourceAccount)
	}
	return nil
}
