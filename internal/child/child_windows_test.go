package child_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/child"
)

// TestMain prints its arguments where it is the child.
func TestMain(m *testing.M) {
	switch os.Getenv("CHILD_TEST_ARGS") {
	case "1":
		fmt.Printf("%q", os.Args[1:])
		os.Exit(3)
	case "parent", "leaving": // starts a process that says by a file that it runs
		cmd := exec.Command(os.Args[0], os.Args[1])
		cmd.Env = append(os.Environ(), "CHILD_TEST_ARGS=grandchild")
		if err := cmd.Start(); err != nil {
			panic(err)
		}
		fmt.Println(cmd.Process.Pid)
		if os.Getenv("CHILD_TEST_ARGS") == "parent" {
			time.Sleep(time.Minute)
		}
		os.Exit(0)
	case "grandchild":
		if err := os.WriteFile(os.Args[1], nil, 0o600); err != nil {
			panic(err)
		}
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A command that takes too long is ended with what it started; what one leaves behind that ended well goes on.
func TestFamilyEnds(t *testing.T) {
	for _, kind := range []string{"parent", "leaving"} {
		started := filepath.Join(t.TempDir(), "started")
		ctx, cancel := context.WithCancel(t.Context())
		c := child.Command{Path: os.Args[0], Args: []string{started}, Env: child.Environ("CHILD_TEST_ARGS=" + kind), Limit: 1000}
		done := make(chan child.Result, 1)
		go func() { done <- c.Run(ctx) }()
		for {
			if _, err := os.Stat(started); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if kind == "parent" {
			cancel()
		}
		r := <-done
		cancel()
		pid, err := strconv.Atoi(strings.TrimSpace(string(r.Out)))
		if err != nil {
			t.Fatalf("%s: %q, %s", kind, r.Out, r.Failure())
		}
		h, err := windows.OpenProcess(windows.SYNCHRONIZE|windows.PROCESS_TERMINATE, false, uint32(pid))
		if kind == "leaving" {
			if err != nil {
				t.Fatalf("what was left behind has ended: %v", err)
			}
			if ended, _ := windows.WaitForSingleObject(h, 500); ended == windows.WAIT_OBJECT_0 {
				t.Error("what was left behind was ended")
			}
			_ = windows.TerminateProcess(h, 1)
		} else if err == nil {
			if ended, _ := windows.WaitForSingleObject(h, 5000); ended != windows.WAIT_OBJECT_0 {
				t.Error("the grandchild lives on")
				_ = windows.TerminateProcess(h, 1)
			}
		}
		_ = windows.CloseHandle(h)
	}
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
