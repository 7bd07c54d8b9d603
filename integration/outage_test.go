package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// The exit codes, as README has them.
const (
	exitInternal = 1 + iota
	exitUsage
	exitConfig
	exitSource
	exitDenied
	exitUnreachable
	exitLocked
	exitHuman
)

// outages is every way in which the emulator's STS can be down or wrong, with the class of
// the error a user sees when there is nothing valid left.
func outages() map[emulator.Kind]int {
	all := map[emulator.Kind]int{}
	for _, k := range emulator.Kinds() {
		all[k] = exitUnreachable
	}
	all[emulator.Deny] = exitDenied
	all[emulator.Refuse] = exitDenied
	delete(all, emulator.Delay)       // an answer that is only late is an answer
	delete(all, emulator.LongTermKey) // emulators of STS give such ids, with a session token, and mean it
	delete(all, emulator.SlowDrip)    // see TestSlowAnswers
	return all
}

func (m *timeMachine) outage(kind emulator.Kind) {
	m.sts.ClearFaults()
	f := emulator.Fault{Kind: kind}
	switch kind {
	case emulator.Refuse:
		f.Code, f.Message, f.Status = "RegionDisabledException", "STS is not activated in this region for account:"+account, 403
	case emulator.Redirect:
		f.Location = m.sts.URL() + "/elsewhere"
	}
	m.sts.Fault(f)
}

// A one-hour token is due for a refresh 20 minutes before its end (less a tenth at most), and
// has to be refreshed in its last minute.
const (
	fresh     = 30 * time.Minute
	due       = 45 * time.Minute
	pressing  = 59*time.Minute + 30*time.Second
	atTheEnd  = 59*time.Minute + 55*time.Second
	afterward = 61 * time.Minute
)

func TestOutageInTheAdvisoryWindowIsNotSeen(t *testing.T) {
	for kind := range outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := newTimeMachine(t)
			args := []string{"--source-profile", "base", "--duration", "1h"}
			first := m.run(t, args...)
			m.creds(t, first)
			m.at(t, due)
			m.outage(kind)
			r := m.run(t, args...)
			if r.Code != 0 || r.Stdout != first.Stdout || r.Stderr != "" {
				t.Fatalf("exit %d, stderr %q, the old document: %v", r.Code, r.Stderr, r.Stdout == first.Stdout)
			}
			// One process asked; for a while nobody else does.
			calls := m.sts.Count("GetSessionToken")
			for range 5 {
				if again := m.run(t, args...); again.Stdout != first.Stdout {
					t.Fatalf("exit %d, %q", again.Code, again.Stderr)
				}
			}
			if n := m.sts.Count("GetSessionToken"); n != calls {
				t.Errorf("%d more calls during the back-off", n-calls)
			}
			// In the last minute too, down to the floor.
			m.at(t, pressing)
			if r := m.run(t, args...); r.Code != 0 || r.Stdout != first.Stdout {
				t.Errorf("with 30 s left: exit %d, %q", r.Code, r.Stderr)
			}
		})
	}
}

func TestOutageWithNothingLeftIsTheRightError(t *testing.T) {
	for kind, code := range outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := newTimeMachine(t)
			args := []string{"--source-profile", "base", "--duration", "1h"}
			m.creds(t, m.run(t, args...))
			m.outage(kind)
			for _, when := range []time.Duration{atTheEnd, afterward} {
				m.at(t, when)
				r := m.run(t, args...)
				if r.Code != code || r.Stdout != "" {
					t.Fatalf("at %s: exit %d, want %d; stdout %q, stderr %q", when, r.Code, code, r.Stdout, r.Stderr)
				}
				if strings.Count(r.Stderr, "\n") != 1 || !strings.HasPrefix(r.Stderr, "sts-helper: ") {
					t.Errorf("not one line: %q", r.Stderr)
				}
			}
			// STS is back: so is service, at once or when the shared failure has passed.
			m.sts.ClearFaults()
			deadline := time.Now().Add(5 * time.Second)
			for {
				r := m.run(t, args...)
				if r.Code == 0 {
					m.sts.SetNow(time.Now)
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("5 s after STS is back: exit %d, %q", r.Code, r.Stderr)
				}
				time.Sleep(100 * time.Millisecond)
			}
		})
	}
}

func TestRefreshWhenDue(t *testing.T) {
	m := newTimeMachine(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	first := m.creds(t, m.run(t, args...))
	m.at(t, fresh)
	if d := m.parse(t, m.run(t, args...).Stdout); d != first {
		t.Error("a fresh token was replaced")
	}
	m.at(t, due)
	second := m.parse(t, m.run(t, args...).Stdout)
	if second.AccessKeyId == first.AccessKeyId {
		t.Error("a token that is due was not replaced")
	}
	if n := m.sts.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls", n)
	}
}

// A clock that is set back, as a time server or a dual boot may do, gives no token new life.
func TestClockSetBack(t *testing.T) {
	m := newTimeMachine(t)
	args := []string{"--source-profile", "base", "--duration", "1h"}
	m.at(t, 10*24*time.Hour)
	first := m.run(t, args...)
	if first.Code != 0 {
		t.Fatal(first.Stderr)
	}
	m.at(t, 0) // the record is from the future now: it is not believed
	second := m.creds(t, m.run(t, args...))
	if strings.Contains(first.Stdout, second.AccessKeyId) {
		t.Error("a record from the future was believed")
	}
}
