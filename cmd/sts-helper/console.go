package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/token"
)

const consoleHelp = `Print a URL that signs in to the AWS console with a profile's credentials, or open it. The
URL is good for 15 minutes, and it signs in any user who has it.

    sts-helper console dev
    sts-helper console dev --open --destination s3
    sts-helper console dev --allow 's3:Get*'

AWS takes credentials of a role or of a federation token. Those of GetSessionToken, with MFA
or without, it does not: name a role, or a federation name with what it may do:

    sts-helper console --source-profile base --federation-name ana --allow 's3:*'`

func (p *program) consoleCommand() *cobra.Command {
	var open bool
	var destination string
	cmd := &cobra.Command{
		Use:               "console [PROFILE] [flags]",
		Short:             "Sign in to the AWS console",
		Long:              consoleHelp,
		Args:              atMostOne("PROFILE"),
		ValidArgsFunction: p.completeName,
	}
	cmd.Flags().BoolVar(&open, "open", false, "open the URL in the browser of this machine")
	cmd.Flags().StringVar(&destination, "destination", "", "`PAGE` to begin with: a URL of the console, or a service such as s3")
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		name, err := p.oneName(cmd.Context(), args, flags)
		if err != nil {
			return err
		}
		signIn, err := p.console(cmd.Context(), name, flags, destination)
		if err != nil {
			return err
		}
		if open {
			remote := p.remote()
			if remote == "" {
				p.openBrowser(name, signIn)
				return nil
			}
			p.progress("no browser is opened, since %s; open this in one:", remote)
		}
		return p.say("%s", signIn)
	}
	return cmd
}

// console is a URL that signs in with the credentials of a profile.
func (p *program) console(ctx context.Context, name string, flags settings.Flags, destination string) (string, error) {
	t, a, err := p.tokenOf(ctx, name, flags)
	if err != nil {
		return "", err
	}
	c := a.Token.Credentials
	// "Only federation tokens or assume role tokens may be used for federated login", says the
	// sign-in page (github.com/99designs/aws-vault/issues/1191).
	if a.Token.Operation == token.GetSessionToken || c.SessionToken == "" || ofUsersSession(t.Request()) {
		return "", failure.Configf("AWS allows no console sign-in with credentials of GetSessionToken, which %s gives", t.name).
			Do("name a role with --role-arn, or add --federation-name NAME with --allow, --policy or --policy-arn")
	}
	federation, home, err := signInHosts(t.Request())
	if err != nil {
		return "", err
	}
	page, err := consolePage(home, t.Request().Region, destination)
	if err != nil {
		return "", err
	}
	waited := p.waitsFor(federation)
	signInToken, err := askSignInToken(ctx, t, federation, c)
	waited()
	if err != nil {
		return "", err
	}
	return federation + "?" + url.Values{"Action": {"login"}, "Issuer": {"sts-helper"}, "Destination": {page}, "SigninToken": {signInToken}}.Encode(), nil
}

// signInHosts are the federation endpoint and the console of the partition that r asks. Where STS is
// on loopback, so are they.
func signInHosts(r *request.Request) (federation, home string, err error) {
	if u, err := url.Parse(r.Endpoint); err == nil && r.Endpoint != "" && awsname.IsLoopback(u.Hostname()) {
		origin := u.Scheme + "://" + u.Host
		return origin + "/federation", origin, nil
	}
	part := awsname.PartitionNamed(r.Partition)
	if part == nil {
		part = awsname.PartitionOf(r.Region)
	}
	if part == nil {
		return "", "", failure.Configf("region %s is in no partition whose console is known", display.Quote(r.Region)).Do("set --region")
	}
	return "https://" + part.SignInHost + "/federation", "https://" + strings.Replace(part.SignInHost, "signin.", "console.", 1), nil
}

// consolePage is the page of the console at home that is meant.
func consolePage(home, region, destination string) (string, error) {
	query := ""
	if awsname.ValidRegion(region) && region != "aws-global" {
		query = "?region=" + url.QueryEscape(region)
	}
	switch u, err := url.Parse(destination); {
	case destination == "":
		return home + "/console/home" + query, nil
	case err == nil && u.Scheme != "" && u.Host != "":
		h, _ := url.Parse(home)
		if u.Scheme != h.Scheme || u.Host != h.Host && !strings.HasSuffix(u.Host, "."+h.Host) {
			return "", usageError{fmt.Errorf("--destination %s is no page of %s", display.Quote(destination), home)}
		}
		return destination, nil
	case strings.Trim(destination, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return "", usageError{fmt.Errorf("--destination is a URL of the console or a service such as s3, not %s", display.Quote(destination))}
	}
	return home + "/" + destination + "/home" + query, nil
}

const (
	signInTimeout  = 20 * time.Second
	maxSignInToken = 64 << 10 // bytes
)

// askSignInToken exchanges credentials for a token that signs in
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_enable-console-custom-url.html).
// The URL of that request holds a secret and is in no error.
func askSignInToken(ctx context.Context, t *target, federation string, c token.Credentials) (string, error) {
	pem, err := t.CABundle()
	if err != nil {
		return "", err
	}
	roots, err := transport.Roots(pem)
	if err != nil {
		return "", failure.Configf("%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, signInTimeout)
	defer cancel()
	session, err := json.Marshal(map[string]string{"sessionId": c.AccessKeyID, "sessionKey": c.SecretAccessKey, "sessionToken": c.SessionToken})
	if err != nil {
		return "", err
	}
	away := func(what string) error {
		return &failure.Error{Class: failure.Unreachable, Text: "the sign-in service at " + federation + " " + what}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, federation+"?"+url.Values{"Action": {"getSigninToken"}, "Session": {string(session)}}.Encode(), http.NoBody)
	if err != nil {
		return "", away("has no usable address")
	}
	resp, err := transport.New(roots, signInTimeout).RoundTrip(req)
	if err != nil {
		return "", away("cannot be reached: " + display.Safe(display.Innermost(err)))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSignInToken))
	var answer struct{ SigninToken string }
	switch {
	case err != nil:
		return "", away("did not finish its answer")
	case resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusForbidden:
		return "", &failure.Error{Class: failure.Denied, Text: fmt.Sprintf("the sign-in service refused the credentials (%s): they have ended, or are of a kind that may not sign in", display.Safe(resp.Status)),
			Run: "sts-helper login --force " + display.ShellWord(t.name)}
	case resp.StatusCode != http.StatusOK:
		return "", away("answered " + display.Safe(resp.Status))
	case json.Unmarshal(body, &answer) != nil || answer.SigninToken == "":
		return "", away("gave no sign-in token")
	}
	return answer.SigninToken, nil
}

// ofUsersSession reports whether what r narrows is a session of a user's keys.
func ofUsersSession(r *request.Request) bool {
	return r.Scoped() && unnarrowed(r).Operation == string(token.GetSessionToken)
}
