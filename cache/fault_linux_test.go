package cache_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// shared is a directory that other users can reach, with a cache in it.
func shared(t *testing.T) (dir string, c *cache.Cache) {
	t.Helper()
	parent, err := os.MkdirTemp("", "cachetest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(parent, "cache")
	if c, err = cache.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return dir, c
}

// isolated lets the job mount, in a name space of its own.
func isolated(t *testing.T, j job) result {
	t.Helper()
	cmd := j.command(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Unshareflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	all, errs := finish(t, cmd)
	if len(all) != 1 || all[0].Kind == "prepare" {
		t.Fatalf("%+v; stderr: %.2000s", all, errs)
	}
	return all[0]
}

// warned checks that the answer came from the source and that one warning says why it could
// not be kept.
func warned(t *testing.T, r result, reason string) {
	t.Helper()
	if r.Err != "" || r.Origin != cache.Fresh || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], reason) {
		t.Errorf("%+v, want a fresh token and a warning of %q", r, reason)
	}
	if r.Temps != 0 {
		t.Errorf("%d temporary files left", r.Temps)
	}
}

func TestFullDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("long: mounts file systems")
	}
	for _, mount := range []string{"full", "inodes"} {
		t.Run(mount, func(t *testing.T) {
			dir := t.TempDir()
			counter := filepath.Join(t.TempDir(), "counter")
			j := job{Dir: dir, Who: "dev", Mount: mount, Counter: counter}
			// Nothing to lose.
			warned(t, isolated(t, j), "no space left")
			// A record that has expired stays what it is.
			j.Old = 30 * time.Second
			r := isolated(t, j)
			warned(t, r, "no space left")
			if r.Stored != stamp(key("dev"), 0) {
				t.Errorf("the old record is gone: %+v", r)
			}
			// The source fails, and not even that can be noted: the old one serves.
			j.Fail = "passing"
			if r := isolated(t, j); r.Err != "" || r.Origin != cache.Kept || r.Stored != stamp(key("dev"), 0) {
				t.Errorf("%+v", r)
			}
			j.Old, j.Fail = 55*time.Minute, ""
			if r := isolated(t, j); r.Origin != cache.Hit || len(r.Warnings) != 0 {
				t.Errorf("a hit on a full disk: %+v", r)
			}
			// In the advisory window, where nothing can be kept, no user is asked for nothing.
			j.Old = 10 * time.Minute
			before := size(counter)
			r = isolated(t, j)
			if r.Err != "" || r.ID == "" || r.Temps != 0 {
				t.Errorf("%+v", r)
			}
			if mount == "inodes" && (r.Origin != cache.Kept || size(counter) != before) {
				t.Errorf("%+v after %d more calls", r, size(counter)-before)
			}
		})
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	for _, old := range []time.Duration{0, 55 * time.Minute, 10 * time.Minute, 30 * time.Second, 5 * time.Second} {
		dir, c := shared(t)
		k := key("dev")
		if old > 0 {
			if err := cache.StoreAged(c, k, tok(k, 0, old), time.Hour-old); err != nil {
				t.Fatal(err)
			}
		}
		r := isolated(t, job{Dir: dir, Who: "dev", Mount: "ro"})
		switch {
		case old == 55*time.Minute:
			if r.Origin != cache.Hit || len(r.Warnings) > 0 || r.Err != "" {
				t.Errorf("fresh: %+v", r)
			}
		case old == 10*time.Minute:
			if r.Origin != cache.Kept || r.Err != "" || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "read-only") {
				t.Errorf("due: %+v", r)
			}
		default:
			warned(t, r, "read-only")
		}
	}
	// Not even made yet: that there can be no cache is an error of its own, which does not
	// match ErrUnsafe, so that the caller goes on without.
	dir, _ := shared(t)
	if err := os.RemoveAll(filepath.Join(dir, "v1")); err != nil {
		t.Fatal(err)
	}
	if r := isolated(t, job{Dir: dir, Who: "dev", Mount: "ro"}); r.Kind != "open" || !strings.Contains(r.Err, "read-only") {
		t.Errorf("%+v", r)
	}
}

// as runs the job as another user where this one is root, for whom modes do not count.
func as(t *testing.T, j job, uid uint32) result {
	t.Helper()
	cmd := j.command(t)
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	cmd.Dir = "/"
	all, errs := finish(t, cmd)
	if len(all) != 1 {
		t.Fatalf("%v; stderr: %.2000s", all, errs)
	}
	return all[0]
}

func chownAll(t *testing.T, dir string, uid int) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, uid)
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDirectoriesWithoutWritePermission(t *testing.T) {
	for _, sub := range []string{"", "v1", "locks"} {
		t.Run("no writing in /"+sub, func(t *testing.T) {
			dir, c := shared(t)
			k := key("dev")
			if err := cache.StoreAged(c, k, tok(k, 0, 30*time.Second), 59*time.Minute+30*time.Second); err != nil {
				t.Fatal(err)
			}
			chownAll(t, dir, 12345)
			if err := os.Chmod(filepath.Join(dir, sub), 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, sub), 0o700) })
			r := as(t, job{Dir: dir, Who: "dev"}, 12345)
			if r.Err != "" || r.Origin != cache.Fresh || r.Temps != 0 {
				t.Errorf("%+v", r)
			}
			if sub == "v1" {
				warned(t, r, "permission denied")
			} else if len(r.Warnings) != 0 || r.Stored != r.ID {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestOtherUsersAreKeptOut(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run a process as another user")
	}
	dir, c := shared(t)
	mustGet(t, c, newSource("dev", time.Hour).want())
	counter := filepath.Join(t.TempDir(), "counter")
	if r := as(t, job{Dir: dir, Who: "dev", Counter: counter}, 12345); r.Kind != "open" || r.ID != "" || !strings.Contains(r.Err, "belongs to uid 0") {
		t.Errorf("root's cache for uid 12345: %+v", r)
	}
	// And root does not take over another user's.
	chownAll(t, dir, 12345)
	if r := (job{Dir: dir, Who: "dev"}).one(t); r.Kind != "open" || r.ID != "" {
		t.Errorf("uid 12345's cache for root: %+v", r)
	}
}

func TestFileSizeLimit(t *testing.T) {
	for _, limit := range []string{"fsize=0", "fsize=1", "fsize=100", "fsize=1000"} {
		dir, c := shared(t)
		k := key("dev")
		if err := cache.StoreAged(c, k, tok(k, 0, 30*time.Second), 59*time.Minute+30*time.Second); err != nil {
			t.Fatal(err)
		}
		r := (job{Dir: dir, Who: "dev", Limit: limit}).one(t)
		warned(t, r, "file too large")
		if r.Stored != stamp(k, 0) {
			t.Errorf("%s: the old record is gone: %+v", limit, r)
		}
	}
}

// However few files may be open: a token or a clear error, and what was there stays.
func TestFewOpenFiles(t *testing.T) {
	tokens, failures := 0, 0
	for i, limit := range []string{"0", "1", "2", "3", "4", "5", "6", "8", "12"} {
		if harness.LeftOut(i) {
			continue
		}
		dir, c := shared(t)
		k := key("dev")
		if err := cache.StoreAged(c, k, tok(k, 0, 30*time.Second), 59*time.Minute+30*time.Second); err != nil {
			t.Fatal(err)
		}
		all, errs := (job{Dir: dir, Who: "dev", Limit: "nofile=" + limit}).do(t)
		if len(all) != 1 || strings.Contains(errs, "goroutine ") {
			t.Fatalf("nofile=%s: %v; stderr: %.2000s", limit, all, errs)
		}
		switch r := all[0]; {
		case r.Err == "" && r.ID != "":
			tokens++
		case strings.Contains(r.Err, "too many open files"):
			failures++
		default:
			t.Errorf("nofile=%s: %+v", limit, r)
		}
		if rec, err := c.Load(k); err != nil || rec.Token.Credentials.AccessKeyID == "" {
			t.Errorf("nofile=%s: %v", limit, err)
		}
		if temps := cache.Temps(c); len(temps) > 0 {
			t.Errorf("nofile=%s: left behind: %v", limit, temps)
		}
	}
	if tokens == 0 || failures == 0 {
		t.Errorf("%d tokens and %d failures: the limits do not bite", tokens, failures)
	}
}
