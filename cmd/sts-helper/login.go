package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/source"
)

const loginHelp = `Get credentials now: log in to IAM Identity Center or "aws login" where a profile builds
on that, and ask for an MFA code where one is needed, so that no program has to ask later.

PROFILE is an entry of config.toml, or an AWS profile; settings flags add to it, or stand
alone. Profiles that share an MFA device share one session: eight roles cost one code.
What is fresh is kept unless --force is given. A device that is barred after three wrong
codes is asked for all the same.

A login goes on in the browser of this machine; over ssh, in a container and without a
display by a code in a browser on any device. A BROWSER variable says that there is one.
Without a name, login offers those that need one.

    sts-helper login dev
    sts-helper login --device-code dev
    sts-helper login --all
    sts-helper login --source-profile base

Flags may not make other credentials of a profile than programs ask for: they would not be
used, and --force insists. The life of the session behind roles is session_duration in config.toml.`

// watchAfter is how long a login is silent about whom it waits for.
const watchAfter = time.Second

func (p *program) loginCommand() *cobra.Command {
	var all, force bool
	var how webLogin
	var output outputForm
	cmd := &cobra.Command{
		Use:               "login [PROFILE...] [flags]",
		Short:             "Get or renew credentials now, asking for an MFA code if need be",
		Long:              loginHelp,
		ValidArgsFunction: p.completeLogins,
	}
	cmd.Flags().BoolVar(&all, "all", false, "log in to every entry of config.toml and every AWS profile that runs sts-helper")
	cmd.Flags().BoolVar(&force, "force", false, "renew what is fresh as well")
	cmd.Flags().BoolVar(&how.noBrowser, "no-browser", false, "show where to log in, and open no browser")
	cmd.Flags().BoolVar(&how.deviceCode, "device-code", false, "log in by a code, in a browser on any device")
	flags := addSettings(cmd.Flags(), "no-cache")
	addOutput(cmd, &output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		names, err := p.named(args, all, flags)
		if err != nil {
			return err
		}
		if len(names) == 0 && len(flags) == 0 && !p.namesByVariable() {
			if names, err = p.offer(cmd.Context()); err != nil || len(names) == 0 {
				return err
			}
		}
		if output == outputText {
			return p.login(cmd.Context(), names, flags, &how, force, nil)
		}
		done := &loginResults{Version: 1, Logins: []loginResult{}}
		err = p.login(cmd.Context(), names, flags, &how, force, done)
		return errors.Join(err, p.printJSON(done))
	}
	return cmd
}

func (p *program) login(ctx context.Context, names []string, flags settings.Flags, how *webLogin, force bool, done *loginResults) error {
	// A preset code is one for all of them: it may not be tried on a second device.
	code := p.env.Getenv("STS_HELPER_MFA_CODE")
	if v := flags["mfa-code"]; len(v) > 0 {
		code = v[len(v)-1]
	}
	all, problems := p.targets(names, flags, broker.Options{Login: true, Code: mfa.NewPresetCode(code)})
	if len(all) == 0 {
		return problems
	}
	if problems != nil && len(names) == 1 {
		return problems
	}
	if code != "" && !slices.ContainsFunc(all, func(t *target) bool { return t.Device() != "" }) {
		return usageError{errors.New("none of them names an MFA device that the code would be of; name it in --mfa-serial, or in mfa_serial of the profile with the keys")}
	}
	failed := joined(problems)
	for _, err := range failed {
		p.report(err)
	}
	if !force {
		if err := p.refuseUnused(all, names, flags); err != nil {
			return err
		}
	}
	var batch broker.LoginBatch
	width := 0
	for _, t := range all {
		width = max(width, len(t.name))
	}
	for i, t := range all {
		if t.NeedsCode(&batch, force) && len(all) > 1 {
			p.progress("%s (%d of %d): an MFA code is needed", t.name, i+1, len(all))
		}
		result, err := p.loginTo(ctx, t, &batch, how, force)
		if err != nil {
			done.failed(t, err)
			if ctx.Err() != nil || errors.Is(err, mfa.ErrCancelled) || len(all)+len(failed) == 1 {
				return err
			}
			failed = append(failed, err)
			p.report(fmt.Errorf("%s: %w", t.name, err))
			continue
		}
		if done != nil {
			done.Logins = append(done.Logins, result)
		} else if _, err := fmt.Fprintf(p.stdout, "%-*s  %s\n", width, t.name, result); err != nil {
			return err
		}
	}
	p.adviseOnKeys(all)
	if names != nil {
		for _, line := range p.passedOver(names) {
			p.progress("warning: %s", line)
		}
	}
	if len(failed) > 0 {
		return summary{fmt.Errorf("%d of %d logins failed", len(failed), len(names)), failed[0]}
	}
	return nil
}

// adviseOnKeys says where a user sees it which long-term keys every program reads.
func (p *program) adviseOnKeys(all []*target) {
	said := map[string]bool{}
	for _, t := range all {
		if id, _, _ := t.LongTermKey(); id == "" || said[id] {
			continue
		} else if said[id] = true; p.seen() {
			if f := p.readableKey(t); f != nil {
				p.warn("%s", f)
			}
		}
	}
}

// refuseUnused refuses a login that makes what programs do not ask for: flags beside a name that
// make another request than the name alone, and a life that differs from that of the session which
// known profiles use.
func (p *program) refuseUnused(all []*target, names []string, flags settings.Flags) error {
	var changing []string
	plain := settings.Flags{}
	for flag, values := range flags {
		switch flag {
		case "cache-dir", "wait", "verbose", "prompt", "mfa-code", "mfa-process", "profile":
			plain[flag] = values
		default:
			changing = append(changing, "--"+flag)
		}
	}
	if len(changing) == 0 {
		return nil
	}
	slices.Sort(changing)
	if len(names) == 0 && plain["profile"] == nil {
		return p.refuseLife(all, flags)
	}
	if len(names) == 0 {
		names = []string{""}
	}
	opts := broker.Options{NonInteractive: true}
	for _, name := range names {
		usual, err := p.target(name, plain, p.looking(), opts)
		if err != nil {
			continue // the flags complete what is not whole without them
		}
		changed, err := p.target(name, flags, p.looking(), opts)
		if err == nil && changed.Key().String() != usual.Key().String() {
			return usageError{fmt.Errorf("programs ask for %s without %s, so they would never use what this login gets; write it into the profile, add --force, or run: sts-helper login %s",
				usual.name, strings.Join(changing, ", "), display.ShellWord(usual.name))}
		}
	}
	return nil
}

// refuseLife refuses --duration for a session that known profiles ask for with another life.
func (p *program) refuseLife(all []*target, flags settings.Flags) error {
	if flags["duration"] == nil || len(all) != 1 {
		return nil
	}
	rest := maps.Clone(flags)
	delete(rest, "duration")
	opts := broker.Options{NonInteractive: true}
	usual, err := p.target("", rest, p.looking(), opts)
	if err != nil {
		return nil // without it nothing is asked for
	}
	user := ""
	for _, o := range p.others(nil) {
		for b := o.Provider; b != nil; b = b.Base() {
			switch b.Key().String() {
			case all[0].Key().String():
				return nil
			case usual.Key().String():
				user = o.name
			}
		}
	}
	if user == "" {
		return nil
	}
	return usageError{fmt.Errorf("profile %s asks for this without --duration, so it would never use what this login gets; set session_duration (for a role) or duration in the profile, add --force, or run: sts-helper login %s", user, display.ShellWord(user))}
}

// loginTo gets the credentials of one target and says how it went.
func (p *program) loginTo(ctx context.Context, t *target, batch *broker.LoginBatch, how *webLogin, force bool) (loginResult, error) {
	brought, err := p.loginToSource(ctx, t, how, force)
	if err != nil {
		return loginResult{}, err
	}
	get := func() (cache.Answer, error) {
		defer p.sayWhoIsWaitedFor(t)()
		return t.Login(ctx, batch, force)
	}
	a, err := get()
	if source.LoginNeeded(err) && !brought {
		// The login looked good, and AWS does not take it any more.
		if _, err := p.loginToSource(ctx, t, how, true); err != nil {
			return loginResult{}, err
		}
		a, err = get()
	}
	if err != nil {
		return loginResult{}, err
	}
	for _, w := range broker.Warnings(a) {
		p.progress("%s: warning: %s", t.name, w)
	}
	result := loginResult{Profile: t.name, Result: "renewed", Expires: utc(a.Token.Credentials.Expires)}
	if a.Origin != cache.Fresh {
		result.Result = "kept"
	}
	if until, ok := t.NoCodeUntil(); ok {
		result.NoCodeUntil = utc(until)
	}
	return result, nil
}

// sayWhoIsWaitedFor names another process that asks for the same thing at the moment, if the
// login has to wait for it.
func (p *program) sayWhoIsWaitedFor(t *target) (stop func()) {
	done, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		tick := time.NewTicker(watchAfter)
		defer tick.Stop()
		said := 0
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if who, ok := t.PromptedElsewhere(); ok && who.PID != said {
				said = who.PID
				p.progress("%s: waiting for %s; answer there", t.name, display.Safe(who.String()))
			}
		}
	}()
	return func() { close(done); <-over }
}

// progress says on standard error how a command for a user gets on.
func (p *program) progress(format string, args ...any) {
	fmt.Fprintf(p.stderr, "sts-helper: "+format+"\n", args...)
}

func (p *program) report(err error) { p.progress("%s", display.Safe(err.Error())) }

// summary is the error of a command that did several things; the first of theirs decides the
// exit code.
type summary struct {
	error
	first error
}

func (s summary) Unwrap() error { return s.first }

// joined is what errors.Join joined, once or more often.
func joined(err error) []error {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []error
		for _, e := range several.Unwrap() {
			all = append(all, joined(e)...)
		}
		return all
	}
	if err != nil {
		return []error{err}
	}
	return nil
}

// moment is a time as it is shown: local, and how far ahead it is.
func moment(t time.Time) string {
	local, now := t.Local(), time.Now()
	layout := "15:04:05 MST"
	if local.Format(time.DateOnly) != now.Format(time.DateOnly) {
		layout = "2006-01-02 15:04:05 MST"
	}
	return local.Format(layout) + " (" + remaining.Text(t.Sub(now.Round(0))) + ")"
}
