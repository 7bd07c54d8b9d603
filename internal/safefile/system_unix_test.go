//go:build unix

package safefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// A file that a user could change, replace or remove is no file of the system's.
func TestSystemFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink("/etc/passwd", link); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	passwd, err := os.Stat("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	root := os.Geteuid() == 0
	check := func(path, want string) {
		t.Helper()
		info, err := os.Stat(path)
		if err != nil {
			info = passwd // only the way to it is of interest
		}
		err = safefile.CheckSystem(path, info)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	check("/etc/passwd", "")
	check("/etc/../etc//./passwd", "")
	switch {
	case root:
		check(file, ": others than root may write to it")
		check(link, "its directory /")
		if err := os.Chown(file, 1, -1); err != nil {
			t.Fatal(err)
		}
		check(file, "belongs to uid 1, not to root")
	default:
		check(file, "not to root")
		check(link, "its directory /")
	}
	if err := os.Chmod(file, 0o666); err != nil {
		t.Fatal(err)
	}
	if root {
		if err := os.Chown(file, 0, -1); err != nil {
			t.Fatal(err)
		}
		check(file, "others than root may write to it (mode 0666)")
	}
	check(loop, "its directory /")
}
