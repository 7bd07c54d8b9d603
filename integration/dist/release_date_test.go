package dist_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// The manifest that winget installs from has no day but the commit's, whenever it was made.
func TestReleaseDate(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	harness.Must(t, err)
	const manifest = "# yaml-language-server: ReleaseDate: is no key here\nPackageVersion: 0.1.0\n%sInstallers:\n- Architecture: x64\n"
	// dated is the manifest that GoReleaser made on a day, after the script.
	dated := func(line string, env ...string) (string, error) {
		dir := t.TempDir()
		file := filepath.Join(dir, "winget", "manifests", "s", "sts-helper", "sts-helper", "0.1.0", "sts-helper.sts-helper.installer.yaml")
		harness.Must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		harness.Must(t, os.WriteFile(file, fmt.Appendf(nil, manifest, line), 0o644))
		cmd := exec.CommandContext(t.Context(), filepath.Join(root, "packaging", "release-date.sh"), dir)
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return string(out), err
		}
		b, err := os.ReadFile(file)
		harness.Must(t, err)
		return string(b), nil
	}
	monday, tuesday := "ReleaseDate: \"2026-11-30\"\n", "ReleaseDate: \"2026-12-01\"\n"
	log := exec.CommandContext(t.Context(), harness.Need(t, "git"), "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d")
	log.Dir, log.Env = root, append(os.Environ(), "TZ=UTC0")
	day, err := log.Output()
	harness.Must(t, err)
	for _, c := range []struct{ epoch, want string }{
		{"", strings.TrimSpace(string(day))},
		{"1767225599", "2025-12-31"}, // its last second, by UTC
		{"1767225600", "2026-01-01"},
	} {
		for _, zone := range []string{"TZ=UTC0", "TZ=XXX-14", "TZ=XXX+12"} {
			for _, built := range []string{monday, tuesday} {
				got, err := dated(built, "SOURCE_DATE_EPOCH="+c.epoch, zone)
				if want := fmt.Sprintf(manifest, "ReleaseDate: \""+c.want+"\"\n"); err != nil || got != want {
					t.Errorf("%q, %s: %v\n%s\nwant\n%s", c.epoch, zone, err, got, want)
				}
			}
		}
	}
	if out, err := dated("", "SOURCE_DATE_EPOCH="); err == nil || !strings.Contains(out, "has no ReleaseDate") {
		t.Errorf("a manifest without the line: %v, %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "packaging", "release-date.sh"), t.TempDir())
	if out, err := cmd.CombinedOutput(); err == nil || strings.Count(string(out), "\n") != 1 {
		t.Errorf("no manifest: %v, %s", err, out)
	}
}
