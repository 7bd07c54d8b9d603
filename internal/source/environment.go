package source

import (
	"cmp"
	"context"

	"github.com/sts-helper/sts-helper/token"
)

// environment are the keys in the variables that the AWS SDKs read.
type environment struct{ getenv func(string) string }

func (e environment) Fetch(context.Context) (token.Credentials, error) {
	return token.Credentials{
		AccessKeyID:     cmp.Or(e.getenv("AWS_ACCESS_KEY_ID"), e.getenv("AWS_ACCESS_KEY")),
		SecretAccessKey: cmp.Or(e.getenv("AWS_SECRET_ACCESS_KEY"), e.getenv("AWS_SECRET_KEY")),
		SessionToken:    e.getenv("AWS_SESSION_TOKEN"),
	}, nil
}
