package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// target is one set of credentials that a person named.
type target struct {
	name string
	*broker.Provider
}

// byPerson are the settings that say how to go about it and not what is asked for. They are
// no part of a command that is told to somebody else.
var byPerson = [...]string{"mfa-code", "mfa-process", "prompt", "wait", "verbose", "no-cache"}

// flagsOf are the settings that a name stands for: an entry of config.toml, else an AWS
// profile, as it runs this program or, where it does not, as the source.
func (p *program) flagsOf(name string, given settings.Flags) (settings.Flags, error) {
	flags := settings.Flags{}
	for k, v := range given {
		flags[k] = v
	}
	entries, err := settings.Names(p.env)
	if err != nil {
		return nil, err
	}
	if slices.Contains(entries, name) {
		flags["profile"] = []string{name}
		return flags, nil
	}
	args, found, err := settings.AWSProfile(p.env, name)
	switch {
	case err != nil:
		return nil, err
	case args != nil:
		return flags, parseOwn(name, args, flags)
	case found:
		flags["source-profile"] = []string{name}
	default:
		flags["profile"] = []string{name} // for the error that says what there is
	}
	return flags, nil
}

// parseOwn adds the settings of a credential_process that runs this program. Flags that were
// given win.
func parseOwn(name string, args []string, flags settings.Flags) error {
	if len(args) > 0 && args[0] == "process" {
		args = args[1:]
	}
	set := pflag.NewFlagSet(name, pflag.ContinueOnError)
	set.Usage = func() {}
	own := addSettings(set)
	err := set.Parse(args)
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("%q is no flag", display.Safe(set.Arg(0)))
	}
	if err != nil {
		return &broker.Error{Class: broker.ClassConfig, Text: fmt.Sprintf(
			"the credential_process of AWS profile %q cannot be read: %s; give its settings as flags", display.Safe(name), display.Safe(err.Error()))}
	}
	for k, v := range own {
		if _, ok := flags[k]; !ok {
			flags[k] = v
		}
	}
	return nil
}

// target makes the provider for a name, or for the flags alone where it is "".
func (p *program) target(name string, given settings.Flags, opts broker.Options) (*target, error) {
	flags := given
	if name != "" {
		var err error
		if flags, err = p.flagsOf(name, given); err != nil {
			return nil, err
		}
	}
	req, err := settings.Load(flags, p.env)
	if err != nil {
		return nil, unblamed(name, err)
	}
	opts.Log = p.logger(req.Verbose)
	opts.LoginCommand = loginCommand(name, given, req)
	prov, err := broker.New(req, opts)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = req.Name
	}
	return &target{display.Safe(name), prov}, nil
}

// unblamed is err without --profile as the place of the fault, where the name of the profile
// was an argument.
func unblamed(name string, err error) error {
	if e, ok := errors.AsType[*settings.Error](err); ok && name != "" && e.Where == "--profile" {
		other := *e
		other.Where = ""
		return &other
	}
	return err
}

// targets makes the providers of all names, ordered so that those who share an MFA device
// stand together. Errors about one do not hide the others.
func (p *program) targets(names []string, given settings.Flags, opts broker.Options) ([]*target, error) {
	if len(names) == 0 {
		names = []string{""}
	}
	var all []*target
	var errs []error
	for _, name := range names {
		t, err := p.target(name, given, opts)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		all = append(all, t)
	}
	slices.SortStableFunc(all, func(a, b *target) int { return cmp.Compare(a.device(), b.device()) })
	return all, errors.Join(errs...)
}

// device is the MFA device at the bottom of what the target is made from, "" for none.
func (t *target) device() string {
	serial := ""
	for req := t.Request(); req != nil; req = req.Base {
		if req.SerialNumber != "" {
			serial = req.SerialNumber
		}
	}
	return serial
}

// known are the names that lead to credentials: the entries of config.toml, and the AWS
// profiles that run this program.
func (p *program) known() ([]string, error) {
	names, err := settings.Names(p.env)
	if err != nil {
		return nil, err
	}
	for _, name := range settings.AWSNames(p.env) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
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
	names, err := p.known()
	if err == nil && len(names) == 0 {
		err = &broker.Error{Class: broker.ClassConfig, Text: "there is no entry in config.toml and no AWS profile that runs sts-helper; name what is meant with flags"}
	}
	return names, err
}

// completeNames completes profile names.
func (p *program) completeNames(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names, err := p.known()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) }), cobra.ShellCompDirectiveNoFileComp
}

// loginCommand is what a person runs to be asked for exactly this request.
func loginCommand(name string, given settings.Flags, req *settings.Request) string {
	words := []string{"sts-helper", "login"}
	if name != "" {
		words = append(words, settings.ShellWord(name))
	}
	said := false
next:
	for _, s := range settings.Settings() {
		values, ok := given[s.Flag]
		if !ok {
			continue
		}
		for _, skip := range byPerson {
			if s.Flag == skip {
				continue next
			}
		}
		said = true
		for _, v := range values {
			switch {
			case s.Flag == "profile" && name == "":
				words = slices.Insert(words, 2, settings.ShellWord(v))
			case s.Kind == settings.Bool:
				words = append(words, "--"+s.Flag+"="+settings.ShellWord(v))
			default:
				words = append(words, "--"+s.Flag, settings.ShellWord(v))
			}
		}
	}
	if !said && name == "" {
		words = append(words, settings.ShellWord(req.Name))
	}
	return strings.Join(words, " ")
}
