package mfa_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// No user is bothered for what still serves: not for a session in its advisory window, and not
// for a role in its own while the session it comes from has ended.
func TestNoPromptInTheAdvisoryWindow(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tm := m.Movable(t)
	code := func(ahead time.Duration) string { return m.Device.Code(time.Now().Add(ahead)) }

	const end = 12 * time.Hour // of the session
	tt := harness.NewTerminal(t)
	get := func(name string) string {
		t.Helper()
		r := harness.Start(t, tt, m.Command(t, "--profile", name)).Result(t)
		if r.Code != 0 || r.Stderr != "" {
			t.Fatalf("exit %d, %q", r.Code, r.Stderr)
		}
		return r.Stdout
	}
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	tt.Await(harness.Prompt, 1)
	tt.Type(code(0) + "\n")
	session := j.Result(t).Stdout
	role := get("r0")

	for _, ahead := range []time.Duration{end - 50*time.Minute, end - 2*time.Minute} {
		tm.At(t, ahead)
		if get("dev") != session {
			t.Errorf("%s: the session was replaced", ahead)
		}
		// The session is old but good, so a role comes from it.
		if next := get("r0"); next == role {
			t.Errorf("%s: the role was not renewed", ahead)
		} else {
			role = next
		}
	}
	// The session has ended; the role has a quarter of an hour left.
	tm.At(t, end+43*time.Minute)
	if get("r0") != role {
		t.Error("the role was replaced, with a session that has ended")
	}
	if n := strings.Count(tt.Screen(), harness.Prompt); n != 1 {
		t.Fatalf("%d prompts, want the first one only:\n%s", n, tt.Screen())
	}
	if n := m.STS.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	// In the last minute there is no way around it.
	tm.At(t, end+57*time.Minute+30*time.Second)
	j = harness.Start(t, tt, m.Command(t, "--profile", "r0"))
	tt.Await(harness.Prompt, 2)
	tt.Type(code(end+57*time.Minute+30*time.Second) + "\n")
	if d := m.Parse(t, j.Result(t).Stdout); strings.Contains(role, d.AccessKeyId) {
		t.Error("the role was not renewed")
	}
	m.SentOnce(t)
	// Where no user can be asked a token is handed out to its last seconds.
	tm.At(t, end+57*time.Minute+30*time.Second)
	last := get("dev")
	tm.At(t, end+57*time.Minute+30*time.Second+end-40*time.Second)
	if r := harness.Start(t, nil, m.Command(t, "--profile", "dev")).Result(t); r.Code != 0 || r.Stdout != last {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}
