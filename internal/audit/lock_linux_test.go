package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/sts-helper/sts-helper/internal/audit"
)

// TestLockHeldForEver: a process that was stopped with the lock in its hands costs the lines of a server their place
// in the chain, but not a thread of the kernel for each of them, with which the server would end.
func TestLockHeldForEver(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits for the lock")
	}
	file := filepath.Join(t.TempDir(), "audit.log")
	held := flock.New(file + ".lock")
	if err := held.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Unlock() }()
	threads := func() int {
		all, err := os.ReadDir("/proc/self/task")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := threads()
	const lines = 100
	var wg sync.WaitGroup
	for range lines {
		wg.Go(func() {
			if err := (audit.Config{File: file}).Write(audit.Line{Way: audit.Container, AccessKeyID: "ASIACANARY"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if more := threads() - before; more > lines/2 {
		t.Errorf("%d lines that had no lock hold %d threads", lines, more)
	}
	if !audit.Stuck(file) {
		t.Error("the next line will wait, too")
	}
	text, err := os.ReadFile(file)
	if n := strings.Count(string(text), "the lock could not be had"); err != nil || n != lines {
		t.Errorf("%d of %d lines say that they had no lock: %v", n, lines, err)
	}
	if err := held.Unlock(); err != nil {
		t.Fatal(err)
	}
	for audit.Stuck(file) {
		time.Sleep(time.Millisecond)
	}
	if err := (audit.Config{File: file}).Write(audit.Line{Way: audit.IMDS, AccessKeyID: "ASIACANARY"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), "the lock could not be had") != lines {
		t.Errorf("the lock is free, and the line does not go on with the chain: %v\n%s", err, text[len(text)-300:])
	}
}
