package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/process"
)

func (p *program) processCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "process [flags]",
		Short: "Print credentials as an AWS credential_process document (the default command)",
		Args:  noArguments,
	}
	flags := addSettings(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return p.process(cmd.Context(), flags) }
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
		for _, w := range broker.Warnings(answer) {
			p.warn("warning: %s", w)
		}
		if warning := broker.SizeWarning(answer.Token); warning != "" && answer.Origin == cache.Fresh {
			p.warn("%s", warning)
		}
	}
	if !open(p.stdout) {
		return errors.New("standard output is closed, so the credentials have nowhere to go; to get them into the cache alone, run: sts-helper login")
	}
	if err := process.Write(p.stdout, answer.Token.Credentials); err != nil {
		return fmt.Errorf("the credentials could not be written: %w", err)
	}
	seen.remember(req, prov, answer)
	return nil
}
