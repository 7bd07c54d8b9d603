//go:build unix

package lock_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/lock"
)

func TestWhatIsNoLockFileIsRefusedWithoutHanging(t *testing.T) {
	victim := filepath.Join(t.TempDir(), "victim")
	for name, prepare := range map[string]func(path string) error{
		"link":          func(p string) error { return os.Symlink(victim, p) },
		"directory":     func(p string) error { return os.Mkdir(p, 0o700) },
		"fifo":          func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"no such place": func(p string) error { return os.Remove(filepath.Dir(p)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "a.lock")
			if err := prepare(path); err != nil {
				t.Fatal(err)
			}
			h, err := lock.Try(path, lock.Holder{})
			if !errors.Is(err, lock.ErrUnavailable) {
				if h != nil {
					h.Release()
				}
				t.Fatalf("err = %v, want unavailable", err)
			}
			if _, err := os.Lstat(victim); err == nil {
				t.Fatal("the link's target was created")
			}
		})
	}
}

func TestHolderOfWhatIsNoFileIsReadWithoutHanging(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if who, ok := lock.ReadHolder(path); ok {
		t.Errorf("%v", who)
	}
}
