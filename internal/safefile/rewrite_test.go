//go:build unix

package safefile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRewriteKeepsTheMode(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	path := filepath.Join(dir, "config")
	for _, mode := range []os.FileMode{0o600, 0o644, 0o664, 0o400} {
		if err := Rewrite(root, "config", []byte("x"), mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode || CheckRewrite(info) != nil {
			t.Errorf("%v, %v, want %v", info.Mode(), err, mode)
		}
	}
	if err := os.Link(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); KindOf(CheckRewrite(info)) != HardLinked {
		t.Error("a file with two names is rewritten")
	}
}
