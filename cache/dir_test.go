//go:build unix

package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// refused checks that Open refuses the directory, and that nothing is made or changed.
func refused(t *testing.T, dir, reason string) {
	t.Helper()
	before := tree(t, filepath.Dir(dir))
	c, err := cache.Open(dir)
	if c != nil || !errors.Is(err, cache.ErrUnsafe) || !strings.Contains(err.Error(), reason) {
		t.Fatalf("Open: %v, %v; want a refusal for %q", c, err, reason)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than a line: %q", err)
	}
	if after := tree(t, filepath.Dir(dir)); after != before {
		t.Errorf("it changed something:\n%s\n%s", before, after)
	}
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil {
			b.WriteString(path + " " + info.Mode().String() + "\n")
		}
		return nil
	})
	return b.String()
}

func TestUnsafeDirectoriesAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		reason  string
		prepare func(t *testing.T, dir string) error
	}{
		"0755": {"chmod 700 '/", func(_ *testing.T, d string) error { return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o755)) }},
		"0777": {"mode 0777", func(_ *testing.T, d string) error { return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o777)) }},
		"0710": {"mode 0710", func(_ *testing.T, d string) error { return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o710)) }},
		"0701": {"mode 0701", func(_ *testing.T, d string) error { return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o701)) }},
		"sticky": {"mode 0777", func(_ *testing.T, d string) error {
			return errors.Join(os.Mkdir(d, 0o700), os.Chmod(d, 0o777|os.ModeSticky))
		}},
		"v1 0755": {"chmod 700 '/", func(_ *testing.T, d string) error {
			return errors.Join(os.MkdirAll(d+"/v1", 0o700), os.Chmod(d+"/v1", 0o755))
		}},
		"locks 0770": {"chmod 700 '/", func(_ *testing.T, d string) error {
			return errors.Join(os.MkdirAll(d+"/v1", 0o700), os.MkdirAll(d+"/locks", 0o700), os.Chmod(d+"/locks", 0o770))
		}},
		"link": {"is a symbolic link", func(t *testing.T, d string) error { return os.Symlink(private(t), d) }},
		"dangling link": {"is a symbolic link", func(t *testing.T, d string) error {
			return os.Symlink(filepath.Join(t.TempDir(), "none"), d)
		}},
		"v1 is a link": {"is a symbolic link", func(t *testing.T, d string) error {
			return errors.Join(os.Mkdir(d, 0o700), os.Symlink(private(t), d+"/v1"))
		}},
		"locks is a link": {"is a symbolic link", func(t *testing.T, d string) error {
			return errors.Join(os.MkdirAll(d+"/v1", 0o700), os.Symlink(private(t), d+"/locks"))
		}},
		"file": {"not a directory", func(_ *testing.T, d string) error { return os.WriteFile(d, nil, 0o600) }},
		"FIFO": {"not a directory", func(_ *testing.T, d string) error { return syscall.Mkfifo(d, 0o600) }},
		"v1 is a file": {"not a directory", func(_ *testing.T, d string) error {
			return errors.Join(os.Mkdir(d, 0o700), os.WriteFile(d+"/v1", nil, 0o600))
		}},
		"v1 is a FIFO": {"not a directory", func(_ *testing.T, d string) error {
			return errors.Join(os.Mkdir(d, 0o700), syscall.Mkfifo(d+"/v1", 0o600))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "my cache")
			if err := tt.prepare(t, dir); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, tt.reason)
		})
	}
	t.Run("relative", func(t *testing.T) {
		t.Chdir(t.TempDir())
		for _, dir := range []string{"cache", "./cache", "", "."} {
			if _, err := cache.Open(dir); !errors.Is(err, cache.ErrUnsafe) {
				t.Errorf("%q: %v", dir, err)
			}
		}
	})
	t.Run("other owner", func(t *testing.T) {
		dir := "/"
		if os.Geteuid() == 0 {
			dir = filepath.Join(t.TempDir(), "cache")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, 12345, 12345)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := cache.Open(dir); !errors.Is(err, cache.ErrUnsafe) || !strings.Contains(err.Error(), "belongs to uid") {
			t.Errorf("err = %v", err)
		}
	})
}

// private is a directory that would do, were it named itself.
func private(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "private")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever the umask, no other user may look in. It belongs to the whole process, so this test
// must not run beside others.
func TestUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o077} {
		dir := filepath.Join(t.TempDir(), "deep", "cache")
		old := syscall.Umask(mask)
		c, err := cache.Open(dir)
		var s *source
		if err == nil {
			s = newSource("dev", time.Hour)
			_, err = c.Get(t.Context(), s.want())
		}
		if err == nil {
			s.err = errDenied
			w := s.want()
			w.Renew = true
			_, _ = c.Get(t.Context(), w) // leaves a state
		}
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		files := 0
		_ = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
			if err != nil || info.Mode().Perm()&0o077 != 0 {
				t.Errorf("umask %o: %s has %v, %v", mask, path, info.Mode(), err)
			}
			files++
			return nil
		})
		if files < 7 { // the three directories, record, state, lock, tag
			t.Errorf("only %d files", files)
		}
	}
}

func TestSetgidDirectoryWorks(t *testing.T) {
	parent := t.TempDir()
	if err := os.Chmod(parent, 0o755|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	c, err := cache.Open(filepath.Join(parent, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	heals(t, c, newSource("dev", time.Hour))
	_ = c.Close()
}

// What is in a record's place is not followed, not waited for, not believed, and does
// not stay.
func TestStrangeThingsInARecordsPlace(t *testing.T) {
	elsewhere := func(t *testing.T, c *cache.Cache, s *source) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "elsewhere")
		write(t, path, read(t, cache.RecordPath(c, s.key)))
		return path
	}
	for name, tt := range map[string]struct {
		reason  string
		prepare func(t *testing.T, c *cache.Cache, s *source, path string) error
	}{
		"link to a good record": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			target := elsewhere(t, c, s)
			return errors.Join(os.Remove(path), os.Symlink(target, path))
		}},
		"link inside the folder": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			target := filepath.Join(filepath.Dir(path), "good")
			return errors.Join(os.Rename(path, target), os.Symlink("good", path))
		}},
		"dangling link": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return errors.Join(os.Remove(path), os.Symlink(filepath.Join(t.TempDir(), "none"), path))
		}},
		"link to a FIFO": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			fifo := filepath.Join(t.TempDir(), "fifo")
			return errors.Join(os.Remove(path), syscall.Mkfifo(fifo, 0o600), os.Symlink(fifo, path))
		}},
		"link to a device": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return errors.Join(os.Remove(path), os.Symlink("/dev/zero", path))
		}},
		"hard link": {"more than one hard link", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return os.Link(path, filepath.Join(filepath.Dir(filepath.Dir(path)), "other name"))
		}},
		"FIFO": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o600))
		}},
		"directory": {"not a regular file", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}},
		"readable for all": {"others may use", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return os.Chmod(path, 0o644)
		}},
		"writable for the group": {"others may use", func(t *testing.T, c *cache.Cache, s *source, path string) error {
			return os.Chmod(path, 0o620)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c, s := open(t), newSource("dev", time.Hour)
			mustGet(t, c, s.want())
			path := cache.RecordPath(c, s.key)
			if err := tt.prepare(t, c, s, path); err != nil {
				t.Fatal(err)
			}
			_, err := c.Load(s.key)
			if m := missOf(t, err); !strings.Contains(m.Reason, tt.reason) {
				t.Errorf("reason %q, want %q", m.Reason, tt.reason)
			}
			heals(t, c, s)
			if temps := cache.Temps(c); len(temps) > 0 {
				t.Errorf("left behind: %v", temps)
			}
		})
	}
	if os.Geteuid() == 0 {
		t.Run("other owner", func(t *testing.T) {
			c, s := open(t), newSource("dev", time.Hour)
			mustGet(t, c, s.want())
			if err := os.Chown(cache.RecordPath(c, s.key), 12345, 12345); err != nil {
				t.Fatal(err)
			}
			_, err := c.Load(s.key)
			if m := missOf(t, err); !strings.Contains(m.Reason, "belongs to uid 12345") {
				t.Errorf("reason %q", m.Reason)
			}
			heals(t, c, s)
		})
		t.Run("device", func(t *testing.T) {
			c, s := open(t), newSource("dev", time.Hour)
			if err := syscall.Mknod(cache.RecordPath(c, s.key), syscall.S_IFCHR|0o600, 1<<8|5); err != nil { // zero
				t.Fatal(err)
			}
			_, err := c.Load(s.key)
			missOf(t, err)
			heals(t, c, s)
		})
	}
}

// A full directory cannot be replaced. The token is given all the same, and it is said.
func TestFullDirectoryInARecordsPlace(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	path := cache.RecordPath(c, s.key)
	if err := os.MkdirAll(filepath.Join(path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	a := mustGet(t, c, s.want())
	expect(t, a, cache.Fresh, stamp(s.key, 1))
	if len(a.Warnings) != 1 || !strings.Contains(a.Warnings[0].Error(), filepath.Base(path)) {
		t.Errorf("warnings %v", a.Warnings)
	}
	if temps := cache.Temps(c); len(temps) > 0 {
		t.Errorf("left behind: %v", temps)
	}
}

// What is in a lock's place: the token is given, nothing is followed, made or waited for.
func TestStrangeThingsInALocksPlace(t *testing.T) {
	t.Parallel()
	victim := filepath.Join(t.TempDir(), "victim")
	for name, prepare := range map[string]func(path string) error{
		"link":      func(p string) error { return os.Symlink(victim, p) },
		"FIFO":      func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"directory": func(p string) error { return os.Mkdir(p, 0o700) },
	} {
		for _, rem := range []time.Duration{0, 30 * time.Second, 10 * time.Minute} {
			t.Run(name+" "+rem.String(), func(t *testing.T) {
				t.Parallel()
				c, s := open(t), newSource("dev", time.Hour)
				if rem > 0 {
					due(t, c, s, rem)
				}
				if err := prepare(cache.LockPath(c, s.key)); err != nil {
					t.Fatal(err)
				}
				expect(t, mustGet(t, c, s.want()), cache.Fresh, stamp(s.key, 1))
				expect(t, mustGet(t, c, cache.Want{Key: s.key, Fetch: never(t)}), cache.Hit, stamp(s.key, 1))
				if _, err := os.Lstat(victim); err == nil {
					t.Error("the link's target was made")
				}
			})
		}
	}
}

func TestJunkInTheFolderIsNotListed(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	dir := filepath.Dir(cache.RecordPath(c, s.key))
	for _, name := range []string{"x.cred", "\x1b[31m.cred", strings.Repeat("A", 64) + ".cred", strings.Repeat("z", 64) + ".cred", "notes.txt", ".cred"} {
		write(t, filepath.Join(dir, name), []byte("junk"))
	}
	entries, err := entriesOf(c)
	if err != nil || len(entries) != 1 || entries[0].Name != s.key.String() || entries[0].Miss != nil {
		t.Errorf("%+v, %v", entries, err)
	}
}
