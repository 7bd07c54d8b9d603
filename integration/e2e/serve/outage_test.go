package serve_test

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
	"github.com/sts-helper/sts-helper/integration/harness"
)

// alive fails the test for an answer that is 200 without whole credentials, or with ones
// that have ended or are about to by the clock that is ahead.
func alive(t *testing.T, m *harness.MovableWorld, a harness.Answer, ahead time.Duration) {
	t.Helper()
	if a.Status != 200 {
		return
	}
	d := a.Document(t)
	end, err := time.Parse("2006-01-02T15:04:05Z", d.Expiration)
	if err != nil || !m.STS.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Errorf("200 with %.80q", a.Body)
	} else if left := end.Sub(time.Now().Add(ahead)); left < 5*time.Second {
		t.Errorf("200 with credentials that have %s to live", left)
	}
}

// Whatever STS does, no client sees it while the old token serves; after that every answer
// is the right error, and soon after STS is back so is service.
func TestServeOutage(t *testing.T) {
	harness.Long(t, "builds the standard library anew")
	t.Parallel()
	for kind, code := range harness.Outages() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMovableWorld(t)
			s := m.Serve(t, "--source-profile", "base", "--duration", "1h", "--imds", "default", "--log-level", "debug")
			first := s.Creds(t, "default")
			session := s.Session(t)
			ask := func() [2]harness.Answer {
				return [2]harness.Answer{s.Container(t, "default"), s.Metadata(t, session, harness.RolePath+"default")}
			}
			m.Break(kind)
			for _, when := range []time.Duration{harness.Due, 55 * time.Minute, harness.Pressing} {
				m.At(t, when)
				for range 20 {
					for _, a := range ask() {
						alive(t, m, a, when)
						if (a.Status != 200 || !strings.Contains(a.Body, first)) && m.StillServes(first) {
							t.Fatalf("at %s: %d %.80q", when, a.Status, a.Body)
						}
					}
					time.Sleep(5 * time.Millisecond)
				}
			}
			if m.STS.Count("GetSessionToken") < 2 {
				t.Error("no process tried to refresh")
			}
			for _, when := range []time.Duration{harness.AtTheEnd, harness.Afterward} {
				m.At(t, when)
				got := ask()
				alive(t, m, got[0], when)
				alive(t, m, got[1], when)
				if got[0].Status != 503 || !strings.Contains(got[0].Body, `"code":"ServiceUnavailable"`) || got[0].Header.Get("Content-Type") != "application/json" {
					t.Errorf("container path at %s: %d %s (STS: exit %d)", when, got[0].Status, got[0].Body, code)
				}
				if got[1].Status != 503 {
					t.Errorf("metadata at %s: %d %s", when, got[1].Status, got[1].Body)
				}
			}
			m.STS.ClearFaults()
			took := harness.Await(t, "recovery", func() bool {
				got := ask()
				alive(t, m, got[0], harness.Afterward)
				return got[0].Status == 200 && got[1].Status == 200
			})
			t.Logf("recovered after %s", took.Round(time.Millisecond))
		})
	}
}

// While STS hangs the endpoint answers from memory. How fast is logged.
func TestServeLatencyWhileSTSHangs(t *testing.T) {
	m := harness.NewMovableWorld(t)
	s := m.Serve(t, "--source-profile", "base", "--duration", "1h", "--log-level", "warn")
	first := s.Creds(t, "default")
	m.STS.Fault(emulator.Fault{Kind: emulator.Hang})
	m.At(t, harness.Pressing) // so that every answer would rather have new ones
	bearer := s.Bearer(t)
	const clients, each = 8, 500 // far more than could wait for a call that hangs, one after the other
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				start := time.Now()
				a, err := harness.Request("GET", s.Base+"/credentials/default", "Authorization", bearer)
				d := time.Since(start)
				if !m.StillServes(first) {
					return
				}
				if err != nil || a.Status != 200 {
					t.Errorf("%d %v", a.Status, err)
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
	if len(took) == 0 {
		t.Skip("the token ended before it was asked for: this machine is too busy")
	}
	slices.Sort(took)
	p := func(q float64) time.Duration { return took[int(q*float64(len(took)-1))] }
	t.Logf("%d answers while STS hangs: p50 %s, p99 %s, p99.9 %s, max %s", len(took), p(.5), p(.99), p(.999), p(1))
	if m.STS.MostInFlight("GetSessionToken") != 1 {
		t.Errorf("%d calls of STS at once", m.STS.MostInFlight("GetSessionToken"))
	}
}

// A server that begins while STS is away says so, and is there when STS is.
func TestServeBeginsWithoutSTS(t *testing.T) {
	harness.Long(t, "waits until calls that hang are given up")
	t.Parallel()
	w := harness.NewWorld(t)
	w.STS.Fault(emulator.Fault{Kind: emulator.Hang})
	s := w.Serve(t, "--source-profile", "base")
	if a := s.Container(t, "default"); a.Status != 503 {
		t.Errorf("%d %.80s", a.Status, a.Body)
	}
	if a := s.Do(t, "GET", s.Base+"/healthz"); a.Status != 503 || a.Body == "ready\n" {
		t.Errorf("healthz: %d %q", a.Status, a.Body)
	}
	w.STS.ClearFaults()
	harness.Await(t, "service", func() bool { return s.Container(t, "default").Status == 200 })
}

// A machine that slept past the end of its token: the first answer after it wakes is not
// that token.
func TestServeAfterSuspend(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{false, true} {
		t.Run(fmt.Sprintf("STS away %v", away), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMovableWorld(t)
			s := m.Serve(t, "--source-profile", "base", "--duration", "1h", "--imds", "default")
			first := s.Creds(t, "default")
			session := s.Session(t)
			if away {
				m.STS.Fault(emulator.Fault{Kind: emulator.Hang})
			}
			harness.Must(t, s.Cmd.Process.Signal(syscall.SIGSTOP))
			harness.Await(t, "a stopped process", func() bool { return strings.Contains(s.Proc(t, "stat"), ") T ") })
			m.At(t, harness.Afterward)
			asked := make(chan harness.Answer, 20)
			var wg sync.WaitGroup
			bearer := s.Bearer(t)
			for i := range cap(asked) { // they wait in the sleeping process's queue
				wg.Go(func() {
					url, name, value := s.Base+"/credentials/default", "Authorization", bearer
					if i%2 == 1 {
						url, name, value = s.Base+"/latest/"+harness.RolePath+"default", "X-aws-ec2-metadata-token", session
					}
					a, err := harness.Request("GET", url, name, value)
					if err != nil {
						t.Error(err)
					}
					asked <- a
				})
			}
			time.Sleep(100 * time.Millisecond)
			harness.Must(t, s.Cmd.Process.Signal(syscall.SIGCONT))
			wg.Wait()
			close(asked)
			good := 0
			for a := range asked {
				alive(t, m, a, harness.Afterward)
				if strings.Contains(a.Body, first) {
					t.Error("the token that ended was handed out")
				}
				if a.Status == 200 {
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
func mfaProfile(t *testing.T, w *harness.World, more string) *emulator.MFADevice {
	t.Helper()
	device := w.STS.AddMFADevice(w.User, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", fmt.Sprintf("[profile.dev]\nsource_profile = \"base\"\nmfa_serial = %q\n%s", device.SerialNumber, more)))
	return device
}

// The endpoint never asks the user. It says that a login is needed, in each form, and sees one that
// happened elsewhere within a second.
func TestServeSeesLogin(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	device := mfaProfile(t, m.World, "duration = \"1h\"\n")
	s := m.Serve(t, "--profile", "dev", "--imds", "dev")
	session := s.Session(t)
	a := s.Container(t, "dev")
	if a.Status != 400 || !strings.Contains(a.Body, `"code":"LoginRequired"`) || !strings.Contains(a.Body, "sts-helper login dev") || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("container path: %d %s", a.Status, a.Body)
	}
	for _, path := range []string{harness.RolePath, harness.RolePath + "dev"} {
		if a := s.Metadata(t, session, path); a.Status != 404 {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := s.Do(t, "GET", s.Base+"/healthz"); a.Status != 503 || a.Body != "login-required\n" {
		t.Errorf("healthz: %d %q", a.Status, a.Body)
	}
	if n := m.STS.Count("GetSessionToken"); n != 0 {
		t.Errorf("%d calls of STS without a code", n)
	}
	login := func(ahead time.Duration) harness.Document {
		t.Helper()
		r := m.Run(t, "--profile", "dev", "--mfa-code", device.Code(time.Now().Add(ahead)))
		if r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		return m.Parse(t, r.Stdout)
	}
	seen := func(d harness.Document) {
		t.Helper()
		took := harness.Await(t, "the new token", func() bool {
			a := s.Container(t, "dev")
			return a.Status == 200 && a.Document(t).AccessKeyId == d.AccessKeyId
		})
		if a := s.Metadata(t, session, harness.RolePath+"dev"); !strings.Contains(a.Body, d.AccessKeyId) {
			t.Errorf("metadata: %d", a.Status)
		}
		t.Logf("seen after %s", took.Round(time.Millisecond))
	}
	first := login(0)
	seen(first)
	// A login before the token ends: the old one still serves, and the new one replaces it.
	m.At(t, harness.Pressing)
	if s.Creds(t, "dev") != first.AccessKeyId && m.StillServes(first.AccessKeyId) {
		t.Error("the token was replaced without a login")
	}
	second := login(harness.Pressing)
	if second.AccessKeyId == first.AccessKeyId {
		t.Fatal("no new token")
	}
	seen(second)
	if n := m.STS.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls of STS, want the 2 logins", n)
	}
	// A login in good time, long before the token is due.
	m.At(t, harness.Afterward)
	r := m.Run(t, "login", "dev", "--force", "--mfa-code", device.Code(time.Now().Add(harness.Afterward)))
	if r.Code != 0 {
		t.Fatalf("login: exit %d, %q", r.Code, r.Stderr)
	}
	third := m.Parse(t, m.Run(t, "--profile", "dev").Stdout)
	if third.AccessKeyId == second.AccessKeyId {
		t.Fatal("no new token")
	}
	seen(third)
	// A logout: the server has nothing to hand out either.
	if r := m.Run(t, "logout", "dev"); r.Code != 0 {
		t.Fatalf("logout: exit %d, %q", r.Code, r.Stderr)
	}
	harness.Await(t, "the logout", func() bool { return s.Container(t, "dev").Status == 400 })
	m.STS.SetNow(time.Now)
}

// The server opens no terminal and reads no standard input, whatever is missing.
func TestServeNeverPrompts(t *testing.T) {
	t.Parallel()
	strace := harness.Need(t, "strace")
	w := harness.NewWorld(t)
	mfaProfile(t, w, "")
	s := w.PrepareServer(t, "--profile", "dev")
	trace := s.EnvFile + ".trace"
	s.Cmd.Args = append([]string{strace, "-D", "-f", "-o", trace, "-e", "trace=openat,open,read,execve"}, s.Cmd.Args...)
	s.Cmd.Path = strace
	s.Begin(t)
	s.AwaitReady(t)
	if a := s.Container(t, "dev"); a.Status != 400 {
		t.Errorf("%d", a.Status)
	}
	time.Sleep(2 * time.Second) // it asks the cache again meanwhile
	s.Stop(t)
	b, err := os.ReadFile(trace)
	harness.Must(t, err)
	if !strings.Contains(string(b), "execve(") {
		t.Error("the trace is empty")
	}
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, "/dev/tty") || strings.Contains(line, "read(0,") || strings.Count(line, "execve(") > 0 && !strings.Contains(line, w.Bin) {
			t.Errorf("it looks for a user: %s", line)
		}
	}
}
