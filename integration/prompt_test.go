package integration_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const refusedBefore = "that code was refused; attempt "

func TestWrongCodeTwiceThenRight(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "r0"))
	for i := range 2 {
		tt.sees(prompt, i+1)
		tt.types(m.wrong(i) + "\n")
	}
	tt.sees(refusedBefore+"3", 1)
	tt.sees(prompt, 3)
	tt.types(m.code() + "\n")
	m.creds(t, j.result(t))
	m.calls(t, 3, 1, 1, 2)
	m.once(t)
}

// After three wrong codes nobody is asked for a while, in no process, until somebody logs in.
func TestThreeWrongCodesThenLogin(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev"))
	for i := range 3 {
		tt.sees(prompt, i+1)
		tt.types(m.wrong(i) + "\n")
	}
	if r := j.result(t); r.Code != exitDenied || !strings.Contains(r.Stderr, "MultiFactorAuthentication failed") || strings.Count(r.Stderr, "\n") != 1 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	m.calls(t, 3, 0, 0, 3)

	// Another token of the same device, so no failure of its own is remembered.
	barred := newTerminal(t)
	r := barred.start(t, m.command(t, "--profile", "dev", "--duration", "2h")).result(t)
	if r.Code != exitDenied || barred.screen() != "" || !strings.Contains(r.Stderr, "too many codes") || !strings.Contains(r.Stderr, "run: sts-helper login dev --duration 2h") {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, barred.screen())
	}
	m.calls(t, 3, 0, 0, 3)

	// A login that is given up lifts nothing; one that succeeds does.
	tt = newTerminal(t)
	j = tt.start(t, m.command(t, "login", "dev"))
	tt.sees(prompt, 1)
	tt.types("\x03")
	if r := j.result(t); r.Code != 128+int(syscall.SIGINT) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	barred = newTerminal(t)
	if r := barred.start(t, m.command(t, "--profile", "dev", "--duration", "2h")).result(t); r.Code != exitDenied || barred.screen() != "" {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, barred.screen())
	}
	j = tt.start(t, m.command(t, "login", "dev"))
	tt.sees(prompt, 2)
	tt.types(m.code() + "\n")
	if r := j.result(t); r.Code != 0 || !strings.Contains(r.Stdout, "dev  renewed, good until ") || !strings.Contains(r.Stdout, " (12h00m)") && !strings.Contains(r.Stdout, " (11h59m)") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.creds(t, m.run(t, "--profile", "r0"))
	m.calls(t, 4, 1, 1, 3)
	m.once(t)
}

// No code will do for a device that is not the user's, so one is asked for.
func TestWrongSerialNumberIsNotAskedForAgain(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev", "--mfa-serial", "arn:aws:iam::"+account+":mfa/nobody"))
	tt.sees(prompt, 1)
	tt.types(m.code() + "\n")
	if r := j.result(t); r.Code != exitDenied || !strings.Contains(r.Stderr, "check the serial number") || strings.Count(tt.screen(), prompt) != 1 {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, tt.screen())
	}
	m.calls(t, 1, 0, 0, 1)
}

// A signal at the prompt: the terminal as it was found, the exit code a shell expects, and
// those who wait at another terminal are asked there.
func TestSignalsAtThePrompt(t *testing.T) {
	for name, send := range map[string]func(*terminal, *job) int{
		"Ctrl-C": func(tt *terminal, _ *job) int { tt.types("\x03"); return 128 + int(syscall.SIGINT) },
		"SIGTERM": func(_ *terminal, j *job) int {
			_ = j.cmd.Process.Signal(syscall.SIGTERM)
			return 128 + int(syscall.SIGTERM)
		},
		"SIGHUP": func(_ *terminal, j *job) int {
			_ = j.cmd.Process.Signal(syscall.SIGHUP)
			return 128 + int(syscall.SIGHUP)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMFAWorld(t)
			tt, other := newTerminal(t), newTerminal(t)
			_, err := term.MakeRaw(int(tt.line.Fd())) // as a full-screen program leaves it to its children
			must(t, err)
			raw := tt.modes()
			j := tt.start(t, m.command(t, "--profile", "dev"))
			tt.sees(prompt, 1)
			waiting := other.start(t, m.command(t, "--profile", "r0"))
			gathered(t, waiting.cmd.Process.Pid, 1)
			want := send(tt, j)
			r := j.result(t)
			if r.Code != want || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, "cancelled") {
				t.Errorf("exit %d, want %d; %q", r.Code, want, r.Stderr)
			}
			if tt.modes() != raw {
				t.Error("the terminal is left in another state")
			}
			other.sees(prompt, 1)
			other.types(m.code() + "\n")
			m.creds(t, waiting.result(t))
			m.calls(t, 1, 1, 1, 0)
		})
	}
}

func TestTerminalIsClosed(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees(prompt, 1)
	tt.human.Close()
	// The kernel tells by a signal and by an end of input; either may come first.
	if r := j.result(t); r.Code != exitHuman && r.Code != 128+int(syscall.SIGHUP) || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	next := newTerminal(t)
	j = next.start(t, m.command(t, "--profile", "dev", "--duration", "2h"))
	next.sees(prompt, 1)
	next.types(m.code() + "\n")
	m.creds(t, j.result(t))
}

// A prompt that nobody answers ends in time for the programs above, and with it the wait of
// everybody else. Who comes to ask only then is left no time to answer, and does not ask.
func TestPromptEndsInTime(t *testing.T) {
	t.Run("nobody answers", func(t *testing.T) {
		t.Parallel()
		m := newMFAWorld(t)
		tt, other := newTerminal(t), newTerminal(t)
		j := tt.start(t, m.command(t, "--profile", "dev"))
		tt.sees(prompt+"within 45s)", 1)
		waiting := other.start(t, m.command(t, "--profile", "r0"))
		r := j.result(t)
		if r.Code != exitHuman || !strings.Contains(r.Stderr, "no MFA code in time") || !strings.Contains(r.Stderr, "sts-helper login dev") || r.Wall < 44*time.Second || r.Wall > 55*time.Second {
			t.Errorf("exit %d after %s, %q", r.Code, r.Wall, r.Stderr)
		}
		if again := waiting.result(t); again.Code != exitHuman || again.Stderr != r.Stderr || other.screen() != "" {
			t.Errorf("who waited: exit %d, %q; saw %q", again.Code, again.Stderr, other.screen())
		}
		m.calls(t, 0, 0, 0, 0)
	})
	t.Run("the one that asks dies late", func(t *testing.T) {
		t.Parallel()
		m := newMFAWorld(t)
		tt, other := newTerminal(t), newTerminal(t)
		j := tt.start(t, m.command(t, "--profile", "dev"))
		tt.sees(prompt, 1)
		waiting := other.start(t, m.command(t, "--profile", "r0"))
		time.Sleep(44 * time.Second)
		must(t, j.cmd.Process.Kill())
		if r := waiting.result(t); r.Code != exitHuman || !strings.Contains(r.Stderr, "no time is left") || other.screen() != "" || r.Wall > 50*time.Second {
			t.Errorf("exit %d after %s, %q; saw %q", r.Code, r.Wall, r.Stderr, other.screen())
		}
	})
}

// An answer that is lost after the code was sent: the code may have been taken, so it is not
// sent again, by this process or the next, whatever the person types.
func TestLostAnswers(t *testing.T) {
	for _, kind := range []emulator.Kind{emulator.ResetAfter, emulator.InternalFailureLate, emulator.HangAfter, emulator.ServiceUnavailable, emulator.Throttle} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := newMFAWorld(t)
			m.sts.Fault(emulator.Fault{Kind: kind, Times: 1})
			tt := newTerminal(t)
			j := tt.start(t, m.command(t, "--profile", "dev"))
			tt.sees(prompt, 1)
			spent := m.code()
			tt.types(spent + "\n")
			if r := j.result(t); r.Code != exitUnreachable || strings.Count(tt.screen(), prompt) != 1 {
				t.Fatalf("exit %d, %q; saw %s", r.Code, r.Stderr, tt.screen())
			}
			if n := m.sts.Count(""); n != 1 {
				t.Errorf("%d requests, want one and no other try", n)
			}
			time.Sleep(2500 * time.Millisecond) // the failure is held for others for so long
			// Either the step's code is spent, and the next one is waited for, or it is over
			// and what was sent is known again. Both at once is what a slow test sees.
			j = tt.start(t, m.command(t, "--profile", "dev"))
			tt.sees(prompt, 2)
			tt.types(spent + "\n")
			tt.sees("that code was sent before", 1)
			tt.sees(prompt, 3)
			for m.code() == spent {
				time.Sleep(100 * time.Millisecond)
			}
			tt.types(m.code() + "\n")
			m.creds(t, j.result(t))
			m.once(t)
			if n := m.sts.RejectedCodes(); n != 0 {
				t.Errorf("%d codes rejected", n)
			}
		})
	}
}

// What certainly never left this machine is not used.
func TestUnsentCodeIsStillGood(t *testing.T) {
	m := newMFAWorld(t)
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev", "--endpoint-url", "http://127.0.0.1:1"))
	tt.sees(prompt, 1)
	code := m.code()
	tt.types(code + "\n")
	if r := j.result(t); r.Code != exitUnreachable {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	j = tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees(prompt, 2)
	tt.types(code + "\n")
	m.creds(t, j.result(t))
	m.calls(t, 1, 0, 1, 0)
}
