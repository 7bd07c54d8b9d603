package lock_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/lock"
)

// strace is where strace is. Without it a test is left out, but on CI it fails.
func strace(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("strace is not installed")
		}
		t.Skip("strace is not installed")
	}
	return path
}

// A file that is removed between being opened and being locked is not what others lock.
func TestFileRemovedBeforeItIsLocked(t *testing.T) {
	strace := strace(t)
	path := filepath.Join(t.TempDir(), "a.lock")
	go func() {
		for range 1000 {
			if os.Remove(path) == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	hold(t, path, strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:delay_enter=500000:when=1")
	if _, err := lock.Try(path, lock.Holder{}); !errors.Is(err, lock.ErrBusy) {
		t.Fatalf("err = %v, want busy: the other process holds a file that has no name", err)
	}
}

// Where the file system's locks belong to the process, as over NFS, a second one in it seems
// to succeed. It must not.
func TestLocksThatBelongToTheProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.lock")
	hold(t, path, strace(t), "-f", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", "inject=flock:retval=0")
}
