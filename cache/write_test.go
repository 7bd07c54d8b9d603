package cache_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// aged makes a file of the folder that was last written age ago.
func aged(t *testing.T, c *cache.Cache, name string, age time.Duration) string {
	t.Helper()
	path := filepath.Join(c.Path(), "v1", name)
	write(t, path, []byte("x"))
	at := time.Now().Add(-age)
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func TestSweep(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	steadyClocks(t, c)
	name := key("long gone").String()
	goes := []string{
		aged(t, c, ".tmp-0123456789abcdef-old", 2*cache.TempAge),
		aged(t, c, name+".cred", 49*time.Hour),
		aged(t, c, name+".state", 49*time.Hour),
	}
	stays := []string{
		aged(t, c, ".tmp-0123456789abcdef-new", cache.TempAge/2),
		aged(t, c, key("in use").String()+".cred", 47*time.Hour),
		aged(t, c, "another user's", 1000*time.Hour),
	}
	if err := os.Mkdir(filepath.Join(c.Path(), "v1", ".tmp-directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock := filepath.Join(c.Path(), "locks", name+".lock")
	write(t, lock, nil)
	long := time.Now().Add(-1000 * time.Hour)
	if err := os.Chtimes(lock, long, long); err != nil {
		t.Fatal(err)
	}
	mustGet(t, c, s.want())
	for _, path := range goes {
		if exists(path) {
			t.Errorf("%s is still there", path)
		}
	}
	for _, path := range append(stays, lock, cache.RecordPath(c, s.key)) {
		if !exists(path) {
			t.Errorf("%s is gone", path)
		}
	}
	// Not at every write.
	again := aged(t, c, ".tmp-0123456789abcdef-old", 2*cache.TempAge)
	w := s.want()
	w.Renew = true
	mustGet(t, c, w)
	if !exists(again) {
		t.Error("the folder is gone through at every write")
	}
	if err := cache.BackdateSweep(c); err != nil {
		t.Fatal(err)
	}
	mustGet(t, c, w)
	if exists(again) {
		t.Error("the folder is not gone through any more")
	}
	// A mark from the future, made under a wrong clock, does not stop it for ever.
	again = aged(t, c, ".tmp-0123456789abcdef-old", 2*cache.TempAge)
	aged(t, c, ".swept", -time.Hour)
	mustGet(t, c, w)
	if exists(again) {
		t.Error("a mark from the future stops the sweep")
	}
}

func TestDirectoryIsTaggedForBackups(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	if tag := read(t, filepath.Join(c.Path(), "CACHEDIR.TAG")); !strings.HasPrefix(string(tag), "Signature: 8a477f597d28d172789f06886806bc55\n") {
		t.Errorf("%q", tag)
	}
}

// A reader sees a whole record at any moment, however often it is replaced.
func TestReadersNeverMissWhileARecordIsReplaced(t *testing.T) {
	c, k := open(t), key("dev")
	if err := c.Store(k, tok(k, 0, time.Hour), false); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := c.Store(k, tok(k, n%1000, time.Hour), false); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 3000 {
		r, err := c.Load(k)
		if err != nil {
			t.Errorf("read %d: %v", n, err)
			break
		}
		if id := r.Token.Credentials.AccessKeyID; !bytes.Contains([]byte(r.Token.Credentials.SessionToken), []byte(id)) {
			t.Errorf("read %d: torn", n)
			break
		}
	}
	close(stop)
	wg.Wait()
}

func TestSecretsAreNowhereButInRecords(t *testing.T) {
	c := open(t)
	for n := range 3 {
		s := newSource(fmt.Sprint(n), time.Hour)
		mustGet(t, c, s.want())
		s.err = errDenied
		w := s.want()
		w.Renew = true
		_, err := c.Get(t.Context(), w)
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("err = %v", err)
		}
	}
	err := filepath.Walk(c.Path(), func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		if bytes.Contains(read(t, path), []byte("CANARY")) != strings.HasSuffix(path, ".cred") {
			t.Errorf("%s: secrets in the wrong place", path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
