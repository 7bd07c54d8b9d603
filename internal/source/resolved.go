package source

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/token"
)

// resolved is what the platform gives, asked for as the SDK asks: a container's endpoint, or instance metadata, which
// the SDK's default chain ends with. The SDK itself would give the role of a profile that has one, too, and what is
// asked for here is what that role is assumed with.
type resolved struct {
	def    request.Source
	region string
	getenv func(string) string
}

func (r resolved) Fetch(ctx context.Context) (creds token.Credentials, err error) {
	defer recovered(&err, r.def)
	provider, err := r.provider(ctx)
	if err != nil {
		return token.Credentials{}, err
	}
	found, err := provider.Retrieve(ctx)
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

func (r resolved) provider(ctx context.Context) (aws.CredentialsProvider, error) {
	if r.def.Kind == request.SourceContainer {
		return r.container(ctx)
	}
	// The profile says where instance metadata is.
	opts := []func(*config.LoadOptions) error{config.WithRegion(r.region), config.WithCredentialsProvider(aws.AnonymousCredentials{})}
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
		return nil, failure.Sourcef(err, "%s cannot be read: %s", Describe(r.def), display.Cause(err))
	}
	return ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.NewFromConfig(cfg) }), nil
}

// The variables of the endpoint of a container, beside [containerVariable]
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
const (
	relativeVariable  = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	tokenVariable     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	tokenFileVariable = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

	ecsAddress = "169.254.170.2"
)

// containerHosts are those that may be asked without TLS, beside loopback (config v1.33.15 resolve_credentials.go).
var containerHosts = [...]string{ecsAddress, "169.254.170.23", "fd00:ec2::23"}

// container asks as the SDK does (resolveLocalHTTPCredProvider and resolveHTTPCredProvider there).
func (r resolved) container(ctx context.Context) (aws.CredentialsProvider, error) {
	endpoint := r.getenv(containerVariable)
	if path := r.getenv(relativeVariable); path != "" {
		endpoint = "http://" + ecsAddress + path
	} else if err := checkContainer(ctx, endpoint); err != nil {
		return nil, failure.Sourcef(err, "%s cannot be asked: %s %s", Describe(r.def), containerVariable, err.Error())
	}
	return endpointcreds.New(endpoint, func(o *endpointcreds.Options) {
		o.AuthorizationToken = r.getenv(tokenVariable)
		if file := r.getenv(tokenFileVariable); file != "" {
			o.AuthorizationTokenProvider = endpointcreds.TokenProviderFunc(func() (string, error) {
				data, _, err := safefile.Read(file, request.MaxIdentityToken)
				return string(data), err
			})
		}
	}), nil
}

// checkContainer refuses an endpoint to which a token would be sent in the clear. Errors do not repeat it.
func checkContainer(ctx context.Context, endpoint string) error {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Hostname() == "":
		return errors.New("is no URL")
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return errors.New("is neither https nor http")
	}
	addresses := []string{u.Hostname()}
	if _, err := netip.ParseAddr(u.Hostname()); err != nil {
		if addresses, err = net.DefaultResolver.LookupHost(ctx, u.Hostname()); err != nil {
			return errors.New("has a host that is not found: " + display.Safe(display.Cause(err)))
		}
	}
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err != nil || !a.IsLoopback() && !slices.Contains(containerHosts[:], a.Unmap().String()) {
			return errors.New("is http, and its host " + display.Quote(u.Hostname()) + " neither loopback nor one of ECS or EKS")
		}
	}
	return nil
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
