package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// "help settings" has every setting once.
func TestEverySettingIsInOneGroup(t *testing.T) {
	seen := map[string]int{}
	for _, g := range settingGroups {
		for _, name := range g.flags {
			seen[name]++
		}
	}
	for _, s := range settings.Settings() {
		if seen[s.Flag] != 1 {
			t.Errorf("--%s is in %d groups", s.Flag, seen[s.Flag])
		}
		delete(seen, s.Flag)
	}
	if len(seen) > 0 {
		t.Errorf("there are no such settings: %v", seen)
	}
}

// Every command's help begins its examples as a user would type them.
func TestEveryCommandHasAnExample(t *testing.T) {
	var p program
	var look func(all []*cobra.Command)
	look = func(all []*cobra.Command) {
		for _, cmd := range all {
			if !cmd.Hidden && !strings.Contains(cmd.Long, "    sts-helper "+strings.Fields(cmd.Use)[0]) && !strings.Contains(cmd.Long, cmd.CommandPath()+" ") {
				t.Errorf("the help of %s has no example", cmd.CommandPath())
			}
			look(cmd.Commands())
		}
	}
	root := p.rootCommand()
	root.AddCommand(p.commands()...)
	look(root.Commands())
}

// Every flag that takes a value completes it, or is left to the shell, which completes files.
func TestEveryFlagCompletes(t *testing.T) {
	var p program
	root := p.rootCommand()
	root.AddCommand(p.commands()...)
	p.completeFlags(root)
	flags := 0
	var look func(cmd *cobra.Command)
	look = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if _, known := cmd.GetFlagCompletionFunc(f.Name); known || f.Value.Type() == "bool" {
				flags++
				return
			}
			value, _ := pflag.UnquoteUsage(f)
			if s, setting := f.Value.(*settingFlag); setting && (s.Kind == settings.Path || s.Value == "CMD") || !setting && slices.Contains(fileValues, value) {
				return
			}
			t.Errorf("%s --%s: %s completes nothing", cmd.CommandPath(), f.Name, value)
		})
		for _, c := range cmd.Commands() {
			look(c)
		}
	}
	look(root)
	if flags < 100 {
		t.Errorf("%d flags", flags)
	}
}
