package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/render"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/token"
)

const envHelp = `Print credentials as variables, for a shell or for a program that knows nothing else:

    eval "$(sts-helper env dev)"
    sts-helper env dev --format fish | source
    sts-helper env dev --format powershell | Out-String | Invoke-Expression
    sts-helper env dev --format dotenv > dev.env
    eval "$(sts-helper env --unset)"

PROFILE is an entry of config.toml or, as for "sts-helper login", a profile of ~/.aws/config.

    shell       export lines for sh, bash and zsh (the default; on Windows powershell)
    fish        set -gx lines
    powershell  $Env: lines
    json        a credential_process document with the region
    dotenv      NAME=value as .env files, docker and podman have it
    env         NAME=value quoted for a shell, without export: run them after "set -a"
    systemd     NAME=value as EnvironmentFile= has it

The lines for a shell first take away what some SDK would prefer to keys in variables
(AWS_PROFILE among it). Variables are not renewed: the credentials in them end when they end.
To run one command, "sts-helper exec" leaves nothing behind in the shell.`

// formats are the forms that credentials are written in, for help texts.
func formats() string { return strings.Join(render.Formats(), ", ") }

// addFormat gives a command the flag --format.
func addFormat(cmd *cobra.Command, into *string, usage string) {
	cmd.Flags().StringVar(into, "format", "", usage)
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(render.Formats(), cobra.ShellCompDirectiveNoFileComp))
}

// parseFormat is the form that --format names, "" where it was not given.
func parseFormat(name string) (render.Format, error) {
	if name == "" {
		return "", nil
	}
	f, err := render.Parse(name)
	if err != nil {
		return "", usageError{fmt.Errorf("--format: %w", err)}
	}
	return f, nil
}

func (p *program) envCommand() *cobra.Command {
	var format string
	var unset bool
	cmd := &cobra.Command{
		Use:               "env [PROFILE] [flags]",
		Short:             "Print credentials as variables for a shell or an env-file",
		Long:              envHelp,
		Args:              atMostOne("PROFILE"),
		ValidArgsFunction: p.completeName,
	}
	addFormat(cmd, &format, "`FORMAT` of the variables: "+formats()+" (default "+string(p.shellFormat())+")")
	cmd.Flags().BoolVar(&unset, "unset", false, "print the lines that take the variables away again")
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		f, err := parseFormat(format)
		if err != nil {
			return err
		}
		if f == "" {
			f = p.shellFormat()
		}
		if unset {
			return p.unset(f, len(args) > 0 || len(flags) > 0)
		}
		name, err := p.oneName(cmd.Context(), args, flags)
		if err != nil {
			return err
		}
		t, answer, err := p.tokenOf(cmd.Context(), name, flags)
		if err != nil {
			return err
		}
		return p.print(f, t.Request().Name, answer.Token, t.Request().Region)
	}
	return cmd
}

func (p *program) unset(f render.Format, named bool) error {
	if named {
		return usageError{errors.New("--unset takes the same variables away for every profile; leave out what names one")}
	}
	lines, err := render.Unset(f, render.Names())
	if err != nil {
		return usageError{fmt.Errorf("--unset: %w", err)}
	}
	_, err = io.WriteString(p.stdout, lines)
	return err
}

// oneName is the name that an argument or --profile gives, which is the same here, or that the user chooses;
// "" for what the settings without a name ask for.
func (p *program) oneName(ctx context.Context, args []string, flags settings.Flags) (string, error) {
	names, err := p.named(args, false, flags)
	if err != nil {
		return "", err
	}
	if given := flags["profile"]; len(given) > 0 {
		names = given[len(given)-1:]
		delete(flags, "profile")
	}
	if len(names) == 0 {
		return p.pickOne(ctx, flags)
	}
	return names[0], nil
}

// tokenOf gets the token of a name, or of the flags alone where it is "", and warns of what is
// wrong with it all the same.
func (p *program) tokenOf(ctx context.Context, name string, flags settings.Flags) (*target, cache.Answer, error) {
	t, err := p.target(name, flags, p.env, broker.Options{})
	if err != nil {
		return nil, cache.Answer{}, err
	}
	answer, err := t.Token(ctx)
	if err != nil {
		return nil, cache.Answer{}, err
	}
	p.warnOf(answer)
	return t, answer, nil
}

// print writes the credentials of t in a form of package render to standard output, and before that their line to the log.
func (p *program) print(f render.Format, profile string, t token.Token, region string) error {
	text, err := render.Credentials(f, t.Credentials, region)
	if err != nil {
		return usageError{fmt.Errorf("--format: %w", err)}
	}
	if err := p.mayPrint(); err != nil {
		return err
	}
	if c, on := p.auditLog(); on {
		p.log(c, toCaller(audit.Environment, profile, t))
	}
	if _, err := io.WriteString(p.stdout, text); err != nil {
		return fmt.Errorf("the credentials could not be written: %w", err)
	}
	return nil
}

// mayPrint refuses to write secrets to a standard output that is closed, and warns where it is a
// terminal, which shows and keeps them.
func (p *program) mayPrint() error {
	if !open(p.stdout) {
		return errors.New("standard output is closed, so the credentials have nowhere to go; to get them into the cache alone, run: sts-helper login")
	}
	if p.terminal(p.stdout) {
		p.warn("warning: secrets go to this terminal, which may keep them; to run a command with them, use: sts-helper exec")
	}
	return nil
}
