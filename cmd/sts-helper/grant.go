package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/mfa"
	"github.com/sts-helper/sts-helper/profile"
	"github.com/sts-helper/sts-helper/provider"
	"github.com/sts-helper/sts-helper/token"
)

const grantHelp = `Make credentials that may do only what you say, and print them sealed for one person:
safe to mail or to paste. They open them with "sts-helper accept".

    sts-helper grant TemporaryUser --source-profile base --allow 'ec2:Describe*' \
        --duration 3h --to 'ssh-ed25519 AAAA...'

NAME becomes the federated user's name; with --role-arn it becomes the name of a session
of that role. Everything they do is logged under it. A granted token is never kept in
your own cache, and nobody can renew it: grant another.`

// grantFlags are the flags of grant beside the settings.
type grantFlags struct {
	to, github []string
	passphrase bool
	plain      bool
	note       string
}

func (p *program) grantCommand() *cobra.Command {
	var g grantFlags
	cmd := &cobra.Command{
		Use:   "grant NAME [flags]",
		Short: "Make narrowed credentials and seal them for another person",
		Long:  grantHelp,
		Args:  oneArgument("NAME, whom the credentials are for"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&g.to, "to", nil, "public key to seal for: age1..., ssh-ed25519 ... or ssh-rsa ...; repeatable")
	f.StringArrayVar(&g.github, "to-github-keys", nil, "`FILE` with the keys of a GitHub user (USER.keys); repeatable")
	f.BoolVar(&g.passphrase, "passphrase", false, "seal under a passphrase, asked for on the terminal")
	f.BoolVar(&g.plain, "plain", false, "do not seal: whoever sees the output can use the credentials")
	f.StringVar(&g.note, "note", "", "`TEXT` for the person who opens it")
	flags := addSettings(f, "federation-name", "role-session-name", "granted", "no-cache")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return p.grant(cmd.Context(), args[0], flags, g)
	}
	return cmd
}

func (p *program) grant(ctx context.Context, name string, flags profile.Flags, g grantFlags) error {
	// Whom it is for is settled before anything is asked of STS.
	recipients, err := p.recipients(g)
	if err != nil {
		return err
	}
	if _, role := flags["role-arn"]; role {
		flags.Set("role-session-name", name)
	} else {
		flags.Set("federation-name", name)
	}
	req, err := profile.Load(flags, p.env)
	if err != nil {
		return err
	}
	req.NoCache = true // theirs, not ours; what it is based on may still come from the cache
	prov, err := provider.New(req, provider.Options{Log: p.logger(req.Verbose)})
	if err != nil {
		return err
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return err
	}
	bundle := handoff.Bundle{
		Token: answer.Token, Issuer: p.issuer(req), For: name,
		Policy: req.Policy, Region: req.Region, Note: g.note,
	}
	var sealed bytes.Buffer // nothing is printed unless all of it is there
	if g.plain {
		err = handoff.SealPlain(&sealed, bundle)
	} else {
		err = handoff.Seal(&sealed, bundle, recipients...)
	}
	if err != nil {
		return fmt.Errorf("the token could not be sealed: %w", err)
	}
	if _, err := p.stdout.Write(sealed.Bytes()); err != nil {
		return fmt.Errorf("the token could not be written: %w", err)
	}
	p.tellGrant(req, answer.Token)
	return nil
}

// recipients reads the keys the token is sealed for. There must be one kind of them.
func (p *program) recipients(g grantFlags) ([]age.Recipient, error) {
	ways := 0
	for _, used := range []bool{len(g.to)+len(g.github) > 0, g.passphrase, g.plain} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		return nil, usageError{errors.New("say how the credentials travel, one of: --to KEY, --to-github-keys FILE, --passphrase, or --plain for no protection at all")}
	}
	if g.passphrase {
		secret, err := askNewPassphrase()
		if err != nil {
			return nil, err
		}
		r, err := handoff.PassphraseRecipient(secret)
		return []age.Recipient{r}, usageOf(err)
	}
	var all []age.Recipient
	for _, key := range g.to {
		r, err := handoff.ParseRecipients(key)
		if err != nil {
			return nil, usageError{fmt.Errorf("--to: %w", err)}
		}
		all = append(all, r...)
	}
	for _, name := range g.github {
		f, err := os.Open(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--to-github-keys: %w", err)}
		}
		r, skipped, err := handoff.ParseGitHubKeys(f)
		_ = f.Close()
		if err != nil {
			return nil, usageError{fmt.Errorf("--to-github-keys %s: %w", name, err)}
		}
		if skipped > 0 {
			fmt.Fprintf(p.stderr, "sts-helper: %d of the keys in %s cannot be sealed for and are passed over\n", skipped, mfa.Safe(name))
		}
		all = append(all, r...)
	}
	return all, nil
}

func usageOf(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// issuer is who grants, as far as this machine knows.
func (p *program) issuer(req *profile.Request) string {
	who := p.env.UserName()
	if host, err := os.Hostname(); err == nil && who != "" {
		who += "@" + host
	}
	if s := req.Source.Profile; s != "" {
		who = strings.TrimSpace(who + " (AWS profile " + s + ")")
	}
	const most = 256
	if len(who) > most {
		who = who[:most]
	}
	return strings.ToValidUTF8(who, "")
}

// tellGrant says on standard error what was given away, and how to take it back.
func (p *program) tellGrant(req *profile.Request, t token.Token) {
	end := t.Credentials.Expires
	say := func(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }
	if who := t.Principal(); who != nil {
		say("whom:   %s", mfa.Safe(who.ARN))
	}
	switch {
	case req.Policy != "":
		say("what:   %s", mfa.Safe(req.Policy))
	case len(req.PolicyARNs) == 0 && t.Operation == token.AssumeRole:
		say("what:   everything that %s may do: no session policy narrows it", mfa.Safe(req.RoleARN))
	case len(req.PolicyARNs) == 0:
		say("what:   nothing by its own policies: there is no session policy")
	}
	for _, arn := range req.PolicyARNs {
		say("what:   at most %s", mfa.Safe(arn))
	}
	if size := t.PackedPolicySize; size != nil {
		say("size:   %d %% of what AWS takes as policies and tags", *size)
	}
	say("until:  %s (%s)", end.Local().Format("Mon 2 Jan 15:04 MST"), time.Until(end).Round(time.Minute))
	if t.Operation == token.GetFederationToken {
		say("revoke: attach to the IAM user whose key made it a policy that denies * on * where aws:TokenIssueTime is before now; that ends every session of this user")
	} else {
		say("revoke: in IAM, revoke the active sessions of the role (a policy that denies * where aws:TokenIssueTime is before now); that ends every session of it")
	}
}
