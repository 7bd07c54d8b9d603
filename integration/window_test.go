package integration_test

import (
	"strings"
	"testing"
	"time"
)

// Nobody is bothered for what still serves: not for a session in its advisory window, and not
// for a role in its own while the session it comes from has ended.
func TestNoPromptInTheAdvisoryWindow(t *testing.T) {
	m := newMFAWorld(t)
	bin, err := clockBinary()
	must(t, err)
	m.Bin = bin
	clock, err := m.NewClock()
	must(t, err)
	tm := &timeMachine{m.world, clock}
	code := func(ahead time.Duration) string { return m.device.Code(time.Now().Add(ahead)) }

	const end = 12 * time.Hour // of the session
	tt := newTerminal(t)
	get := func(name string) string {
		t.Helper()
		r := tt.start(t, m.command(t, "--profile", name)).result(t)
		if r.Code != 0 || r.Stderr != "" {
			t.Fatalf("exit %d, %q", r.Code, r.Stderr)
		}
		return r.Stdout
	}
	j := tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees(prompt, 1)
	tt.types(code(0) + "\n")
	session := j.result(t).Stdout
	role := get("r0")

	for _, ahead := range []time.Duration{end - 50*time.Minute, end - 2*time.Minute} {
		tm.at(t, ahead)
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
	tm.at(t, end+43*time.Minute)
	if get("r0") != role {
		t.Error("the role was replaced, with a session that has ended")
	}
	if n := strings.Count(tt.screen(), prompt); n != 1 {
		t.Fatalf("%d prompts, want the first one only:\n%s", n, tt.screen())
	}
	if n := m.sts.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d sessions", n)
	}
	// In the last minute there is no way around it.
	tm.at(t, end+57*time.Minute+30*time.Second)
	j = tt.start(t, m.command(t, "--profile", "r0"))
	tt.sees(prompt, 2)
	tt.types(code(end+57*time.Minute+30*time.Second) + "\n")
	if d := m.parse(t, j.result(t).Stdout); strings.Contains(role, d.AccessKeyId) {
		t.Error("the role was not renewed")
	}
	m.once(t)
	// With nobody to ask a token is handed out to its last seconds.
	tm.at(t, end+57*time.Minute+30*time.Second)
	last := get("dev")
	tm.at(t, end+57*time.Minute+30*time.Second+end-40*time.Second)
	if r := (*terminal)(nil).start(t, m.command(t, "--profile", "dev")).result(t); r.Code != 0 || r.Stdout != last {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}
