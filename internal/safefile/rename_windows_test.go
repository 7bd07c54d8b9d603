package safefile_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// A file that another program holds open without sharing it is replaced once it is closed.
func TestReplaceAnOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "held")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	held, err := windows.CreateFile(name, windows.GENERIC_READ, windows.FILE_SHARE_READ, nil, windows.OPEN_EXISTING, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Rename("held", "moved"); err == nil {
		t.Fatal("a file that is held can be renamed here, so there is nothing to test")
	}
	go func() {
		time.Sleep(300 * time.Millisecond)
		_ = windows.CloseHandle(held)
	}()
	if err := safefile.Write(dir, "held", []byte("new"), safefile.Synced); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(path); string(data) != "new" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}
