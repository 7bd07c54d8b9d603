package safefile_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// exchanged calls read while two names change places all the time.
func exchanged(t *testing.T, one, other string, read func()) {
	t.Helper()
	if err := unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE); err != nil {
		t.Skip("this file system exchanges no names:", err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			_ = unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
		}
	})
	for range 20_000 {
		read()
	}
	stop.Store(true)
	wg.Wait()
}

// A file that becomes a link between being looked at and being opened is not what is read.
func TestFileThatBecomesALink(t *testing.T) {
	path, dir := open(t)
	name := func(s string) string { return filepath.Join(path, s) }
	must(t, os.WriteFile(name("f"), []byte("good"), 0o600), os.WriteFile(name("other"), []byte("other"), 0o600), os.Symlink("other", name("link")))
	exchanged(t, name("f"), name("link"), func() {
		if data, err := safefile.ReadPrivate(dir, "f", 10); err == nil && string(data) != "good" {
			t.Fatalf("read %q", data)
		}
	})
}

func TestDirectoryThatBecomesALink(t *testing.T) {
	parent := t.TempDir()
	name := func(s string) string { return filepath.Join(parent, s) }
	must(t, safefile.MakePrivateDir(name("d")), safefile.MakePrivateDir(name("other")), os.Symlink("other", name("link")),
		os.WriteFile(name("other/mark"), nil, 0o600))
	exchanged(t, name("d"), name("link"), func() {
		dir, err := safefile.OpenPrivateDir(name("d"))
		if err != nil {
			return
		}
		if _, err := dir.Lstat("mark"); err == nil || !strings.Contains(err.Error(), "no such file") {
			t.Fatalf("what the link leads to was opened (%v)", err)
		}
		must(t, dir.Close())
	})
}
