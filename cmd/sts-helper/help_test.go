package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

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
