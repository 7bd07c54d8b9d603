//go:build unix

package doctor_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sts-helper/sts-helper/internal/doctor"
)

// Secrets are their user's alone; settings may be read by others. (What belongs to another user is in the tests of
// the whole program, which can be run as root.)
func TestModes(t *testing.T) {
	for mode, want := range map[fs.FileMode][2]int{0o600: {0, 0}, 0o640: {1, 0}, 0o644: {1, 0}, 0o664: {1, 1}, 0o666: {1, 1}, fs.ModeDir | 0o700: {0, 0}, fs.ModeDir | 0o755: {1, 0}} {
		info := mustStat(t, mode)
		if s, w := doctor.Secret("/f", info), doctor.Settings("/f", info); len(s) != want[0] || len(w) != want[1] {
			t.Errorf("%v: %q, %q", mode, s, w)
		}
	}
	if all := doctor.Secret("/d", mustStat(t, fs.ModeDir|0o750)); len(all) != 1 || !strings.Contains(all[0].Mend, "chmod 700 /d") {
		t.Errorf("%q", all)
	}
}

func mustStat(t *testing.T, mode fs.FileMode) fs.FileInfo {
	t.Helper()
	info, err := fs.Stat(fstest.MapFS{"f": {Mode: mode}}, "f")
	if err != nil {
		t.Fatal(err)
	}
	return info
}
