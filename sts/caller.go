package sts

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/token"
)

// callerOperation is the operation of [Client.Caller], which gives no credentials.
const callerOperation token.Operation = "GetCallerIdentity"

// Caller asks whose the credentials are: the unique id (UserId) and the ARN of who signs with them. No
// permission is needed for it. Its errors and its time are those of [Client.Do].
func (c *Client) Caller(ctx context.Context, source aws.CredentialsProvider) (token.Principal, error) {
	t, err := c.exchange(ctx, Request{Operation: callerOperation}, source)
	if err != nil {
		return token.Principal{}, err
	}
	return *t.AssumedRole, nil
}

// verifyCaller checks that the answer names an identity, in the account that the key is of.
func verifyCaller(p *token.Principal, where callContext) error {
	arn, ok := awsname.ParseARN(p.ARN)
	switch {
	case !token.ValidSecret(p.ID) || len(p.ID) > maxSaid || len(p.ARN) > maxSaid || !ok || !display.Printable(p.ARN):
		return errors.New("the answer does not say whose the credentials are")
	case where.partition != "" && arn.Partition != where.partition:
		return identityMismatch("it is of partition %s, and %s was asked", display.Quote(arn.Partition), where.partition)
	case where.sourceAccount != "" && arn.Account != where.sourceAccount:
		return identityMismatch("it is of account %s, and the key is of %s", display.Quote(arn.Account), where.sourceAccount)
	}
	return nil
}
