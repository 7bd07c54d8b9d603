package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const statusHelp = `Show the state of every profile: one line each, those that need you first. A session that
several profiles use has one line. With a PROFILE, or --long, say everything: whose the
credentials are, until when, when they are refreshed, what went wrong the last time, and
who is at work on them now. Secrets are never shown, and nothing is asked of AWS.

    sts-helper status
    sts-helper status dev
    sts-helper status --output json
    sts-helper status --watch
    PS1='$(sts-helper status --short dev) \$ '

The fields of the JSON document are in docs/status.md.`

// statusView is how status shows what there is.
type statusView struct{ json, long, short, watch bool }

func (p *program) statusCommand() *cobra.Command {
	var v statusView
	var output outputForm
	cmd := &cobra.Command{
		Use:               "status [PROFILE...] [flags]",
		Short:             "Show the state of every profile",
		Long:              statusHelp,
		ValidArgsFunction: p.completeNames,
	}
	addOutput(cmd, &output)
	cmd.Flags().BoolVar(&v.json, "json", false, "the same as --output json")
	cmd.Flags().BoolVar(&v.long, "long", false, "say everything of each record")
	cmd.Flags().BoolVar(&v.short, "short", false, "one profile and how long it lasts, for a shell prompt")
	cmd.Flags().BoolVar(&v.watch, "watch", false, "show it until you press Ctrl-C")
	cmd.MarkFlagsMutuallyExclusive("json", "long", "short")
	cmd.MarkFlagsMutuallyExclusive("short", "watch")
	flags := addSettings(cmd.Flags(), "no-cache", "mfa-code", "mfa-process", "prompt", "wait")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v.json = v.json || output == outputJSON
		if v.short {
			return p.statusShort(args, flags)
		}
		show := func() (string, error) { return p.status(args, flags, v) }
		if v.watch {
			return p.watch(cmd.Context(), show)
		}
		text, err := show()
		if err == nil {
			_, err = p.stdout.WriteString(text)
		}
		return err
	}
	return cmd
}

func (p *program) status(names []string, flags settings.Flags, v statusView) (string, error) {
	names, err := p.named(names, false, flags)
	if err == nil {
		err = settings.CheckVariables(p.env)
	}
	if err != nil {
		return "", err
	}
	single := len(names) > 0 || asks(flags)
	caches, known, bad, err := p.caches(flagsFor(single, flags))
	if err != nil {
		return "", err
	}
	wanted := known
	if single {
		if wanted, err = p.targets(names, flags, broker.Options{NonInteractive: true}); err != nil {
			return "", err
		}
	}
	records := []*statusRecord{}
	seen := map[string]bool{}
	add := func(c *cache.Cache, key string) {
		if at := c.Path() + "\n" + key; !seen[at] {
			seen[at] = true
			if r := look(c, key); single || r.there() {
				r.Profiles = namesFor(c, key, slices.Concat(wanted, known)) // what was named is named first
				records = append(records, r)
			}
		}
	}
	for _, t := range wanted {
		if c, err := t.Cache(); err == nil && c != nil {
			for b := t.Provider; b != nil; b = b.Base() {
				add(c, b.Key().String())
			}
		}
	}
	if !single {
		for _, c := range caches {
			keys, err := c.Names()
			if err != nil {
				return "", noCache(err)
			}
			for _, key := range keys {
				add(c, key)
			}
		}
	}
	problems := []string{}
	for _, c := range caches {
		if problem := broker.CacheProblem(c); problem != "" {
			problems = append(problems, problem)
		}
	}
	problems = append(problems, p.passedOver(names)...)
	if single {
		bad, caches = nil, nil // the others are not asked about
	}
	lines, err := statusLines(wanted, bad, caches)
	if err != nil {
		return "", err
	}
	machine, there, err := settings.FleetFile(p.env)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	if v.json {
		doc := map[string]any{"version": 1, "profiles": lines, "records": records, "problems": problems}
		if there {
			doc["machine_settings"] = machine
		}
		err := writeJSON(&b, doc)
		return b.String(), err
	}
	if there && len(flags["verbose"]) > 0 {
		fmt.Fprintf(&b, "this machine's settings: %s\n", display.Safe(machine))
	}
	for _, problem := range problems {
		fmt.Fprintf(&b, "warning: %s\n", problem)
	}
	switch {
	case !single && !v.long && len(lines) > 0:
		width, colour := p.screen()
		b.WriteString(table(lines, width, colour))
	case !single && !v.long:
		b.WriteString("nothing is in the cache, and " + noProfile + "\n")
	case len(records) == 0:
		b.WriteString("nothing is in the cache\n")
	}
	for i, r := range records {
		if !single && !v.long {
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		r.text(&b)
	}
	return b.String(), nil
}

// asks reports whether flags name credentials, rather than only say where to look.
func asks(flags settings.Flags) bool {
	for name := range flags {
		if name != "cache-dir" && name != "verbose" {
			return true
		}
	}
	return false
}

// flagsFor are the flags that hold for every profile: those that name one hold for that one.
func flagsFor(single bool, flags settings.Flags) settings.Flags {
	if !single {
		return flags
	}
	rest := settings.Flags{}
	if v, ok := flags["cache-dir"]; ok {
		rest["cache-dir"] = v
	}
	return rest
}

// namesFor are the names of the profiles whose credentials the record holds, and of those
// that are made from it.
func namesFor(c *cache.Cache, key string, all []*target) []string {
	names := []string{}
	for _, t := range all {
		name := t.name
		own, base := t.MadeFrom(c.Path(), key)
		switch {
		case base && t.HandsOut(key):
		case base && t.Root(key):
			name = sourceOf + name
		case base:
			name = sessionOf + name
		}
		if (own || base) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// failureShown is how long a failure is shown that keeps no call from trying again.
const failureShown = time.Hour

// What names of [statusRecord.Profiles] begin with that are of what a profile is made from.
const (
	sourceOf  = "the source of "
	sessionOf = "the session of "
)
