package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// namesByVariable reports whether a variable says whose credentials are meant.
func (p *program) namesByVariable() bool {
	return slices.ContainsFunc([]string{"STS_HELPER_PROFILE", "STS_HELPER_SOURCE_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"},
		func(name string) bool { return p.env.Getenv(name) != "" })
}

// offered is a name that needs a login, and why.
type offered struct{ name, why string }

// offer finds the names that need a login, and has the user choose among them. It gives none
// where nothing needs one.
func (p *program) offer(ctx context.Context) ([]string, error) {
	all, err := p.needLogin()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, p.say("nothing needs a login")
	}
	if !p.terminal(os.Stdin) || !p.terminal(p.stderr) {
		var list []string
		for _, o := range all {
			list = append(list, display.Quote(o.name)+" ("+o.why+")")
		}
		return nil, usageError{fmt.Errorf("name what to log in to: %s", strings.Join(list, ", "))}
	}
	width := 0
	for _, o := range all {
		width = max(width, len(o.name))
	}
	for i, o := range all {
		p.progress("%2d  %-*s  %s", i+1, width, display.Safe(o.name), o.why)
	}
	if len(all) == 1 {
		fmt.Fprintf(p.stderr, "sts-helper: log in? Enter for yes, Ctrl-C for no: ")
	} else {
		fmt.Fprintf(p.stderr, "sts-helper: which (1 to %d, Enter for all)? ", len(all))
	}
	line, err := await(ctx, func() ([]byte, error) {
		return bufio.NewReader(io.LimitReader(os.Stdin, 256)).ReadBytes('\n')
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil && len(line) == 0 {
		return nil, usageError{fmt.Errorf("nothing was chosen")}
	}
	return choose(all, strings.TrimSpace(string(line)))
}

// choose gives the names that an answer means: numbers, names, or all of them for none.
func choose(all []offered, answer string) ([]string, error) {
	var names []string
	for _, word := range strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		i := slices.IndexFunc(all, func(o offered) bool { return o.name == word })
		if n, err := strconv.Atoi(word); i < 0 && err == nil && n >= 1 && n <= len(all) {
			i = n - 1
		}
		if i < 0 {
			return nil, usageError{fmt.Errorf("%s is none of the names that were offered", display.Quote(word))}
		}
		names = append(names, all[i].name)
	}
	if names == nil {
		for _, o := range all {
			names = append(names, o.name)
		}
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
