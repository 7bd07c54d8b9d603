package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/lock"
)

const logoutHelp = `Remove credentials from the cache: those of the profiles named, with the MFA session or
the role that they are made from, whatever the region, the endpoint and the session name
they were asked for with, or with --all everything there is. What is removed is shown.

AWS goes on taking the credentials until they end; only IAM can change that. The files
are overwritten before they are removed, which flash disks and some file systems make
meaningless. That a code of an MFA device was used is not forgotten.`

func (p *program) logoutCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:               "logout [PROFILE...] [flags]",
		Short:             "Remove credentials from the cache",
		Long:              logoutHelp,
		ValidArgsFunction: p.completeNames,
	}
	cmd.Flags().BoolVar(&all, "all", false, "remove everything, whatever profile it belongs to")
	flags := addSettings(cmd.Flags(), "no-cache", "mfa-code", "mfa-process", "prompt", "wait")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if all {
			if len(args) > 0 {
				return usageError{errors.New("--all does not go with names")}
			}
			return p.logoutAll(flags)
		}
		return p.logout(args, flags)
	}
	return cmd
}

func (p *program) logout(names []string, flags settings.Flags) error {
	names, err := p.named(names, false, flags)
	if err != nil {
		return err
	}
	all, err := p.targets(names, flags, broker.Options{NonInteractive: true})
	if err != nil {
		return err // half a logout would look like a whole one
	}
	// What there is, as it is before anything is removed: a role is known by its base.
	indexes := map[string]request.RecordIndex{}
	var busy []error
	for _, t := range all {
		c, err := t.Cache()
		if err != nil {
			return noCache(err)
		}
		if indexes[c.Path()] == nil {
			if indexes[c.Path()], err = request.IndexRecords(c); err != nil {
				return noCache(err)
			}
		}
		gone, err := p.logoutOf(t, c, indexes[c.Path()])
		held := heldAmong(err)
		if err != nil && held == nil {
			return err
		}
		busy = append(busy, held...)
		if !gone {
			if err := p.say("%s: nothing was in the cache", t.name); err != nil {
				return err
			}
		}
	}
	return p.reportBusy(busy)
}

// logoutOf removes the records of a target and of what it is made from, and reports whether
// there was anything.
func (p *program) logoutOf(t *target, c *cache.Cache, index request.RecordIndex) (bool, error) {
	removed := false
	var busy []error
	for b := t.Provider; b != nil; b = b.Base() {
		for _, name := range index.Equivalent(b.Request()) {
			e := c.Inspect(name)
			what := describe(e)
			if e.Record != nil {
				what += request.DiffLocation(e.Record.Inputs, b.Request())
			} else if e.Miss.Absent() && e.State.Failure == nil {
				who, held := c.HeldBy(name)
				if !held {
					continue
				}
				what = "what " + holderName(who) + " was getting"
			}
			removed = true
			err := c.Delete(name)
			if held := heldAmong(err); held != nil {
				busy = append(busy, held...)
				if e.Record == nil {
					continue
				}
			} else if err != nil {
				return true, fmt.Errorf("%s could not be removed: %w", what, err)
			}
			if err := p.say("removed %s: %s", t.name, what); err != nil {
				return true, err
			}
		}
	}
	return removed, errors.Join(busy...)
}

// heldAmong are the errors of err if all of them say that somebody holds a record's lock;
// nil where there is a worse one.
func heldAmong(err error) []error {
	all := joined(err)
	for _, e := range all {
		if _, ok := e.(*cache.HeldError); !ok {
			return nil
		}
	}
	return all
}

// reportBusy is the error about refreshes that were going on all the while.
func (p *program) reportBusy(busy []error) error {
	var said []string
	for _, err := range busy {
		held := err.(*cache.HeldError)
		line := holderName(held.Holder) + " is renewing it and may store it again; run logout once more"
		if !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	if len(said) == 0 {
		return nil
	}
	for _, line := range said[1:] {
		p.progress("%s", line)
	}
	return &failure.Error{Class: failure.Locked, Text: said[0], Err: errors.Join(busy...)}
}

// holderName is a holder without what for: that is said beside it.
func holderName(who lock.Holder) string {
	return display.Safe(lock.Holder{PID: who.PID, TTY: who.TTY}.String())
}

func (p *program) logoutAll(flags settings.Flags) error {
	all, _, err := p.caches(flags)
	if err != nil {
		return err
	}
	removed := 0
	var busy []error
	for _, c := range all {
		names, err := c.Names()
		if err != nil {
			return noCache(err)
		}
		for _, name := range names {
			if err := p.say("removed %s", describe(c.Inspect(name))); err != nil {
				return err
			}
			removed++
		}
		err = c.DeleteAll()
		held := heldAmong(err)
		if err != nil && held == nil {
			return fmt.Errorf("not everything could be removed from %s: %w", c.Path(), err)
		}
		busy = append(busy, held...)
	}
	if removed == 0 {
		return p.say("nothing was in the cache")
	}
	return p.reportBusy(busy)
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

// caches opens every cache that the flags or the known profiles name, and gives the known
// profiles as well. A profile that cannot be read is reported and left out.
func (p *program) caches(flags settings.Flags) ([]*cache.Cache, []*target, error) {
	dir := p.env.Getenv("STS_HELPER_CACHE_DIR")
	if v := flags["cache-dir"]; len(v) > 0 {
		dir = v[len(v)-1]
	}
	if dir != "" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, nil, noCache(err)
		}
	}
	dir, err := settings.CacheDir(dir, p.env)
	if err != nil {
		return nil, nil, noCache(err)
	}
	c, err := cache.Open(dir)
	if err != nil {
		return nil, nil, noCache(err)
	}
	all := []*cache.Cache{c}
	names, err := settings.KnownNames(p.env)
	if err != nil {
		return nil, nil, err
	}
	if len(names) == 0 {
		return all, nil, nil
	}
	targets, problems := p.targets(names, flags, broker.Options{NonInteractive: true})
	for _, err := range joined(problems) {
		p.report(err)
	}
	for _, t := range targets {
		c, err := t.Cache()
		if err == nil && c != nil && !slices.ContainsFunc(all, func(other *cache.Cache) bool { return other.Path() == c.Path() }) {
			all = append(all, c)
		}
	}
	return all, targets, nil
}

func noCache(err error) error {
	return &failure.Error{Class: failure.Configuration, Text: display.Safe(err.Error()), Err: err}
}

// say prints a line of what was asked for.
func (p *program) say(format string, args ...any) error {
	_, err := fmt.Fprintf(p.stdout, format+"\n", args...)
	return err
}
