//go:build unix

package imds_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/imds"
)

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	keys := make([][]byte, 32)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			var err error
			if keys[i], err = imds.LoadOrCreateKey(dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, k := range keys {
		if len(k) != imds.KeySize || !bytes.Equal(k, keys[0]) {
			t.Fatal("the keys differ")
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("left behind: %v %v", entries, err)
	}
	if st, _ := os.Stat(filepath.Join(dir, "imds.key")); st.Mode() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	if st, _ := os.Stat(dir); st.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v", st.Mode())
	}
}

func TestKeyUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0, 0o777} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		old := syscall.Umask(mask)
		_, err := imds.LoadOrCreateKey(dir)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		if st, _ := os.Stat(filepath.Join(dir, "imds.key")); st.Mode() != 0o600 {
			t.Errorf("umask %o: mode %v", mask, st.Mode())
		}
	}
}

func TestKeyIsRefused(t *testing.T) {
	good := bytes.Repeat([]byte{7}, imds.KeySize)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, spoil := range map[string]func(dir, key string) string{
		"empty":       func(dir, key string) string { must(os.WriteFile(key, nil, 0o600)); return dir },
		"short":       func(dir, key string) string { must(os.WriteFile(key, good[1:], 0o600)); return dir },
		"long":        func(dir, key string) string { must(os.WriteFile(key, append(good, 1), 0o600)); return dir },
		"readable":    func(dir, key string) string { must(os.Chmod(key, 0o644)); return dir },
		"setuid":      func(dir, key string) string { must(os.Chmod(key, 0o600|os.ModeSetuid)); return dir },
		"second name": func(dir, key string) string { must(os.Link(key, key+"2")); return dir },
		"link": func(dir, key string) string {
			must(os.Rename(key, key+"2"))
			must(os.Symlink(key+"2", key))
			return dir
		},
		"dangling link": func(dir, key string) string { must(os.Remove(key)); must(os.Symlink(key+"2", key)); return dir },
		"fifo":          func(dir, key string) string { must(os.Remove(key)); must(syscall.Mkfifo(key, 0o600)); return dir },
		"directory":     func(dir, key string) string { must(os.Remove(key)); must(os.Mkdir(key, 0o600)); return dir },
		"open dir":      func(dir, key string) string { must(os.Chmod(dir, 0o755)); return dir },
		"dir is a link": func(dir, key string) string { must(os.Symlink(dir, dir+"-link")); return dir + "-link" },
		"dir is a file": func(dir, key string) string { return key },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			must(os.Mkdir(dir, 0o700))
			key := filepath.Join(dir, "imds.key")
			must(os.WriteFile(key, good, 0o600))
			if k, err := imds.LoadOrCreateKey(dir); err != nil || !bytes.Equal(k, good) {
				t.Fatalf("the good key: %v", err)
			}
			if k, err := imds.LoadOrCreateKey(spoil(dir, key)); err == nil || k != nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got a key of %d bytes, error %v", len(k), err)
			}
		})
	}
}
