package main

import (
	"testing"

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
