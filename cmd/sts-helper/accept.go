package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/mfa"
	"github.com/sts-helper/sts-helper/provider"
)

const acceptHelp = `Open credentials that somebody granted you, from a file or from standard input, keep
them in the cache, and print what to put into ~/.aws/config.

Without --identity your SSH keys (~/.ssh/id_ed25519, ~/.ssh/id_rsa) are tried; a
passphrase is asked for on the terminal. Nothing is kept of what cannot be opened, is
damaged, or has ended.`

type acceptFlags struct {
	identities []string
	name       string
	format     string
	plain      bool
	cacheDir   string
}

func (p *program) acceptCommand() *cobra.Command {
	var a acceptFlags
	cmd := &cobra.Command{
		Use:   "accept [FILE]",
		Short: "Open credentials that another person granted",
		Long:  acceptHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			return usageOf(cobra.MaximumNArgs(1)(cmd, args))
		},
		RunE: func(_ *cobra.Command, args []string) error { return p.accept(args, a) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringArrayVarP(&a.identities, "identity", "i", nil, "`FILE` with your private age or SSH key; repeatable")
	f.StringVar(&a.name, "name", "", "`NAME` to keep the credentials under (default: the name they were granted to)")
	f.StringVar(&a.format, "format", "", "print the fields instead, json or env, and keep nothing")
	f.BoolVar(&a.plain, "plain", false, "take a token that was not sealed")
	f.StringVar(&a.cacheDir, "cache-dir", "", "`DIR` of the cache [STS_HELPER_CACHE_DIR]")
	return cmd
}

func (p *program) accept(args []string, a acceptFlags) error {
	if a.format != "" && a.format != "json" && a.format != "env" {
		return usageError{fmt.Errorf("--format: %q is neither json nor env", mfa.Safe(a.format))}
	}
	if a.name != "" && !validName(a.name) {
		return usageError{fmt.Errorf("--name: %q has characters that a name cannot have; use letters, digits and _ . = , @ + -", mfa.Safe(a.name))}
	}
	bundle, err := p.openBundle(args, a)
	if err != nil {
		return err
	}
	switch a.format {
	case "json":
		_, err = fmt.Fprintf(p.stdout, "%s\n", handoff.JSON(bundle))
		return err
	case "env":
		_, err = io.WriteString(p.stdout, handoff.Env(bundle))
		return err
	}
	name := a.name
	if name == "" {
		if name = bundle.For; !validName(name) {
			return usageError{errors.New("the credentials were granted to nobody whose name would do here; name them with --name")}
		}
	}
	dir := a.cacheDir
	if dir == "" {
		dir = p.env.Getenv("STS_HELPER_CACHE_DIR")
	}
	if dir, err = provider.CacheDir(dir); err != nil {
		return err
	}
	c, err := cache.Open(dir)
	if err != nil {
		return fmt.Errorf("the credentials cannot be kept: %w", err)
	}
	defer func() { _ = c.Close() }()
	if err := c.StoreNoted(provider.GrantedKey(name), bundle.Token, bundle.Issuer); err != nil {
		return fmt.Errorf("the credentials could not be kept: %w", err)
	}
	return p.tellAccept(name, bundle)
}

// openBundle reads and opens what was given.
func (p *program) openBundle(args []string, a acceptFlags) (handoff.Bundle, error) {
	in, from := os.Stdin, "standard input"
	if len(args) == 1 && args[0] != "-" {
		f, err := os.Open(args[0])
		if err != nil {
			return handoff.Bundle{}, usageError{err}
		}
		defer func() { _ = f.Close() }()
		in, from = f, args[0]
	} else if p.terminal(os.Stdin) {
		fmt.Fprintln(p.stderr, "paste the sealed token, then press Ctrl-D:")
	}
	if a.plain {
		b, err := handoff.OpenPlain(in)
		return b, wrapOpen(from, err)
	}
	identities, err := p.identities(a.identities)
	if err != nil {
		return handoff.Bundle{}, err
	}
	b, err := handoff.Open(in, identities...)
	if errors.Is(err, handoff.ErrWrongRecipient) && len(a.identities) == 0 {
		err = fmt.Errorf("%w; name the file with the right one by --identity", err)
	}
	return b, wrapOpen(from, err)
}

func wrapOpen(from string, err error) error {
	if err == nil {
		return nil
	}
	return acceptError{fmt.Errorf("%s: %w", mfa.Safe(from), err)}
}

// acceptError is a token that cannot be used; its exit code is that of a wrong file.
type acceptError struct{ error }

func (e acceptError) Unwrap() error { return e.error }

// identities are the keys that may open the token: those named, else the person's SSH keys.
func (p *program) identities(files []string) ([]age.Identity, error) {
	named := len(files) > 0
	if home := p.env.HomeDir(); !named && home != "" {
		for _, name := range []string{"id_ed25519", "id_rsa"} {
			files = append(files, filepath.Join(home, ".ssh", name))
		}
	}
	const most = 1 << 20
	var all []age.Identity
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			if named {
				return nil, usageError{fmt.Errorf("--identity: %w", err)}
			}
			continue
		}
		data, err := io.ReadAll(io.LimitReader(f, most))
		_ = f.Close()
		var ids []age.Identity
		if err == nil {
			ids, err = handoff.ParseIdentities(data, func() ([]byte, error) { return askPassphrase("Passphrase of " + file + ": ") })
		}
		if err != nil {
			if named {
				return nil, usageError{fmt.Errorf("--identity %s: %w", mfa.Safe(file), err)}
			}
			continue
		}
		all = append(all, ids...)
	}
	return append(all, handoff.PassphraseIdentity(func() ([]byte, error) { return askPassphrase("Passphrase of the sealed token: ") })), nil
}

// validName reports whether s can name an accepted token: what IAM allows in names, and
// nothing that a shell or a config file would take for something else.
func validName(s string) bool {
	const extra = "_.=,@+-"
	if s == "" || len(s) > 64 || s[0] == '-' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(extra, r) {
			return false
		}
	}
	return true
}

// tellAccept prints the lines for the person's config, and says on standard error what they
// have and for how long.
func (p *program) tellAccept(name string, b handoff.Bundle) error {
	say := func(format string, args ...any) { fmt.Fprintf(p.stderr, format+"\n", args...) }
	if b.Issuer != "" {
		say("from:   %s (by their own word)", mfa.Safe(b.Issuer))
	}
	if who := b.Token.Principal(); who != nil {
		say("as:     %s", mfa.Safe(who.ARN))
	}
	if b.Policy != "" {
		say("what:   at most %s", mfa.Safe(b.Policy))
	}
	end := b.Token.Credentials.Expires
	say("until:  %s (%s); it cannot be renewed, only granted again", end.Local().Format("Mon 2 Jan 15:04 MST"), time.Until(end).Round(time.Minute))
	if b.Note != "" {
		say("note:   %s", mfa.Safe(b.Note))
	}
	say("\nPut this into ~/.aws/config:\n")
	lines := fmt.Sprintf("[profile %s]\ncredential_process = sts-helper --granted %s\n", name, name)
	if b.Region != "" {
		lines += "region = " + mfa.Safe(b.Region) + "\n"
	}
	_, err := io.WriteString(p.stdout, lines)
	return err
}
