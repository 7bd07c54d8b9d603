package integration_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// alive fails the test for an answer that is 200 without whole credentials, or with ones
// that have ended or are about to by the clock that is ahead.
func (m *timeMachine) alive(t *testing.T, a answer, ahead time.Duration) {
	t.Helper()
	if a.status != 200 {
		return
	}
	d := a.document(t)
	end, err := time.Parse("2006-01-02T15:04:05Z", d.Expiration)
	if err != nil || !m.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Errorf("200 with %.80q", a.body)
	} else if left := end.Sub(time.Now().Add(ahead)); left < 5*time.Second {
		t.Errorf("200 with credentials that have %s to live", left)
	}
}

// Whatever STS does, no client sees it while the old token serves; after that every answer
// is the right error, and soon after STS is back so is service.
func TestServeOutage(t *testing.T) {
	t.Parallel()
	for kind, code := range outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := newTimeMachine(t)
			s := m.serve(t, "--source-profile", "base", "--duration", "1h", "--imds", "default", "--log-level", "debug")
			first := s.creds(t, "default")
			session := s.session(t)
			ask := func() [2]answer {
				return [2]answer{s.container(t, "default"), s.metadata(t, session, rolePath+"default")}
			}
			m.outage(kind)
			for _, when := range []time.Duration{due, 55 * time.Minute, pressing} {
				m.at(t, when)
				for range 20 {
					for _, a := range ask() {
						m.alive(t, a, when)
						if a.status != 200 || !strings.Contains(a.body, first) {
							t.Fatalf("at %s: %d %.80q", when, a.status, a.body)
						}
					}
					time.Sleep(5 * time.Millisecond)
				}
			}
			if m.sts.Count("GetSessionToken") < 2 {
				t.Error("nobody tried to refresh")
			}
			for _, when := range []time.Duration{atTheEnd, afterward} {
				m.at(t, when)
				got := ask()
				m.alive(t, got[0], when)
				m.alive(t, got[1], when)
				if got[0].status != 503 || !strings.Contains(got[0].body, `"code":"ServiceUnavailable"`) || got[0].header.Get("Content-Type") != "application/json" {
					t.Errorf("container path at %s: %d %s (STS: exit %d)", when, got[0].status, got[0].body, code)
				}
				if got[1].status != 503 {
					t.Errorf("metadata at %s: %d %s", when, got[1].status, got[1].body)
				}
			}
			m.sts.ClearFaults()
			limit := 5 * time.Second
			if code == exitDenied {
				limit = 8 * time.Second // a "no" is held for everybody for 5 s, and looked at every 2 s
			}
			took := within(t, limit, "recovery", func() bool {
				got := ask()
				m.alive(t, got[0], afterward)
				return got[0].status == 200 && got[1].status == 200
			})
			t.Logf("recovered after %s", took.Round(time.Millisecond))
		})
	}
}

// While STS hangs the endpoint answers from memory. The figure is logged; what is asserted
// leaves room for a busy machine.
func TestServeLatencyWhileSTSHangs(t *testing.T) {
	m := newTimeMachine(t)
	s := m.serve(t, "--source-profile", "base", "--duration", "1h", "--log-level", "warn")
	s.creds(t, "default")
	m.sts.Fault(emulator.Fault{Kind: emulator.Hang})
	m.at(t, pressing) // so that every answer would rather have new ones
	bearer := s.bearer(t)
	const clients, each = 8, 500
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				start := time.Now()
				a, err := request("GET", s.base+"/credentials/default", "Authorization", bearer)
				d := time.Since(start)
				if err != nil || a.status != 200 {
					t.Errorf("%d %v", a.status, err)
					return
				}
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	slices.Sort(took)
	p := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))] }
	t.Logf("%d answers while STS hangs: p50 %s, p99 %s, p99.9 %s, max %s", len(took), p(.5), p(.99), p(.999), p(1))
	if p(.999) > time.Second {
		t.Errorf("p99.9 is %s: the answers wait for STS", p(.999))
	}
	if m.sts.MostInFlight("GetSessionToken") != 1 {
		t.Errorf("%d calls of STS at once", m.sts.MostInFlight("GetSessionToken"))
	}
}

// A server that begins while STS is away says so, and is there when STS is.
func TestServeBeginsWithoutSTS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sts.Fault(emulator.Fault{Kind: emulator.Hang})
	s := w.serve(t, "--source-profile", "base")
	if a := s.container(t, "default"); a.status != 503 {
		t.Errorf("%d %.80s", a.status, a.body)
	}
	if a := s.do(t, "GET", s.base+"/healthz"); a.status != 503 || a.body == "ready\n" {
		t.Errorf("healthz: %d %q", a.status, a.body)
	}
	w.sts.ClearFaults()
	within(t, 5*time.Second, "service", func() bool { return s.container(t, "default").status == 200 })
}

// A machine that slept past the end of its token: the first answer after it wakes is not
// that token.
func TestServeAfterSuspend(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprintf("STS away %v", away), func(t *testing.T) {
			t.Parallel()
			m := newTimeMachine(t)
			s := m.serve(t, "--source-profile", "base", "--duration", "1h", "--imds", "default")
			first := s.creds(t, "default")
			session := s.session(t)
			if away {
				m.sts.Fault(emulator.Fault{Kind: emulator.Hang})
			}
			must(t, s.cmd.Process.Signal(syscall.SIGSTOP))
			within(t, 5*time.Second, "a stopped process", func() bool { return strings.Contains(s.proc(t, "stat"), ") T ") })
			m.at(t, afterward)
			asked := make(chan answer, 20)
			var wg sync.WaitGroup
			bearer := s.bearer(t)
			for i := range cap(asked) { // they wait in the sleeping process's queue
				wg.Go(func() {
					url, name, value := s.base+"/credentials/default", "Authorization", bearer
					if i%2 == 1 {
						url, name, value = s.base+"/latest/"+rolePath+"default", "X-aws-ec2-metadata-token", session
					}
					a, err := request("GET", url, name, value)
					if err != nil {
						t.Error(err)
					}
					asked <- a
				})
			}
			time.Sleep(100 * time.Millisecond)
			must(t, s.cmd.Process.Signal(syscall.SIGCONT))
			wg.Wait()
			close(asked)
			good := 0
			for a := range asked {
				m.alive(t, a, afterward)
				if strings.Contains(a.body, first) {
					t.Error("the token that ended was handed out")
				}
				if a.status == 200 {
					good++
				}
			}
			if away && good > 0 || !away && good == 0 {
				t.Errorf("%d good answers", good)
			}
		})
	}
}

// mfaProfile makes profile dev ask for a code, and gives the device.
func (w *world) mfaProfile(t *testing.T, more string) *emulator.MFADevice {
	t.Helper()
	device := w.sts.AddMFADevice(w.user, "alice")
	must(t, w.Write(".config/sts-helper/config.toml", fmt.Sprintf("[profile.dev]\nsource_profile = \"base\"\nmfa_serial = %q\n%s", device.SerialNumber, more)))
	return device
}

// The endpoint asks nobody. It says that a login is needed, in each form, and sees one that
// happened elsewhere within a second.
func TestServeSeesLogin(t *testing.T) {
	t.Parallel()
	m := newTimeMachine(t)
	device := m.mfaProfile(t, "duration = \"1h\"\n")
	s := m.serve(t, "--profile", "dev", "--imds", "dev")
	session := s.session(t)
	a := s.container(t, "dev")
	if a.status != 400 || !strings.Contains(a.body, `"code":"LoginRequired"`) || !strings.Contains(a.body, "sts-helper login dev") || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("container path: %d %s", a.status, a.body)
	}
	for _, path := range []string{rolePath, rolePath + "dev"} {
		if a := s.metadata(t, session, path); a.status != 404 {
			t.Errorf("%s: %d", path, a.status)
		}
	}
	if a := s.do(t, "GET", s.base+"/healthz"); a.status != 503 || a.body != "login-required\n" {
		t.Errorf("healthz: %d %q", a.status, a.body)
	}
	if n := m.sts.Count("GetSessionToken"); n != 0 {
		t.Errorf("%d calls of STS without a code", n)
	}
	login := func(ahead time.Duration) document {
		t.Helper()
		r := m.run(t, "--profile", "dev", "--mfa-code", device.Code(time.Now().Add(ahead)))
		if r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		return m.parse(t, r.Stdout)
	}
	seen := func(d document) {
		t.Helper()
		took := within(t, time.Second, "the new token", func() bool {
			a := s.container(t, "dev")
			return a.status == 200 && a.document(t).AccessKeyId == d.AccessKeyId
		})
		if a := s.metadata(t, session, rolePath+"dev"); !strings.Contains(a.body, d.AccessKeyId) {
			t.Errorf("metadata: %d", a.status)
		}
		t.Logf("seen after %s", took.Round(time.Millisecond))
	}
	first := login(0)
	seen(first)
	// A login before the token ends: the old one still serves, and the new one replaces it.
	m.at(t, pressing)
	if s.creds(t, "dev") != first.AccessKeyId {
		t.Error("the token was replaced without a login")
	}
	second := login(pressing)
	if second.AccessKeyId == first.AccessKeyId {
		t.Fatal("no new token")
	}
	seen(second)
	if n := m.sts.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls of STS, want the 2 logins", n)
	}
	// A login in good time, long before the token is due.
	m.at(t, afterward)
	r := m.run(t, "login", "dev", "--force", "--mfa-code", device.Code(time.Now().Add(afterward)))
	if r.Code != 0 {
		t.Fatalf("login: exit %d, %q", r.Code, r.Stderr)
	}
	third := m.parse(t, m.run(t, "--profile", "dev").Stdout)
	if third.AccessKeyId == second.AccessKeyId {
		t.Fatal("no new token")
	}
	seen(third)
	// A logout: the server has nothing to hand out either.
	if r := m.run(t, "logout", "dev"); r.Code != 0 {
		t.Fatalf("logout: exit %d, %q", r.Code, r.Stderr)
	}
	within(t, time.Second, "the logout", func() bool { return s.container(t, "dev").status == 400 })
	m.sts.SetNow(time.Now)
}

// The server opens no terminal and reads no standard input, whatever is missing.
func TestServeNeverPrompts(t *testing.T) {
	t.Parallel()
	strace := need(t, "strace")
	w := newWorld(t)
	w.mfaProfile(t, "")
	s := w.prepare(t, "--profile", "dev")
	trace := s.envFile + ".trace"
	s.cmd.Args = append([]string{strace, "-D", "-f", "-o", trace, "-e", "trace=openat,open,read,execve"}, s.cmd.Args...)
	s.cmd.Path = strace
	s.begin(t)
	s.ready(t)
	if a := s.container(t, "dev"); a.status != 400 {
		t.Errorf("%d", a.status)
	}
	time.Sleep(2 * time.Second) // it asks the cache again meanwhile
	s.stop(t)
	b, err := os.ReadFile(trace)
	must(t, err)
	if !strings.Contains(string(b), "execve(") {
		t.Error("the trace is empty")
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "/dev/tty") || strings.Contains(line, "read(0,") || strings.Count(line, "execve(") > 0 && !strings.Contains(line, w.Bin) {
			t.Errorf("it looks for a person: %s", line)
		}
	}
}
