package source

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// resolved is what the SDK finds: IAM Identity Center, login sessions, containers, instances.
type resolved struct {
	def    request.Source
	region string
}

func (r resolved) Fetch(ctx context.Context) (creds token.Credentials, err error) {
	defer recovered(&err, r.def)
	opts := []func(*config.LoadOptions) error{config.WithRegion(r.region)}
	if r.def.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(r.def.Profile))
	}
	if r.def.ConfigFile != "" {
		opts = append(opts, config.WithSharedConfigFiles([]string{r.def.ConfigFile}))
	}
	if r.def.CredentialsFile != "" {
		opts = append(opts, config.WithSharedCredentialsFiles([]string{r.def.CredentialsFile}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "%s cannot be read: %s", Describe(r.def), display.Cause(err))
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		e := failure.Sourcef(err, "%s gave no credentials: %s", Describe(r.def), display.Cause(err))
		if r.def.Kind == request.SourceDefault && r.def.Profile == "" {
			e.Text = "there are no credentials to begin with: no keys in variables, no default profile in AWS's files, and no role of a container or an instance (" + display.Cause(err) + ")"
			e.Next, e.Run = "name a profile that has some with --source-profile, or make one", "sts-helper setup"
		}
		e.Final = false // a portal or an endpoint may come back
		return token.Credentials{}, e
	}
	return fromSDK(found), nil
}

func fromSDK(c aws.Credentials) token.Credentials {
	return token.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken,
		CanExpire: c.CanExpire, Expires: c.Expires, AccountID: c.AccountID,
	}
}

// recovered turns a panic of the SDK into an error: its reader of the shared files has some
// (a value that is a single quote, say), and a trace would show what it held.
func recovered(err *error, def request.Source) {
	if r := recover(); r != nil {
		*err = failure.Sourcef(nil, "the AWS SDK cannot read what defines %s", Describe(def)).Do("look for an odd quote in ~/.aws/config or ~/.aws/credentials")
	}
}
