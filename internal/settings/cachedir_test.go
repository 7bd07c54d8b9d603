package settings

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Only a directory that belongs to the user alone takes the cache's place.
func TestSpareDir(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	dir := t.TempDir()
	make := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	private, open, sticky := make("private", 0o700), make("open", 0o755), make("sticky", 0o777|os.ModeSticky)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(private, link); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(private, "sts-helper", "cache")
	for _, tc := range []struct{ run, tmp, want string }{
		{"", "", ""},
		{private, "", want},
		{"", private, want},
		{open, private, want},
		{open, sticky, ""},
		{link, "", ""},
		{"private", "", ""},
		{filepath.Join(dir, "absent"), "", ""},
	} {
		got := SpareDir(func(name string) string { return map[string]string{"XDG_RUNTIME_DIR": tc.run, "TMPDIR": tc.tmp}[name] })
		if got != tc.want {
			t.Errorf("XDG_RUNTIME_DIR=%s TMPDIR=%s: %q, want %q", tc.run, tc.tmp, got, tc.want)
		}
	}
}
