package broker

import (
	"cmp"
	"context"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/token"
)

// sourceTimeout is how long the source credentials may take: another helper, an SSO portal.
const sourceTimeout = 20 * time.Second

// sourceCredentials finds the credentials that sign p's request. It is called when a token
// has to be made and never on a hit: the SDK's own resolution takes milliseconds.
func (p *Provider) sourceCredentials(ctx context.Context) (token.Credentials, error) {
	ctx, cancel := context.WithTimeout(ctx, sourceTimeout)
	defer cancel()
	src := p.req.Source
	var creds token.Credentials
	var err error
	switch src.Kind {
	case request.SourceNone:
		return token.Credentials{}, nil
	case request.SourceEnvironment:
		creds = token.Credentials{
			AccessKeyID:     cmp.Or(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_ACCESS_KEY")),
			SecretAccessKey: cmp.Or(os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SECRET_KEY")),
			SessionToken:    os.Getenv("AWS_SESSION_TOKEN"),
		}
	case request.SourceStatic:
		creds, err = staticCredentials(ctx, src)
	case request.SourceProcess:
		creds, err = p.processCredentials(ctx)
	default:
		creds, err = p.resolve(ctx)
	}
	if err != nil {
		return token.Credentials{}, err
	}
	return creds, p.checkSource(creds)
}

// checkSource refuses credentials that are not the ones the token's key was made for, or
// that STS would refuse for this operation.
func (p *Provider) checkSource(creds token.Credentials) error {
	src := p.req.Source
	if !creds.HasKeys() {
		return failure.Sourcef(nil, "%s gave no access key", describeSource(src))
	}
	if src.AccessKeyID != "" && creds.AccessKeyID != src.AccessKeyID {
		return failure.Sourcef(nil, "the keys of %s changed while they were read (%s, then %s); try again", describeSource(src), src.AccessKeyID, creds.AccessKeyID)
	}
	temporary := creds.SessionToken != "" || strings.HasPrefix(creds.AccessKeyID, "ASIA")
	switch op := token.Operation(p.req.Operation); op {
	case token.GetSessionToken, token.GetFederationToken:
		if temporary {
			return failure.Sourcef(nil, "%s needs an IAM user's long-term access key, and %s gives temporary credentials (%s); name a profile with aws_access_key_id and aws_secret_access_key by --source-profile, or assume a role with --role-arn", op, describeSource(src), creds.AccessKeyID)
		}
	}
	return nil
}

func staticCredentials(ctx context.Context, src request.Source) (creds token.Credentials, err error) {
	defer recovered(&err, src)
	shared, err := config.LoadSharedConfigProfile(ctx, src.Profile, func(o *config.LoadSharedConfigOptions) {
		if src.ConfigFile != "" {
			o.ConfigFiles = []string{src.ConfigFile}
		}
		if src.CredentialsFile != "" {
			o.CredentialsFiles = []string{src.CredentialsFile}
		}
	})
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "AWS profile %s cannot be read: %s", display.Quote(src.Profile), display.Cause(err))
	}
	return fromSDK(shared.Credentials), nil
}

// recovered turns a panic of the SDK into an error: its reader of the shared files has some
// (a value that is a single quote, say), and a trace would show what it held.
func recovered(err *error, src request.Source) {
	if r := recover(); r != nil {
		*err = failure.Sourcef(nil, "the AWS SDK cannot read what defines %s; look for an odd quote in ~/.aws/config or ~/.aws/credentials", describeSource(src))
	}
}

// environment guards the process's own environment, through which the SDK hands the chain
// to a credential_process that it starts itself.
var environment sync.Mutex

// resolve lets the SDK find credentials: IAM Identity Center, login sessions, containers,
// instances. They are asked for once and not cached here.
func (p *Provider) resolve(ctx context.Context) (creds token.Credentials, err error) {
	defer recovered(&err, p.req.Source)
	environment.Lock()
	defer environment.Unlock()
	old, had := os.LookupEnv(ChainVariable)
	_ = os.Setenv(ChainVariable, strings.Join(p.chain.with(p), ","))
	defer func() {
		if had {
			_ = os.Setenv(ChainVariable, old)
		} else {
			_ = os.Unsetenv(ChainVariable)
		}
	}()
	src := p.req.Source
	opts := []func(*config.LoadOptions) error{config.WithRegion(p.req.Region)}
	if src.Profile != "" {
		opts = append(opts, config.WithSharedConfigProfile(src.Profile))
	}
	if src.ConfigFile != "" {
		opts = append(opts, config.WithSharedConfigFiles([]string{src.ConfigFile}))
	}
	if src.CredentialsFile != "" {
		opts = append(opts, config.WithSharedCredentialsFiles([]string{src.CredentialsFile}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, opts...)
	if err != nil {
		return token.Credentials{}, failure.Sourcef(err, "%s cannot be read: %s", describeSource(src), display.Cause(err))
	}
	found, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		e := failure.Sourcef(err, "%s gave no credentials: %s", describeSource(src), display.Cause(err))
		e.Final = false // a portal or an endpoint may come back
		return token.Credentials{}, e
	}
	return fromSDK(found), nil
}

// describeSource names the source as its owner would.
func describeSource(s request.Source) string {
	switch s.Kind {
	case request.SourceEnvironment:
		return "the environment (AWS_ACCESS_KEY_ID)"
	case request.SourceContainer:
		return "the container credentials endpoint"
	case request.SourceInstance:
		return "the instance metadata service"
	case request.SourceDefault:
		return "the default credential chain"
	}
	return "AWS profile " + display.Quote(s.Profile)
}
