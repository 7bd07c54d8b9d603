package integration_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const roles = 8

// mfaWorld is a world whose user has an MFA device, and eight roles that only take callers
// who have shown a code: the entries r0 to r7, beside "dev", the session itself.
type mfaWorld struct {
	*world
	device *emulator.MFADevice
}

func newMFAWorld(t *testing.T) *mfaWorld {
	t.Helper()
	w := newWorld(t)
	m := &mfaWorld{w, w.sts.AddMFADevice(w.user, "alice")}
	must(t, w.Write(".aws/config", "[profile base]\nmfa_serial = "+m.device.SerialNumber+"\n"))
	var config strings.Builder
	config.WriteString("[profile.dev]\nsource_profile = \"base\"\n")
	for i := range roles {
		r := w.sts.AddRole(account, fmt.Sprintf("role%d", i), emulator.RequireMFA())
		fmt.Fprintf(&config, "[profile.r%d]\nsource_profile = \"base\"\nrole_arn = %q\n", i, r.ARN)
	}
	must(t, w.Write(".config/sts-helper/config.toml", config.String()))
	return m
}

// code is what the device shows now.
func (m *mfaWorld) code() string { return m.device.Code(time.Now()) }

// wrong is a code that is not the device's, of this time or about it.
func (m *mfaWorld) wrong(n int) string {
	for i := 0; ; i++ {
		code := fmt.Sprintf("%06d", 271828+i*7+n)
		good := false
		for s := -3; s <= 3; s++ {
			good = good || code == m.device.Code(time.Now().Add(time.Duration(s)*30*time.Second))
		}
		if !good {
			return code
		}
	}
}

// once fails where a code was sent twice.
func (m *mfaWorld) once(t *testing.T) {
	t.Helper()
	sent := map[string]bool{}
	for _, r := range m.sts.Requests() {
		if r.TokenCode == "" {
			continue
		}
		if sent[r.TokenCode] {
			t.Errorf("a code was sent twice, the second time with %s", r.Operation)
		}
		sent[r.TokenCode] = true
	}
}

func (m *mfaWorld) calls(t *testing.T, sessions, assumed, codes, rejected int) {
	t.Helper()
	n, a, used := m.sts.Count("GetSessionToken"), m.sts.Count("AssumeRole"), m.sts.MFA(m.device).Used
	if n != sessions || a != assumed || used != codes || m.sts.RejectedCodes() != rejected {
		t.Errorf("%d GetSessionToken, %d AssumeRole, %d codes used, %d rejected; want %d, %d, %d, %d",
			n, a, used, m.sts.RejectedCodes(), sessions, assumed, codes, rejected)
	}
}

// One code, one human, every process.
func TestOneCodeForFiveHundredProcesses(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	results := m.crowdOn(t, tt, crowd, "--profile r$((i % 8))", func(session int) {
		tt.sees(prompt, 1)
		gathered(t, session, crowd)
		tt.types(m.code() + "\n")
	})
	for i, r := range results {
		d := m.creds(t, r)
		if r.Stdout != results[i%roles].Stdout {
			t.Fatalf("helper %d got another document than helper %d", i, i%roles)
		}
		if id, _ := m.sts.Lookup(d.AccessKeyId); !strings.Contains(id.ARN, fmt.Sprintf("/role%d/", i%roles)) {
			t.Fatalf("helper %d is %s", i, id.ARN)
		}
	}
	if n := strings.Count(tt.screen(), prompt); n != 1 {
		t.Errorf("%d prompts:\n%s", n, tt.screen())
	}
	m.calls(t, 1, roles, 1, 0)
	m.once(t)
}

func TestFiveHundredProcessesWithoutATerminal(t *testing.T) {
	m := newMFAWorld(t)
	for _, args := range []string{"--profile r$((i % 8))", "--profile dev"} {
		start := time.Now()
		results := m.crowdOn(t, nil, crowd, args, nil)
		took := time.Since(start)
		for i, r := range results {
			name := "dev"
			if args != "--profile dev" {
				name = fmt.Sprintf("r%d", i%roles)
			}
			if r.Code != exitHuman || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 ||
				!strings.HasPrefix(r.Stderr, "sts-helper: nobody to ask for an MFA code: ") || !strings.Contains(r.Stderr, `run "sts-helper login `+name+`"`) {
				t.Fatalf("helper %d: exit %d, %q", i, r.Code, r.Stderr)
			}
		}
		t.Logf("%d processes in %s: %s", crowd, took, results[0].Stderr)
	}
	if n := m.sts.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// A failure is shared as well: one prompt that nobody answers is one prompt.
func TestNoAnswerIsSharedByAll(t *testing.T) {
	const n = 40
	m := newMFAWorld(t)
	tt := newTerminal(t)
	results := m.crowdOn(t, tt, n, "--profile r$((i % 8))", func(session int) {
		tt.sees(prompt, 1)
		gathered(t, session, n)
		tt.types("\x04") // the end of the input: a person who would rather not
	})
	for i, r := range results {
		if r.Code != exitHuman || r.Stderr != results[0].Stderr || !strings.Contains(r.Stderr, "cancelled") {
			t.Fatalf("helper %d: exit %d, %q", i, r.Code, r.Stderr)
		}
	}
	if n := strings.Count(tt.screen(), prompt); n != 1 {
		t.Errorf("%d prompts:\n%s", n, tt.screen())
	}
	m.calls(t, 0, 0, 0, 0)
}

// Whoever waits in vain is told who is being asked, and where.
func TestWaitersAreToldWhoIsAsked(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	asking := tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees(prompt, 1)
	for _, args := range [][]string{{"--profile", "dev"}, {"--profile", "r3"}} {
		for _, where := range []*terminal{newTerminal(t), nil} {
			r := where.start(t, m.command(t, append(args, "--wait", "1s")...)).result(t)
			who := fmt.Sprintf("pid %d on terminal pts/", asking.cmd.Process.Pid)
			if r.Code != exitLocked || !strings.Contains(r.Stderr, who) || !strings.Contains(r.Stderr, "waits for a person's answer") || strings.Count(r.Stderr, "\n") != 1 {
				t.Errorf("%v: exit %d, %q does not name %q", args, r.Code, r.Stderr, who)
			}
			if where != nil && where.screen() != "" {
				t.Errorf("a second prompt: %s", where.screen())
			}
		}
	}
	// A patient one shares the answer, and needs no terminal for it.
	waiting := (*terminal)(nil).start(t, m.command(t, "--profile", "r0"))
	gathered(t, waiting.cmd.Process.Pid, 1)
	tt.types(m.code() + "\n")
	m.creds(t, asking.result(t))
	m.creds(t, waiting.result(t))
	m.calls(t, 1, 1, 1, 0)
}

// The one that asks may die; the next one asks, and the terminal it leaves is of use.
func TestDeathAtThePrompt(t *testing.T) {
	m := newMFAWorld(t)
	first, second := newTerminal(t), newTerminal(t)
	asking := first.start(t, m.command(t, "--profile", "dev"))
	first.sees(prompt, 1)
	waiting := second.start(t, m.command(t, "--profile", "dev"))
	gathered(t, waiting.cmd.Process.Pid, 1)
	must(t, asking.cmd.Process.Signal(syscall.SIGKILL))
	second.sees(prompt, 1)
	second.types(m.code() + "\n")
	m.creds(t, waiting.result(t))
	m.calls(t, 1, 0, 1, 0)
}
