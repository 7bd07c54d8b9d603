package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// asleep waits until n helpers that this process started wait for somebody.
func asleep(t *testing.T, n int) {
	t.Helper()
	waiting(t, n, func(parent, _ int) bool { return parent == os.Getpid() })
}

// gathered waits until n helpers of a session wait for somebody.
func gathered(t *testing.T, session, n int) {
	t.Helper()
	waiting(t, n, func(_, of int) bool { return of == session })
}

// waiting waits until n helpers that belong have each been found asleep three times: past
// their start, that is, and at the polling that a wait consists of. They need not all be
// found so at once, which on a busy machine hundreds that poll never are.
func waiting(t *testing.T, n int, belongs func(parent, session int) bool) {
	t.Helper()
	seen := map[string]int{}
	asleep := 0
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(30 * time.Millisecond) {
		stats, _ := filepath.Glob("/proc/[0-9]*/stat")
		for _, file := range stats {
			b, err := os.ReadFile(file)
			if err != nil {
				continue
			}
			_, after, ok := strings.Cut(string(b), "(sts-helper) ")
			if !ok {
				continue
			}
			var state string
			var parent, group, session int
			if _, err := fmt.Sscan(after, &state, &parent, &group, &session); err != nil || state != "S" || !belongs(parent, session) {
				continue
			}
			if seen[file]++; seen[file] == 3 {
				asleep++
			}
		}
		if asleep >= n {
			return
		}
	}
	t.Fatalf("%d of %d helpers wait", asleep, n)
}
