// Package provider gives AWS credentials that all processes of a machine share: the command
// sts-helper, and every Go program that uses this package. Of all that need a token at a time
// one asks STS; the others wait for it and read it from the cache.
//
// A [Provider] is an [aws.CredentialsProvider]:
//
//	p, err := provider.New(provider.Config{Profile: "dev"})
//	cfg, err := config.LoadDefaultConfig(ctx, config.WithCredentialsProvider(p))
//
// What a profile is, which settings there are and where they come from is the same as for the
// command: see docs/reference/settings.md, or "sts-helper help process".
package provider

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// Config says which credentials are wanted. The zero value means what the variables of the
// environment and the default profile say, as for the command without flags.
type Config struct {
	// Profile is an entry of config.toml, or else an AWS profile: one whose
	// credential_process runs sts-helper means what that line says, any other one is the
	// source of the credentials that ask STS. "" means the settings alone.
	Profile string
	// Settings are settings by the names of the command's flags without their dashes, each
	// with its values: "role-arn": {"arn:aws:iam::111122223333:role/deploy"}. Switches have
	// the value "true". They win over variables and files.
	Settings map[string][]string
	// Getenv gives variables of the environment, "" for those that are not set; nil means
	// [os.Getenv].
	Getenv func(name string) string
	// NonInteractive forbids asking the user for an MFA code: where one would be needed the
	// error is of class [InteractionRequired].
	NonInteractive bool
	// LoginCommand is what errors tell the user to run where an MFA code is needed; "" means
	// the line of sts-helper that logs in to this very request.
	LoginCommand string
	// Log gets what happens at debug level, and failures that did no harm as warnings. It is
	// never given a secret. Nil means that nothing is logged.
	Log *slog.Logger
}

// Provider gives the credentials of one [Config]. It is safe for concurrent use. It keeps
// nothing in memory: put it into an [aws.CredentialsCache], as the SDK's own configuration does.
type Provider struct{ broker *broker.Provider }

var _ aws.CredentialsProvider = (*Provider)(nil)

// New makes the provider of a configuration. It reads the settings files, and asks IAM where the
// MFA device is to be found ("mfa-serial": {"auto"}); STS is not asked before
// [Provider.Retrieve]. Its errors have a class, see [ClassOf].
func New(c Config) (*Provider, error) {
	env := settings.ProcessEnvironment()
	if c.Getenv != nil {
		env.Getenv = c.Getenv
	}
	req, err := settings.LoadNamed(c.Profile, c.Settings, env)
	if err != nil {
		return nil, err
	}
	login := c.LoginCommand
	if login == "" {
		login = settings.LoginCommand(c.Profile, c.Settings, req)
	}
	p, err := broker.New(req, broker.Options{Env: env, NonInteractive: c.NonInteractive, LoginCommand: login, Log: c.Log})
	if err != nil {
		return nil, err
	}
	return &Provider{p}, nil
}

// Retrieve implements [aws.CredentialsProvider]: the credentials come from the cache while
// they are fresh, else from STS. It waits up to 25 s for another process that asks STS, and up
// to 55 s for one that asks the user for an MFA code, unless the setting "wait" says otherwise.
// Expires is set, and is at least ten seconds ahead. Errors have a class, see [ClassOf], and
// hold no secret.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	return p.broker.Retrieve(ctx)
}
