package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/passphrase"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/stsfield"
)

const acceptHelp = `Open credentials that another user granted you, from a file or from standard input, keep
them in the cache, and print what to put into ~/.aws/config.

    sts-helper accept sealed.txt
    sts-helper accept sealed.txt --identity key.txt --name ci

Without --identity your SSH keys (~/.ssh/id_ed25519, ~/.ssh/id_rsa) are tried; a
passphrase is asked for on the terminal. Nothing is kept of what cannot be opened, is
damaged, or has ended. A token of another identity or issuer that has the name already is
not replaced, unless --replace says so. What the sender wrote is shown as unverified.`

type acceptFlags struct {
	identities []string
	name       string
	format     string
	plain      bool
	replace    bool
	cacheDir   string
}

func (p *program) acceptCommand() *cobra.Command {
	var a acceptFlags
	cmd := &cobra.Command{
		Use:   "accept [FILE]",
		Short: "Open credentials that another user granted",
		Long:  acceptHelp,
		Args:  atMostOne("FILE"),
		RunE:  func(cmd *cobra.Command, args []string) error { return p.accept(cmd.Context(), args, a) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&a.identities, "identity", "i", nil, "`FILE` with your private age or SSH key; repeatable")
	f.StringVar(&a.name, "name", "", "`NAME` to keep the credentials under (default: the name they were granted to)")
	addFormat(cmd, &a.format, "print the credentials instead, as `FORMAT`, and keep nothing: "+formats())
	f.BoolVar(&a.plain, "plain", false, "take a token that was not sealed")
	f.BoolVar(&a.replace, "replace", false, "put it in the place of a token of another identity, account or issuer with the same name")
	f.StringVar(&a.cacheDir, "cache-dir", "", "`DIR` of the cache [STS_HELPER_CACHE_DIR]")
	return cmd
}

func (p *program) accept(ctx context.Context, args []string, a acceptFlags) error {
	format, err := parseFormat(a.format)
	if err != nil {
		return err
	}
	if a.name != "" && !validName(a.name) {
		return usageError{fmt.Errorf("--name: %q cannot name credentials; use letters, digits and _ . = , @ + -, at most 64", display.Safe(a.name))}
	}
	bundle, err := p.openBundle(ctx, args, a)
	if err != nil {
		return err
	}
	name := cmp.Or(a.name, bundle.For)
	if !validName(name) {
		if format == "" {
			return usageError{errors.New("the credentials were granted to a name that cannot be used here; name them with --name")}
		}
		name = "accepted"
	}
	// They are kept where "sts-helper --granted NAME" will look for them.
	flags := settings.Flags{"granted": {name}}
	if a.cacheDir != "" {
		flags.Set("cache-dir", a.cacheDir)
	}
	req, err := settings.Load(flags, p.env)
	if err != nil {
		return err
	}
	prov, err := broker.New(req, broker.Options{Env: p.env})
	if err != nil {
		return err
	}
	if format != "" {
		if err := prov.MayHandOut(bundle.Token); err != nil {
			return err
		}
		return p.print(format, bundle.For, bundle.Token, bundle.Region)
	}
	replaced, err := prov.Accept(bundle.Token, bundle.Issuer, a.replace)
	if err != nil {
		return err
	}
	command := "sts-helper --granted " + name
	if a.cacheDir != "" {
		command += " --cache-dir " + display.ShellWord(req.CacheDir)
	}
	return p.reportAccept(name, command, bundle, replaced)
}

// openBundle reads and opens what was given.
func (p *program) openBundle(ctx context.Context, args []string, a acceptFlags) (handoff.Bundle, error) {
	name, from := "-", "standard input"
	if len(args) == 1 && args[0] != "-" {
		name, from = args[0], args[0]
	} else if p.terminal(os.Stdin) {
		_ = ctx.Done() // begins to watch for the Ctrl-C that may follow at once
		fmt.Fprintln(p.stderr, "paste the sealed token, then press Ctrl-D:")
	}
	data, err := readInput(ctx, name)
	switch {
	case ctx.Err() != nil:
		return handoff.Bundle{}, err
	case err != nil:
		return handoff.Bundle{}, usageError{fmt.Errorf("%s cannot be read: %w; name the file with the sealed token, or - for standard input", display.Safe(from), err)}
	}
	var b handoff.Bundle
	if a.plain {
		b, err = handoff.OpenPlain(bytes.NewReader(data))
	} else {
		var identities []age.Identity
		if identities, err = p.identities(ctx, a.identities); err != nil {
			return handoff.Bundle{}, err
		}
		b, err = handoff.Open(bytes.NewReader(data), identities...)
	}
	switch {
	case err == nil:
		return b, nil
	case failure.ClassOf(err) == failure.InteractionRequired || ctx.Err() != nil:
		return handoff.Bundle{}, err
	case errors.Is(err, handoff.ErrWrongPassphrase):
		return handoff.Bundle{}, failure.Interactionf(err, "", "%s: %v", display.Safe(from), err)
	}
	e := &settings.Error{Kind: settings.Config, Where: display.Safe(from), What: err.Error(), Err: err}
	switch {
	case errors.Is(err, handoff.ErrWrongRecipient) && len(a.identities) == 0:
		e.Do = "name the file with the right one by --identity"
	case errors.Is(err, handoff.ErrNotSealed) && bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")):
		e.Do = "--plain takes one that was not sealed"
	}
	return handoff.Bundle{}, e
}

// identities are the keys that may open the token: those named, else the user's SSH keys.
func (p *program) identities(ctx context.Context, files []string) ([]age.Identity, error) {
	named := len(files) > 0
	if home := p.env.HomeDir(); !named && home != "" {
		for _, name := range []string{"id_ed25519", "id_rsa"} {
			files = append(files, filepath.Join(home, ".ssh", name))
		}
	}
	var all []age.Identity
	for _, file := range files {
		ids, err := readIdentities(ctx, file)
		if ctx.Err() != nil {
			return nil, err
		}
		if err != nil && named {
			return nil, usageError{fmt.Errorf("--identity %s: %w", display.Safe(file), err)}
		}
		all = append(all, ids...)
	}
	return append(all, handoff.PassphraseIdentity(func() ([]byte, error) { return passphrase.Ask(ctx, "Passphrase of the sealed token: ") })), nil
}

func readIdentities(ctx context.Context, file string) ([]age.Identity, error) {
	data, err := readInput(ctx, file)
	if err != nil {
		return nil, err
	}
	return handoff.ParseIdentities(data, func() ([]byte, error) {
		return passphrase.Ask(ctx, "Passphrase of "+display.Safe(file)+": ")
	})
}

// validName reports whether s can name an accepted token: what IAM allows in names, and
// nothing that a shell or a config file would take for something else.
func validName(s string) bool {
	const most = 64
	return stsfield.AllName(s) && len(s) <= most && s[0] != '-'
}

// reportAccept prints the lines for the user's config, and says on standard error what they
// have and for how long.
//
// Nothing vouches for what the sender wrote but the sender: AWS only says whose a token is when it
// is used.
func (p *program) reportAccept(name, command string, b handoff.Bundle, replaced *cache.Record) error {
	say := func(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }
	if r := replaced; r != nil {
		what := "key " + r.Token.Credentials.AccessKeyID
		if who := r.Token.Principal(); who != nil {
			what = display.Safe(who.ARN) + ", " + what
		}
		if r.Note != "" {
			what += ", from " + display.Safe(r.Note) + " (unverified)"
		}
		left := remaining.Text(r.Remaining())
		if r.Remaining() > 0 {
			left += " left"
		}
		say("replaced: %s, %s", what, left)
	}
	if b.Issuer != "" {
		say("from:     %s (unverified)", display.Safe(b.Issuer))
	}
	if who := b.Token.Principal(); who != nil {
		say("identity: %s (unverified)", display.Safe(who.ARN))
	}
	for i, line := range describePolicy(b.Policy) {
		say("%-10s%s (unverified)", []string{"what:", ""}[min(i, 1)], line)
	}
	say("until:    %s; it cannot be renewed, only granted again", endOf(b.Token))
	if b.Note != "" {
		say("note:     %s (unverified)", display.Safe(b.Note))
	}
	say("\nPut this into ~/.aws/config:\n")
	lines := fmt.Sprintf("[profile %s]\ncredential_process = %s\n", name, command)
	if b.Region != "" {
		lines += "region = " + b.Region + "\n"
	}
	_, err := io.WriteString(p.stdout, lines)
	return err
}
