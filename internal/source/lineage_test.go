package source_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/source"
)

// Our own refreshes keep a login what it is; any other change of its file makes another one.
func TestLoginOf(t *testing.T) {
	c, err := cache.Open(filepath.Join(t.TempDir(), "cache"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	file := filepath.Join(t.TempDir(), "login.json")
	write := func(content string) string {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := source.LoginOf(c, file)
		if err != nil || s.Login == "" {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.Login
	}
	if _, err := source.LoginOf(c, file); !os.IsNotExist(err) {
		t.Fatalf("logged out: %v", err)
	}
	alice := write("alice 1")
	for _, step := range [][2]string{{"alice 1", "alice 2"}, {"alice 2", "alice 3"}} {
		source.Refreshed(c, file, []byte(step[0]), []byte(step[1]))
		if got := write(step[1]); got != alice {
			t.Errorf("after a refresh of ours to %q it is another login", step[1])
		}
	}
	bob := write("bob 1")
	if bob == alice {
		t.Error("another login is taken for the first one")
	}
	source.Refreshed(c, file, []byte("bob 1"), []byte("bob 2"))
	if write("bob 2") != bob {
		t.Error("after a refresh of ours the second login is a third one")
	}
	if write("alice 3") == bob {
		t.Error("the file of before is taken for the second login")
	}
}
