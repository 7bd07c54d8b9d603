package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// offered is a name that the user can choose, and what there is to say about it.
type offered struct{ name, why string }

// picking is a question that offers names.
type picking struct {
	question string // without the question mark, what can be answered behind it
	enter    string // what Enter alone means
	one      bool   // one name alone may be chosen
}

// sourceFlags are the settings that say whose credentials are meant.
var sourceFlags = []string{"profile", "source-profile", "credentials-file", "source-key", "source-command", "certificate", "granted", "target-principal",
	"web-identity", "web-identity-token-file", "web-identity-token-command", "saml-assertion-file", "saml-assertion-command"}

// sourceVariables are the variables that do, beside those of [program.namesByVariable].
var sourceVariables = []string{"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"}

// pick has the user at a terminal choose among the profiles where a name is needed and none was given: no flag,
// variable or default profile leads to credentials. It gives none where there is nothing to ask, or the user wants
// what the settings without a name lead to.
func (p *program) pick(ctx context.Context, flags settings.Flags, one bool) ([]string, error) {
	if !p.asksUser() || !p.namesNothing(flags) {
		return nil, nil
	}
	names, err := p.loginNames()
	if err != nil || len(names) == 0 {
		return nil, err
	}
	slices.SortStableFunc(names, compareNames)
	all := make([]offered, 0, len(names))
	for _, name := range names {
		why := "cannot be used; run: sts-helper doctor " + display.ShellWord(name)
		if t, err := p.target(name, nil, p.looking(), broker.Options{NonInteractive: true}); err == nil {
			s := profileStatus(t)
			if why = s.State; s.State == stateOK {
				why = remaining.Text(s.left)
			}
		}
		all = append(all, offered{name, why})
	}
	return p.choose(ctx, all, picking{"which profile", "for what there is without one", one})
}

// asksUser reports whether a user can be asked at a terminal.
func (p *program) asksUser() bool { return p.terminal(os.Stdin) && p.terminal(p.stderr) }

// namesNothing reports whether neither flags nor the environment nor a default profile say whose credentials
// are meant.
func (p *program) namesNothing(flags settings.Flags) bool {
	for _, name := range sourceFlags {
		if flags[name] != nil {
			return false
		}
	}
	if p.namesByVariable() || slices.ContainsFunc(sourceVariables, func(name string) bool { return p.env.Getenv(name) != "" }) {
		return false
	}
	r, err := settings.Load(settings.Flags{}, p.looking())
	if err != nil {
		return true
	}
	r = r.Bottom()
	return r.Source.Kind == request.SourceDefault && r.Granted == ""
}

// pickOne is [program.pick] for the one name that a command takes; "" for none.
func (p *program) pickOne(ctx context.Context, flags settings.Flags) (string, error) {
	names, err := p.pick(ctx, flags, true)
	return strings.Join(names, ""), err
}

// choose shows what is offered and gives what the user chooses.
func (p *program) choose(ctx context.Context, all []offered, q picking) ([]string, error) {
	width := 0
	for _, o := range all {
		width = max(width, len(display.Safe(o.name)))
	}
	for i, o := range all {
		p.progress("%2d  %-*s  %s", i+1, width, display.Safe(o.name), o.why)
	}
	number := fmt.Sprintf("1 to %d or a name", len(all))
	if len(all) == 1 {
		number = "1"
	}
	line, err := p.line(ctx, fmt.Sprintf("sts-helper: %s (%s, Enter %s, Ctrl-C to stop)? ", q.question, number, q.enter))
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		return nil, usageError{errors.New("nothing was chosen")}
	}
	return chosen(all, strings.TrimSpace(line), q.one)
}

// chosen gives the names that an answer means: numbers, names, or what one name alone contains. It gives none
// for an empty answer.
func chosen(all []offered, answer string, one bool) ([]string, error) {
	var names []string
	words := strings.FieldsFunc(answer, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' })
	if i := slices.IndexFunc(all, func(o offered) bool { return o.name == answer }); i >= 0 {
		return []string{answer}, nil // it may have blanks
	}
	for _, word := range words {
		var like []string
		n, err := strconv.Atoi(word)
		for i, o := range all {
			if o.name == word || err == nil && n == i+1 && !slices.ContainsFunc(all, func(o offered) bool { return o.name == word }) {
				like = []string{o.name}
				break
			}
			if err != nil && strings.Contains(strings.ToLower(o.name), strings.ToLower(word)) {
				like = append(like, o.name)
			}
		}
		switch len(like) {
		case 0:
			var names []string
			for _, o := range all {
				names = append(names, o.name)
			}
			hint := display.DidYouMean(word, names)
			if hint != "" {
				hint = "; " + hint
			}
			return nil, usageError{fmt.Errorf("%s is none of the names that were offered%s", display.Quote(word), hint)}
		case 1:
			names = append(names, like[0])
		default:
			return nil, usageError{fmt.Errorf("%s is part of several names: %s", display.Quote(word), display.Safe(strings.Join(like, ", ")))}
		}
	}
	if one && len(names) > 1 {
		return nil, usageError{fmt.Errorf("one profile can be chosen, not %d", len(names))}
	}
	return names, nil
}
