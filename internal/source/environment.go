package source

import (
	"cmp"
	"context"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/token"
)

// environment are the keys in the variables that the AWS SDKs read.
type environment struct{ getenv func(string) string }

func (e environment) Fetch(context.Context) (token.Credentials, error) {
	id := cmp.Or(e.getenv("AWS_ACCESS_KEY_ID"), e.getenv("AWS_ACCESS_KEY"))
	return token.Credentials{
		AccessKeyID:     id,
		SecretAccessKey: cmp.Or(e.getenv("AWS_SECRET_ACCESS_KEY"), e.getenv("AWS_SECRET_KEY")),
		SessionToken:    awsconfig.TokenOf(id, e.getenv("AWS_SESSION_TOKEN"), e.getenv("AWS_SECURITY_TOKEN")),
	}, nil
}
