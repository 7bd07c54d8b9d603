package record_test

import (
	"path/filepath"
	"testing"

	"github.com/adrg/xdg"

	"github.com/sts-helper/sts-helper/internal/record"
)

// The cache lies where the XDG base directory specification has it, as github.com/adrg/xdg reads
// that. The library itself would read a file at every start, so it is what the rule is held to.
func TestDefaultDirIsXDGs(t *testing.T) {
	home := t.TempDir()
	for _, dir := range []string{"", home + "/caches", home + "/caches/", "relative/caches"} {
		variables := map[string]string{"HOME": home, "XDG_CACHE_HOME": dir}
		for name, value := range variables {
			t.Setenv(name, value)
		}
		xdg.Reload()
		got, err := record.DefaultDir(func(name string) string { return variables[name] })
		if want := filepath.Join(xdg.CacheHome, "sts-helper"); err != nil || got != want {
			t.Errorf("XDG_CACHE_HOME %q: %q (%v), want %q", dir, got, err, want)
		}
	}
}
