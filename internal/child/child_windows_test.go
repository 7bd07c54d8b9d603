package child_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sts-helper/sts-helper/internal/child"
)

// TestMain prints its arguments where it is the child.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST_ARGS") != "" {
		fmt.Printf("%q", os.Args[1:])
		os.Exit(3)
	}
	os.Exit(m.Run())
}

// cmd.exe finds a program whose path has blanks, and passes quoted words on.
func TestShell(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "a b.exe")
	if err := os.WriteFile(program, data, 0o700); err != nil {
		t.Fatal(err)
	}
	c := child.Shell(`"` + program + `" plain "x y" "last one"`)
	c.Env, c.Limit = child.Environ("CHILD_TEST_ARGS=1"), 1000
	if r := c.Run(t.Context()); string(r.Out) != `["plain" "x y" "last one"]` || r.Exit != 3 || r.Err != nil {
		t.Errorf("%s, %s", r.Out, r.Failure())
	}
}
