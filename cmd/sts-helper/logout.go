package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/lock"
)

const logoutHelp = `Remove credentials from the cache: those of the profiles named, with the MFA session or
the role that they alone are made from, whatever the region, the endpoint and the session
name they were asked for with, or with --all everything there is. What is removed is shown.
What other profiles are made from as well stays, unless --shared is given.

    sts-helper logout dev
    sts-helper logout dev --shared
    sts-helper logout --all --output json

Where a profile named builds on a login of IAM Identity Center or "aws login", the login
is ended, too, with all credentials that came from it: the AWS CLI is logged out as well.
--all leaves logins alone.

AWS goes on taking the credentials until they end; only IAM can change that. The files
are overwritten before they are removed, which flash disks and some file systems make
meaningless. That a code of an MFA device was used is not forgotten. The fields of the
JSON document are in docs/login.md.`

func (p *program) logoutCommand() *cobra.Command {
	var all, shared bool
	var output outputForm
	cmd := &cobra.Command{
		Use:               "logout [PROFILE...] [flags]",
		Short:             "Remove credentials from the cache",
		Long:              logoutHelp,
		ValidArgsFunction: p.completeLogins,
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove everything, whatever profile it belongs to")
	cmd.Flags().BoolVar(&shared, "shared", false, "remove the sessions that other profiles use as well, too")
	flags := addSettings(cmd.Flags(), "no-cache", "mfa-code", "mfa-process", "prompt", "wait")
	addOutput(cmd, &output)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		report := p.newLogoutReport(output)
		if all {
			if len(args) > 0 {
				return usageError{errors.New("--all does not go with names")}
			}
			return report.end(p.logoutAll(flags, report))
		}
		targets, err := p.leaving(cmd.Context(), args, flags)
		if err != nil {
			return err
		}
		return report.end(p.logout(cmd.Context(), targets, shared, report))
	}
	return cmd
}

// leaving are the targets of a logout: all that were named, since half a logout would look like a whole one.
func (p *program) leaving(ctx context.Context, names []string, flags settings.Flags) ([]*target, error) {
	names, err := p.named(names, false, flags)
	if err == nil && len(names) == 0 {
		names, err = p.pick(ctx, flags, false)
	}
	if err != nil {
		return nil, err
	}
	return p.targets(names, flags, broker.Options{NonInteractive: true})
}

func (p *program) logout(ctx context.Context, all []*target, shared bool, report *logoutReport) error {
	var batch broker.LogoutBatch
	users := map[string][]string{}
	if !shared {
		for _, o := range p.others(all) {
			batch.Others = append(batch.Others, o.Provider)
			for b := o.Provider; b != nil; b = b.Base() {
				users[b.Key().String()] = append(users[b.Key().String()], o.name)
			}
		}
	}
	var renewing []lock.Holder
	for _, t := range all {
		var kept []string
		// First the login, or what is removed could be made from it again.
		ended, loginErr := report.endLogin(ctx, t)
		waited := p.waitsForValue(slog.AnyValue(renewer{t}))
		removed, err := batch.Logout(t.Provider)
		waited()
		if err != nil {
			return noCache(err)
		}
		gone := 0
		for _, r := range removed {
			if r.Kept {
				if r.Entry.Record != nil {
					report.record(t, r.Of, r.Entry, recordKept, users[r.Of.Key().String()])
					kept = append(kept, fmt.Sprintf("kept %s, used by %s too: %s; run: sts-helper logout --shared %s",
						recordName(t, r), several(users[r.Of.Key().String()]), describe(r.Entry), display.ShellWord(t.name)))
				}
				continue
			}
			gone++
			renewing = append(renewing, r.Renewing...)
			what := describe(r.Entry) + r.Location
			if r.Getting != nil {
				what = "what " + holderName(*r.Getting) + " was getting"
			}
			if r.Err != nil {
				return fmt.Errorf("%s could not be removed: %w", what, r.Err)
			}
			if r.Entry.Record == nil && len(r.Renewing) > 0 {
				continue
			}
			report.record(t, r.Of, r.Entry, recordRemoved, nil)
			if err := report.say("removed %s: %s", recordName(t, r), what); err != nil {
				return err
			}
		}
		if loginErr != nil {
			return loginErr
		}
		if gone == 0 && !ended {
			if err := report.say("%s: nothing was in the cache", t.name); err != nil {
				return err
			}
		}
		for _, line := range kept {
			if err := report.say("%s", line); err != nil {
				return err
			}
		}
	}
	return report.renewing(renewing)
}

// renewer is the process that is renewing what a logout removes, as a value of a log.
type renewer struct{ *target }

// LogValue is the process.
func (r renewer) LogValue() slog.Value {
	if who, held := r.HeldBy(); held {
		return slog.StringValue(holderName(who) + ", which is renewing it")
	}
	return slog.StringValue("")
}

// others are the known profiles that are not among those that are logged out.
func (p *program) others(out []*target) []*target {
	names, err := settings.KnownNames(p.env)
	if err != nil {
		return nil
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return slices.ContainsFunc(out, func(t *target) bool { return t.name == display.Safe(name) })
	})
	if len(names) == 0 {
		return nil
	}
	others, _ := p.targets(names, nil, broker.Options{NonInteractive: true}) // one that cannot be read uses nothing
	return others
}

// recordName names a record as that of the profile, or of what it is made from.
func recordName(t *target, r broker.Removal) string {
	if r.Of == t.Provider {
		return t.name
	}
	return "the " + recordOf(t, r.Of) + " of " + t.name
}

// recordOf says what of t a record is of.
func recordOf(t *target, of *broker.Provider) string {
	switch {
	case of == t.Provider:
		return "profile"
	case of.Request().OfSource():
		return "source"
	}
	return "session"
}

// several names the first of them, and says how many more there are.
func several(names []string) string {
	switch len(names) {
	case 0:
		return "another profile"
	case 1, 2:
		return strings.Join(names, " and ")
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}

// endLogin ends the login that t's credentials come from, and reports whether there was one.
func (r *logoutReport) endLogin(ctx context.Context, t *target) (ended bool, err error) {
	login, _ := t.SourceLogin()
	if login == nil {
		return false, nil
	}
	waited := r.p.waitsFor(login.Kind() + ", which is logged out of")
	ended, err = login.Logout(ctx)
	waited()
	if err == nil && ended {
		err = r.login(t, login.Kind())
	}
	return ended, err
}

// renewing is the error about refreshes that were going on all the while.
func (r *logoutReport) renewing(holders []lock.Holder) error {
	var lines []string
	for _, who := range holders {
		r.Renewing = append(r.Renewing, logoutHolder{who.PID, display.Safe(who.TTY)})
		if line := holderName(who) + " is renewing it and may store it again; run logout once more"; !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil
	}
	for _, line := range lines[1:] {
		r.p.progress("%s", line)
	}
	return &failure.Error{Class: failure.Locked, Text: lines[0]}
}

// holderName is a holder without what for: that is said beside it.
func holderName(who lock.Holder) string {
	return display.Safe(lock.Holder{PID: who.PID, TTY: who.TTY}.String())
}

func (p *program) logoutAll(flags settings.Flags, report *logoutReport) error {
	all, _, bad, err := p.caches(flags)
	if err != nil {
		return err
	}
	for _, b := range bad { // whose cache may be another one
		p.report(fmt.Errorf("%s: %w", b.name, b.err))
	}
	removed := 0
	var renewing []lock.Holder
	for _, c := range all {
		waited := p.waitsFor("processes that are renewing what is removed")
		entries, holders, err := broker.LogoutAll(c)
		waited()
		for _, e := range entries {
			report.record(nil, nil, e, recordRemoved, nil)
			if err := report.say("removed %s", describe(e)); err != nil {
				return err
			}
			removed++
		}
		if err != nil {
			return fmt.Errorf("not everything could be removed from %s: %w", c.Path(), err)
		}
		renewing = append(renewing, holders...)
	}
	if removed == 0 {
		return report.say("nothing was in the cache")
	}
	return report.renewing(renewing)
}

// describe names what a file of the cache holds, on one line.
func describe(e cache.Entry) string {
	if e.Record == nil {
		if e.Miss.Absent() {
			return "a failure that was remembered"
		}
		return fmt.Sprintf("an unusable record (%s)", display.Safe(e.Miss.Reason))
	}
	t := e.Record.Token
	what := string(t.Operation)
	if id := t.Principal(); id != nil {
		what += " " + display.Safe(id.ARN)
	}
	return fmt.Sprintf("%s, key %s, until %s", what, t.Credentials.AccessKeyID, moment(t.Credentials.Expires))
}

// say prints a line of what was asked for.
func (p *program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.stdout, format+"\n", args...)
	return err
}
