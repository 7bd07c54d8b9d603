package process_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// A host that STS refuses for its rate asks twice, and then leaves STS alone for longer each time, all its programs
// together: see docs/scale.md.
func TestThrottledHostAsksLessAndLess(t *testing.T) {
	harness.Long(t, "waits until STS may be asked again")
	t.Parallel()
	w := harness.NewWorld(t)
	w.STS.Fault(emulator.Fault{Kind: emulator.Throttle})
	held := func() time.Duration {
		t.Helper()
		names, err := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.state"))
		harness.Must(t, err)
		for _, name := range names {
			b, err := os.ReadFile(name)
			harness.Must(t, err)
			var state struct {
				Busy bool  `json:"busy"`
				Hold int64 `json:"hold_ns"`
			}
			_, doc, _ := strings.Cut(string(b), "\n")
			harness.Must(t, json.Unmarshal([]byte(doc), &state))
			if state.Busy {
				return time.Duration(state.Hold)
			}
		}
		t.Fatalf("no failure is kept for its rate: %v", names)
		return 0
	}
	run := func() harness.Result {
		t.Helper()
		r := w.Run(t, "--source-profile", "base")
		if r.Code != harness.ExitUnreachable || !strings.Contains(r.Stderr, "Throttling") || !strings.Contains(r.Stderr, "try again in a minute") {
			t.Fatalf("exit %d, %q", r.Code, r.Stderr)
		}
		return r
	}
	run()
	first := held()
	if n := w.STS.Count("GetSessionToken"); n != 2 || first < time.Second || first > 3*time.Second {
		t.Fatalf("%d calls, and the failure is held for %v", n, first)
	}
	for w.STS.Count("GetSessionToken") == 2 {
		run()
		time.Sleep(50 * time.Millisecond)
	}
	if n, second := w.STS.Count("GetSessionToken"), held(); n != 4 || second < max(first, time.Second) || second > 3*max(first, time.Second) {
		t.Errorf("%d calls, and the failure is held for %v, before for %v", n, second, first)
	}
	w.STS.ClearFaults()
	harness.Await(t, "credentials", func() bool { return w.Run(t, "--source-profile", "base").Code == 0 })
}
