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
	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/passphrase"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/policy"
	"github.com/sts-helper/sts-helper/token"
)

const grantHelp = `Make credentials that may do only what you say, and print them sealed for one user:
safe to mail or to paste. They open them with "sts-helper accept".

    sts-helper grant TemporaryUser --source-profile base --allow 'ec2:Describe*' \
        --duration 3h --to 'ssh-ed25519 AAAA...'

NAME becomes the federated user's name; with --role-arn it becomes the name of a session
of that role. Everything they do is logged under it. A granted token is never kept in
your own cache, and cannot be renewed: grant another.`

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
		Short: "Make narrowed credentials and seal them for another user",
		Long:  grantHelp,
		Args:  oneArgument("NAME, whom the credentials are for"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVar(&g.to, "to", nil, "public key to seal for: age1..., ssh-ed25519 ... or ssh-rsa ...; repeatable")
	f.StringArrayVar(&g.github, "to-github-keys", nil, "`FILE` with the keys of a GitHub user (USER.keys); repeatable")
	f.BoolVar(&g.passphrase, "passphrase", false, "seal under a passphrase, asked for on the terminal")
	f.BoolVar(&g.plain, "plain", false, "do not seal: everyone who sees the output can use the credentials")
	f.StringVar(&g.note, "note", "", "`TEXT` for the user who opens it")
	flags := addSettings(f, "federation-name", "role-session-name", "granted", "no-cache")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		profile, err := p.pickOne(cmd.Context(), flags)
		if err != nil {
			return err
		}
		if profile != "" {
			flags.Set("profile", profile)
		}
		return p.grant(cmd.Context(), args[0], flags, g)
	}
	return cmd
}

func (p *program) grant(ctx context.Context, name string, flags settings.Flags, g grantFlags) error {
	if !open(p.stdout) {
		return errors.New("standard output is closed; the credentials have nowhere to go")
	}
	// Whom it is for is settled before anything is asked of STS.
	if g.plain {
		if err := settings.MayGrantPlain(p.env); err != nil {
			return err
		}
	}
	recipients, err := p.recipients(ctx, g)
	if err != nil {
		return err
	}
	if err := checkNote(g.note); err != nil {
		return err
	}
	req, err := p.grantRequest(name, flags)
	if err != nil {
		return err
	}
	if g.passphrase {
		if recipients, err = passphraseRecipient(ctx); err != nil {
			return err
		}
	}
	prov, err := broker.New(req, broker.Options{Env: p.env, Log: p.logger(req.Verbose)})
	if err != nil {
		return err
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return err
	}
	bundle := handoff.Bundle{
		Token: answer.Token, Issuer: p.issuer(req), For: name,
		Policy: lastPolicy(req), Region: req.Region, Note: g.note,
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
	if c, on := p.auditLog(); on {
		l := line(audit.Grant, name, answer.Token)
		l.UID = -1 // of the user who can open it
		p.log(c, l)
	}
	if _, err := p.stdout.Write(sealed.Bytes()); err != nil {
		return fmt.Errorf("the token could not be written: %w", err)
	}
	p.reportGrant(req, answer.Token)
	return nil
}

// grantRequest is what the settings ask for under that name: a federation token, or a session
// of the role that a flag, a variable or the config file names. Nothing else is ever given away.
func (p *program) grantRequest(name string, flags settings.Flags) (*request.Request, error) {
	role, err := settings.IsSet(flags, p.env, "role-arn")
	if err != nil {
		return nil, err
	}
	setting, said := "federation-name", "NAME without --role-arn"
	if role {
		setting, said = "role-session-name", "NAME"
	}
	flags.Set(setting, name)
	req, err := settings.Load(flags, p.env)
	var wrong *settings.Error
	if errors.As(err, &wrong) {
		// The user did not type that flag.
		e := *wrong
		e.Where = strings.ReplaceAll(e.Where, "--"+setting, said)
		e.What = strings.ReplaceAll(e.What, "--"+setting, said)
		return nil, &e
	}
	if err != nil {
		return nil, err
	}
	if req.Instead {
		return nil, failure.Configf("%s asks, and agents get the credentials of %s whatever they ask for: these are not granted", req.Agent, display.Quote(req.Name)).Do("run it yourself")
	}
	req.NoCache = true // theirs, not ours; what it is based on may still come from the cache
	return req, nil
}

// checkNote refuses what [handoff.Seal] would refuse once the token is there.
func checkNote(note string) error {
	if len(note) > handoff.MaxNote {
		return usageError{fmt.Errorf("--note: %d bytes are too many, %d are the most", len(note), handoff.MaxNote)}
	}
	if !display.PrintableLines(note) {
		return usageError{errors.New("--note: has characters that cannot be shown")}
	}
	return nil
}

// recipients reads the keys the token is sealed for, of exactly one of the ways it may travel.
func (p *program) recipients(ctx context.Context, g grantFlags) ([]age.Recipient, error) {
	ways := 0
	for _, used := range []bool{len(g.to)+len(g.github) > 0, g.passphrase, g.plain} {
		if used {
			ways++
		}
	}
	if ways != 1 {
		return nil, usageError{errors.New("say how the credentials travel, one of: --to KEY, --to-github-keys FILE, --passphrase, or --plain for no protection at all")}
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
		data, err := readInput(ctx, name)
		var r []age.Recipient
		skipped := 0
		if err == nil {
			r, skipped, err = handoff.ParseGitHubKeys(bytes.NewReader(data))
		}
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--to-github-keys %s: %w", display.Safe(name), err)}
		}
		if skipped > 0 {
			fmt.Fprintf(p.stderr, "sts-helper: %d of the keys in %s cannot be sealed for and are passed over\n", skipped, display.Safe(name))
		}
		all = append(all, r...)
	}
	return all, nil
}

func passphraseRecipient(ctx context.Context) ([]age.Recipient, error) {
	secret, err := passphrase.AskNew(ctx, "Passphrase to seal under (tell it on another way): ")
	if err != nil {
		return nil, err
	}
	r, err := handoff.PassphraseRecipient(secret)
	if err != nil {
		return nil, usageError{err}
	}
	return []age.Recipient{r}, nil
}

// issuer is who grants, as far as this machine knows.
func (p *program) issuer(req *request.Request) string {
	who := p.env.UserName()
	if host, err := os.Hostname(); err == nil && who != "" {
		who += "@" + host
	}
	if s := req.Source.Profile; s != "" {
		who = strings.TrimSpace(who + " (AWS profile " + s + ")")
	}
	if who = display.Safe(who); len(who) > handoff.MaxName {
		who = strings.ToValidUTF8(who[:handoff.MaxName], "")
	}
	return who
}

// reportGrant says on standard error what was given away, and how to take it back.
func (p *program) reportGrant(req *request.Request, t token.Token) {
	say := func(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }
	if who := t.Principal(); who != nil {
		say("identity: %s", display.Safe(who.ARN))
	}
	bottom := unnarrowed(req)
	all := req.Policies()
	for n, r := range all {
		for i, line := range describePolicy(r.Policy) {
			say("%-10s%s", []string{[]string{"what:", "and then:"}[min(n, 1)], ""}[min(i, 1)], line)
		}
		for _, arn := range r.PolicyARNs {
			say("what:     at most %s", display.Safe(arn))
		}
	}
	switch {
	case len(all) > 0:
	case bottom.RoleARN != "":
		say("what:     everything that %s may do: no session policy narrows it", display.Safe(bottom.RoleARN))
	default:
		say("what:     nothing by its own policies: there is no session policy")
	}
	if percent, ok := t.SizePercent(); ok {
		say("size:     %d %% of what AWS allows for the session token, its policies and tags", percent)
		if warning := broker.SizeWarning(t); warning != "" {
			say("        %s", warning)
		}
	}
	say("until:    %s", endOf(t))
	if bottom.FederationName != "" {
		say("revoke:   attach to the IAM user whose key made it a policy that denies * on * where aws:TokenIssueTime is before now; that ends every session of this user")
	} else {
		say("revoke:   in IAM, revoke the active sessions of the role (a policy that denies * where aws:TokenIssueTime is before now); that ends every session of it")
	}
}

// endOf is when a token ends, for the user who gives it away, or gets it.
func endOf(t token.Token) string {
	end := t.Credentials.Expires
	return end.Local().Format("Mon 2 Jan 15:04 MST") + " (" + time.Until(end).Round(time.Minute).String() + ")"
}

// lastPolicy is the inline policy that narrows most, "" for none.
func lastPolicy(r *request.Request) string {
	for ; r != nil; r = r.Base {
		if r.Policy != "" {
			return r.Policy
		}
	}
	return ""
}

// unnarrowed is the request whose session r narrows, r itself where it does not.
func unnarrowed(r *request.Request) *request.Request {
	for r.Scoped() && r.Base != nil {
		r = r.Base
	}
	return r
}

// describePolicy says what a session policy says, a line a statement.
func describePolicy(document string) []string {
	if document == "" {
		return nil
	}
	parsed, err := policy.Parse([]byte(document))
	if err != nil { // of a newer policy language, say
		return []string{"at most " + display.Safe(document)}
	}
	var lines []string
	for _, s := range parsed.Statements() {
		line := "may do at most "
		if s.Effect == "Deny" {
			line = "may not do "
		}
		line += patterns(s.Action, s.NotAction) + " on " + patterns(s.Resource, s.NotResource)
		if s.Conditional {
			line += ", under conditions"
		}
		lines = append(lines, display.Safe(line))
	}
	return lines
}

func patterns(these, butThese []string) string {
	if len(butThese) > 0 {
		return "all but " + strings.Join(butThese, ", ")
	}
	return strings.Join(these, ", ")
}
