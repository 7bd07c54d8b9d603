package process_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestOutageInTheAdvisoryWindowIsNotSeen(t *testing.T) {
	harness.Long(t, "builds the standard library anew")
	for kind := range harness.Outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMovableWorld(t)
			args := []string{"--source-profile", "base", "--duration", "1h"}
			first := m.Run(t, args...)
			m.Creds(t, first)
			m.At(t, harness.Due)
			m.Break(kind)
			r := m.Run(t, args...)
			if r.Code != 0 || r.Stdout != first.Stdout || r.Stderr != "" {
				t.Fatalf("exit %d, stderr %q, the old document: %v", r.Code, r.Stderr, r.Stdout == first.Stdout)
			}
			// One process asked; for a while no other does.
			calls := m.STS.Count("GetSessionToken")
			for range 5 {
				if again := m.Run(t, args...); again.Stdout != first.Stdout {
					t.Fatalf("exit %d, %q", again.Code, again.Stderr)
				}
			}
			if n := m.STS.Count("GetSessionToken"); n != calls {
				t.Errorf("%d more calls during the back-off", n-calls)
			}
			// In the last minute too, down to the floor.
			m.At(t, harness.Pressing)
			if r := m.Run(t, args...); (r.Code != 0 || r.Stdout != first.Stdout) && m.StillServes(m.Parse(t, first.Stdout).AccessKeyId) {
				t.Errorf("in its last minute: exit %d, %q", r.Code, r.Stderr)
			}
		})
	}
}

func TestOutageWithNothingLeftIsTheRightError(t *testing.T) {
	harness.Long(t, "builds the standard library anew")
	for kind, code := range harness.Outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMovableWorld(t)
			args := []string{"--source-profile", "base", "--duration", "1h"}
			m.Creds(t, m.Run(t, args...))
			m.Break(kind)
			for _, when := range []time.Duration{harness.AtTheEnd, harness.Afterward} {
				m.At(t, when)
				r := m.Run(t, args...)
				if r.Code != code || r.Stdout != "" {
					t.Fatalf("at %s: exit %d, want %d; stdout %q, stderr %q", when, r.Code, code, r.Stdout, r.Stderr)
				}
				if strings.Count(r.Stderr, "\n") != 1 || !strings.HasPrefix(r.Stderr, "sts-helper: ") {
					t.Errorf("not one line: %q", r.Stderr)
				}
			}
			// STS is back: so is service, at once or when the shared failure has passed.
			m.STS.ClearFaults()
			took := harness.Await(t, "service", func() bool { return m.Run(t, args...).Code == 0 })
			t.Logf("service %s after STS is back", took.Round(time.Millisecond))
		})
	}
}

func TestRefreshWhenDue(t *testing.T) {
	m := harness.NewMovableWorld(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	first := m.Creds(t, m.Run(t, args...))
	m.At(t, harness.Fresh)
	if d := m.Parse(t, m.Run(t, args...).Stdout); d != first {
		t.Error("a fresh token was replaced")
	}
	m.At(t, harness.Due)
	second := m.Parse(t, m.Run(t, args...).Stdout)
	if second.AccessKeyId == first.AccessKeyId {
		t.Error("a token that is due was not replaced")
	}
	if n := m.STS.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// A clock that is set back, as a time server or a dual boot may do, gives no token new life.
func TestClockSetBack(t *testing.T) {
	m := harness.NewMovableWorld(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	m.At(t, 10*24*time.Hour)
	first := m.Run(t, args...)
	if first.Code != 0 {
		t.Fatal(first.Stderr)
	}
	m.At(t, 0) // the record is from the future now: it is not believed
	second := m.Creds(t, m.Run(t, args...))
	if strings.Contains(first.Stdout, second.AccessKeyId) {
		t.Error("a record from the future was believed")
	}
}
