package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/audit"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/process"
)

const processHelp = `Print credentials as an AWS credential_process document, the one thing that "sts-helper" does
without a command. In ~/.aws/config:

    credential_process = sts-helper process --source-profile base

--format prints them in other forms, as "sts-helper env" does:

    sts-helper process --source-profile base --format dotenv`

func (p *program) processCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "process [flags]",
		Short: "Print credentials as an AWS credential_process document (the default command)",
		Long:  processHelp,
		Args:  noArguments,
	}
	var format string
	addFormat(cmd, &format, "print as `FORMAT` instead: "+formats())
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f, err := parseFormat(format)
		if err != nil {
			return err
		}
		if f == "" {
			return p.process(cmd.Context(), flags)
		}
		t, answer, err := p.tokenOf(cmd.Context(), "", flags)
		if err != nil {
			return err
		}
		return p.print(f, t.Request().Name, answer.Token, t.Request().Region)
	}
	return cmd
}

// process prints the credentials that the settings ask for.
func (p *program) process(ctx context.Context, flags settings.Flags) error {
	env, seen := observe(p.env)
	req, err := settings.Load(flags, env)
	if err != nil {
		return err
	}
	prov, err := broker.New(req, broker.Options{Env: env, Log: p.logger(req.Verbose), LoginCommand: settings.LoginCommand("", flags, req)})
	if err != nil {
		return err
	}
	answer, err := prov.Token(ctx)
	if err != nil {
		return err
	}
	if !req.Verbose {
		p.warnOf(answer)
	}
	if err := p.mayPrint(); err != nil {
		return err
	}
	if c := audit.Config(req.Audit); c.On() {
		p.log(c, toCaller(audit.Process, req.Name, answer.Token))
		seen.note.Answer, seen.note.Profile = direct.Audited, req.Name
	}
	if err := process.Write(p.stdout, answer.Token.Credentials); err != nil {
		return fmt.Errorf("the credentials could not be written: %w", err)
	}
	seen.remember(req, prov, answer)
	return nil
}

// warnOf says at a terminal what is wrong with a token that is used all the same.
func (p *program) warnOf(answer cache.Answer) {
	for _, w := range broker.Warnings(answer) {
		p.warn("warning: %s", w)
	}
	if warning := broker.SizeWarning(answer.Token); warning != "" && answer.Origin == cache.Fresh {
		p.warn("%s", warning)
	}
}
