package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const webIdentityHelp = `Print a token that says to another service who you are in AWS: a JWT of AWS STS (GetWebIdentityToken), for
clouds and services that trust your AWS account as an OpenID Connect provider.

    sts-helper web-identity ops --audience https://example.com
    sts-helper web-identity ops --audience https://example.com --signing-algorithm ES384 --duration 10m --tag Team=data

PROFILE is an entry of config.toml or, as for "sts-helper login", a profile of ~/.aws/config: a role, IAM Identity
Center, a user's key. The token is kept and renewed as credentials are, one for each audience.

Your account must have it enabled (aws iam enable-outbound-web-identity-federation), and who asks needs
sts:GetWebIdentityToken. AWS itself does not take this token for a role (AssumeRoleWithWebIdentity).`

// webIdentityFlags are what is asked for beside the credentials that ask.
type webIdentityFlags struct {
	audience, tags      []string
	algorithm, duration string
}

func (p *program) webIdentityCommand() *cobra.Command {
	var f webIdentityFlags
	cmd := &cobra.Command{
		Use:               "web-identity [PROFILE] --audience A [flags]",
		Short:             "Print a token (JWT) that says to another service who you are in AWS",
		Long:              webIdentityHelp,
		Args:              atMostOne("PROFILE"),
		ValidArgsFunction: p.completeName,
	}
	cmd.Flags().StringArrayVar(&f.audience, "audience", nil, "service `A` that the token is for; up to 10")
	cmd.Flags().StringVar(&f.algorithm, "signing-algorithm", "RS256", "`ALG` that AWS signs it with: RS256 or ES384")
	cmd.Flags().StringVar(&f.duration, "duration", "5m", "life of the token, a `TIME` from 1m to 1h")
	cmd.Flags().StringArrayVar(&f.tags, "tag", nil, "claim `K=V` that the token has besides; repeatable")
	flags := addSettings(cmd.Flags(), "duration", "tag", "granted", "federation-name")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := p.oneName(cmd.Context(), args, flags)
		if err != nil {
			return err
		}
		return p.webIdentity(cmd.Context(), name, flags, f)
	}
	return cmd
}

func (p *program) webIdentity(ctx context.Context, name string, flags settings.Flags, f webIdentityFlags) error {
	if len(f.audience) == 0 {
		return usageError{errors.New("--audience is missing: the service that the token is for, as that service says it")}
	}
	life, err := settings.DurationOf(f.duration)
	if err != nil {
		return usageError{fmt.Errorf("--duration: %s %w", display.Quote(f.duration), err)}
	}
	caller, err := settings.LoadNamed(name, flags, p.env)
	if err != nil {
		return err
	}
	req, err := f.request(caller, life)
	if err != nil {
		return err
	}
	prov, err := broker.New(req, broker.Options{Env: p.env, Log: p.logger(req.Verbose), LoginCommand: settings.LoginCommand(name, flags, caller)})
	if err != nil {
		return err
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return err
	}
	p.warnOf(answer)
	if err := p.mayPrint(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(p.stdout, answer.Token.Credentials.SessionToken); err != nil {
		return fmt.Errorf("the token could not be written: %w", err)
	}
	return nil
}

// request asks for the token with the credentials of caller.
func (f webIdentityFlags) request(caller *request.Request, life time.Duration) (*request.Request, error) {
	if limit := caller.MaxLife; limit.Life != 0 && life > limit.Life {
		return nil, failure.Configf("%s: this machine's policy: max_duration is %s, and %s is asked for by --duration", limit.Where, display.Duration(limit.Life), display.Duration(life)).Do("ask for no more")
	}
	req, ok := request.WebIdentity(caller, life)
	if !ok {
		return nil, &failure.Error{Class: failure.Configuration, Text: "a federation token and an accepted one cannot ask for a web identity token, nor can a user's session with a policy; name a role, or a profile whose credentials may, without a policy"}
	}
	req.Audience, req.SigningAlgorithm = f.audience, f.algorithm
	for _, tag := range f.tags {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			return nil, usageError{fmt.Errorf("--tag: %s is not a tag; write it like Team=ops", display.Quote(tag))}
		}
		req.Tags = append(req.Tags, request.Tag{Key: key, Value: value})
	}
	return req, nil
}
