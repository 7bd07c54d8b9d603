package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/sts-helper/sts-helper/internal/await"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/passphrase"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/setup"
	"github.com/sts-helper/sts-helper/internal/source"
)

// centerPlan logs in to IAM Identity Center, and plans profiles for the roles that it has.
func (p *program) centerPlan(ctx context.Context, f *setupFlags, opts setup.Options) (*setup.Plan, error) {
	c := setup.Center{StartURL: f.startURL, Region: f.region, Session: f.session}
	if len(f.profiles) > 0 {
		c.Profile = f.profiles[0]
	}
	if err := setup.CheckCenter(p.env, &c, opts); err != nil {
		return nil, err
	}
	req, err := settings.NewIdentityCenter(c.Session, c.StartURL, c.Region, p.env)
	if err != nil {
		return nil, err
	}
	prov, err := broker.New(req, broker.Options{Login: true, Env: p.env})
	if err != nil {
		return nil, err
	}
	t := &target{display.Safe(c.Session), req, prov}
	if _, err := p.loginToSource(ctx, t, &f.web, false); err != nil {
		return nil, err
	}
	login, _ := t.SourceLogin()
	roles, err := source.AssignedRoles(ctx, login)
	if err != nil {
		return nil, err
	}
	for _, r := range roles {
		if (f.account == "" || r.AccountID == f.account) && (f.role == "" || r.Role == f.role) {
			c.Roles = append(c.Roles, setup.Role{AccountID: r.AccountID, AccountName: r.AccountName, Name: r.Role})
		}
	}
	if len(c.Roles) == 0 && len(roles) > 0 {
		return nil, usageError{fmt.Errorf("none of your %d roles is that of --account and --role", len(roles))}
	}
	return setup.NewCenterPlan(p.env, c, opts)
}

// readKey reads an access key from the terminal, the secret without showing it, or from standard
// input.
func (p *program) readKey(ctx context.Context) (id, secret string, err error) {
	if !p.terminal(os.Stdin) {
		data, err := readInput(ctx, "-")
		if err != nil {
			return "", "", err
		}
		words := strings.Fields(string(data))
		if len(words) != 2 {
			return "", "", usageError{errors.New("standard input is to have the access key id on one line and the secret on the next, and nothing else")}
		}
		return words[0], words[1], nil
	}
	line, err := p.line(ctx, "Access key id: ")
	if err != nil {
		return "", "", err
	}
	id = strings.TrimSpace(line)
	if err := setup.CheckKeyID(id); err != nil { // before the secret is asked for
		return "", "", err
	}
	hidden, err := passphrase.Ask(ctx, "Secret access key (not shown): ")
	return id, strings.TrimSpace(string(hidden)), err
}

// line asks for a line on standard input, which is a terminal.
func (p *program) line(ctx context.Context, question string) (string, error) {
	line, err := await.Call(ctx, func() ([]byte, error) {
		fmt.Fprint(p.stderr, question)
		return bufio.NewReader(io.LimitReader(os.Stdin, 256)).ReadBytes('\n')
	})
	if ctx.Err() == nil && (err == nil || len(line) > 0) {
		return string(line), nil
	}
	fmt.Fprintln(p.stderr) // behind the question
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return "", failure.Interactionf(err, "", "there was no answer; nothing was changed")
}
