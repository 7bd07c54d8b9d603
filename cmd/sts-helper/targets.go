package main

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// target is one set of credentials that the user named.
type target struct {
	name  string
	asked *request.Request // as the settings have it: an MFA device may have been found since
	*broker.Provider
}

// looking is the environment for a request that is looked at and not asked.
func (p *program) looking() settings.Environment {
	env := p.env
	env.OneOfMany = true
	return env
}

// target makes the provider for a name, or for the flags alone where it is "".
func (p *program) target(name string, given settings.Flags, env settings.Environment, opts broker.Options) (*target, error) {
	req, err := settings.LoadNamed(name, given, env)
	if err != nil {
		return nil, err
	}
	opts.Env, opts.Log = p.env, p.logger(req.Verbose)
	opts.LoginCommand = settings.LoginCommand(name, given, req)
	prov, err := broker.New(req, opts)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = req.Name
	}
	return &target{display.Safe(name), req, prov}, nil
}

// targets makes the providers of all names, ordered so that those who share an MFA device
// are adjacent. Errors about one do not hide the others.
func (p *program) targets(names []string, given settings.Flags, opts broker.Options) ([]*target, error) {
	if len(names) == 0 {
		names = []string{""}
	}
	env := p.env
	env.OneOfMany = len(names) > 1 || opts.NonInteractive
	var all []*target
	var errs []error
	for _, name := range names {
		t, err := p.target(name, given, env, opts)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b *target) int { return cmp.Compare(a.Device(), b.Device()) })
	return all, errors.Join(errs...)
}

// named checks the arguments of a command that takes names or --all.
func (p *program) named(args []string, all bool, given settings.Flags) ([]string, error) {
	if !all {
		if _, ok := given["profile"]; ok && len(args) > 0 {
			return nil, usageError{errors.New("give names as arguments or one with --profile, not both")}
		}
		return args, nil
	}
	if len(args) > 0 {
		return nil, usageError{errors.New("--all does not go with names")}
	}
	names, err := settings.KnownNames(p.env)
	slices.SortStableFunc(names, compareNames)
	if err == nil && len(names) == 0 {
		err = &failure.Error{Class: failure.Configuration, Text: "there is no entry in config.toml and no AWS profile that runs sts-helper; name what is meant with flags"}
	}
	return names, err
}

// completeNames completes profile names.
func (p *program) completeNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return complete(args, func() ([]string, error) { return settings.KnownNames(p.env) })
}

// completeLogins completes names that can be logged in to.
func (p *program) completeLogins(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return complete(args, p.loginNames)
}

func complete(args []string, list func() ([]string, error)) ([]string, cobra.ShellCompDirective) {
	names, err := list()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) }), cobra.ShellCompDirectiveNoFileComp
}

// completeName completes the one profile name that a command takes.
func (p *program) completeName(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return p.completeNames(cmd, args, word)
}

// caches opens every cache that the flags or the known profiles name, and gives the known
// profiles as well, and those that cannot be read.
func (p *program) caches(flags settings.Flags) (all []*cache.Cache, known []*target, bad []unreadable, err error) {
	dir := p.env.Getenv("STS_HELPER_CACHE_DIR")
	if v := flags["cache-dir"]; len(v) > 0 {
		dir = v[len(v)-1]
	}
	if dir != "" {
		var err error
		if dir, err = filepath.Abs(dir); err != nil {
			return nil, nil, nil, noCache(err)
		}
	}
	c, err := broker.OpenCache(dir, p.env)
	if err != nil {
		return nil, nil, nil, noCache(err)
	}
	all = []*cache.Cache{c}
	names, err := settings.KnownNames(p.env)
	if err != nil {
		return nil, nil, nil, err
	}
	slices.SortStableFunc(names, compareNames)
	for _, name := range names {
		t, err := p.target(name, flags, p.looking(), broker.Options{NonInteractive: true})
		if err != nil {
			bad = append(bad, unreadable{display.Safe(name), err})
			continue
		}
		known = append(known, t)
		c, err := t.Cache()
		if err == nil && c != nil && !slices.ContainsFunc(all, func(other *cache.Cache) bool { return other.Path() == c.Path() }) {
			all = append(all, c)
		}
	}
	return all, known, bad, nil
}

// unreadable is a profile whose settings make no request.
type unreadable struct {
	name string
	err  error
}

func noCache(err error) error {
	return &failure.Error{Class: failure.Configuration, Text: display.Safe(err.Error()), Err: err}
}
