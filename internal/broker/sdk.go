package broker

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/token"
)

// The SDK's credentials are spoken at the edge alone: by Retrieve and by the requests that the
// SDK signs.

// toSDK are c as the SDK wants them, with this program as the source that its logs name.
func toSDK(c token.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		Source: "sts-helper", CanExpire: c.CanExpire, Expires: c.Expires, AccountID: c.AccountID,
	}
}

// signer gives the SDK the credentials that sign a request.
func signer(c token.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return toSDK(c), nil })
}
