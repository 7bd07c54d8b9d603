package source

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// static are the keys in a profile of the shared files, read as the SDK reads them.
type static struct{ def request.Source }

func (s static) Fetch(ctx context.Context) (creds token.Credentials, err error) {
	defer recovered(&err, s.def)
	shared, err := config.LoadSharedConfigProfile(ctx, s.def.Profile, func(o *config.LoadSharedConfigOptions) {
		if s.def.ConfigFile != "" {
			o.ConfigFiles = []string{s.def.ConfigFile}
		}
		if s.def.CredentialsFile != "" {
			o.CredentialsFiles = []string{s.def.CredentialsFile}
		}
	})
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "%s cannot be read: %s", Describe(s.def), display.Cause(err))
	}
	return fromSDK(shared.Credentials), nil
}

// recovered turns a panic of the SDK into an error: its reader of the shared files has some
// (a value that is a single quote, say), and a trace would show what it held.
func recovered(err *error, def request.Source) {
	if r := recover(); r != nil {
		*err = failure.Sourcef(nil, "the AWS SDK cannot read what defines %s", Describe(def)).Do("look for an odd quote in ~/.aws/config or ~/.aws/credentials")
	}
}
