package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// noProfile is said where there is no profile to say anything about.
const noProfile = "no profile uses sts-helper yet; run: sts-helper setup"

// namesByVariable reports whether a variable says whose credentials are meant.
func (p *program) namesByVariable() bool {
	return slices.ContainsFunc([]string{"STS_HELPER_PROFILE", "STS_HELPER_SOURCE_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"},
		func(name string) bool { return p.env.Getenv(name) != "" })
}

// offer finds the names that need a login, and has the user choose among them. It gives none
// where nothing needs one.
func (p *program) offer(ctx context.Context) ([]string, error) {
	if err := settings.CheckVariables(p.env); err != nil {
		return nil, err
	}
	all, err := p.needLogin()
	if err != nil {
		return nil, err
	}
	if names, err := p.loginNames(); err == nil && len(names) == 0 {
		return nil, p.say("nothing needs a login, and " + noProfile)
	}
	if len(all) == 0 {
		return nil, p.say("nothing needs a login")
	}
	if !p.asksUser() {
		var list []string
		for _, o := range all {
			list = append(list, display.Quote(o.name)+" ("+o.why+")")
		}
		return nil, usageError{fmt.Errorf("name what to log in to: %s", strings.Join(list, ", "))}
	}
	enter := "for all"
	if len(all) == 1 {
		enter = "for yes"
	}
	names, err := p.choose(ctx, all, picking{question: "log in to which", enter: enter})
	if err != nil || names != nil {
		return names, err
	}
	for _, o := range all {
		names = append(names, o.name)
	}
	return names, nil
}

// loginNames are the names that lead to credentials, and the AWS profiles whose credentials come
// from a login.
func (p *program) loginNames() ([]string, error) {
	names, err := settings.KnownNames(p.env)
	if err != nil {
		return nil, err
	}
	for _, name := range settings.LoginNames(p.env) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// needLogin finds those that need a login.
func (p *program) needLogin() ([]offered, error) {
	names, err := p.loginNames()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(names, compareNames)
	var all []offered
	var batch broker.LoginBatch
	for _, name := range names {
		t, err := p.target(name, nil, p.looking(), broker.Options{Login: true})
		if err != nil {
			continue // login NAME says what is wrong with it
		}
		why := ""
		if login, _ := t.SourceLogin(); login != nil {
			why = login.Needed()
		}
		if why == "" && t.NeedsCode(&batch, false) {
			why = "an MFA code is needed"
		}
		if why != "" {
			all = append(all, offered{name, why})
		}
	}
	return all, nil
}
