package mfa_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const refusedBefore = "that code was refused; attempt "

func TestWrongCodeTwiceThenRight(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "r0"))
	for i := range 2 {
		tt.Await(harness.Prompt, i+1)
		tt.Type(m.WrongCode(i) + "\n")
	}
	tt.Await(refusedBefore+"3", 1)
	tt.Await(harness.Prompt, 3)
	tt.Type(m.Code() + "\n")
	m.Creds(t, j.Result(t))
	m.Calls(t, 3, 1, 1, 2)
	m.SentOnce(t)
}

// After three wrong codes no user is asked for a while, in no process, until a user logs in.
func TestThreeWrongCodesThenLogin(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	for i := range 3 {
		tt.Await(harness.Prompt, i+1)
		tt.Type(m.WrongCode(i) + "\n")
	}
	if r := j.Result(t); r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "MultiFactorAuthentication failed") ||
		!strings.Contains(r.Stderr, "programs ask for no code of this device during the next ") || !strings.Contains(r.Stderr, "to try again now; run: sts-helper login dev") || strings.Count(r.Stderr, "\n") != 1 {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	m.Calls(t, 3, 0, 0, 3)

	// Another token of the same device, so no failure of its own is remembered.
	barred := harness.NewTerminal(t)
	r := harness.Start(t, barred, m.Command(t, "--profile", "dev", "--duration", "2h")).Result(t)
	if r.Code != harness.ExitDenied || barred.Screen() != "" || !strings.Contains(r.Stderr, "too many codes") || !strings.Contains(r.Stderr, "run: sts-helper login dev --duration 2h --force") {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, barred.Screen())
	}
	m.Calls(t, 3, 0, 0, 3)

	// A login that is given up lifts nothing; one that succeeds does.
	tt = harness.NewTerminal(t)
	j = harness.Start(t, tt, m.Command(t, "login", "dev"))
	tt.Await(harness.Prompt, 1)
	tt.Type("\x03")
	if r := j.Result(t); r.Code != 128+int(syscall.SIGINT) {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	barred = harness.NewTerminal(t)
	if r := harness.Start(t, barred, m.Command(t, "--profile", "dev", "--duration", "2h")).Result(t); r.Code != harness.ExitDenied || barred.Screen() != "" {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, barred.Screen())
	}
	j = harness.Start(t, tt, m.Command(t, "login", "dev"))
	tt.Await(harness.Prompt, 2)
	tt.Type(m.Code() + "\n")
	if r := j.Result(t); r.Code != 0 || !strings.Contains(r.Stdout, "dev  renewed, good until ") || !strings.Contains(r.Stdout, " (12h00m)") && !strings.Contains(r.Stdout, " (11h59m)") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	m.Creds(t, m.Run(t, "--profile", "r0"))
	m.Calls(t, 4, 1, 1, 3)
	m.SentOnce(t)
}

// No code will do for a device that is not the user's, so one is asked for.
func TestWrongSerialNumberIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev", "--mfa-serial", "arn:aws:iam::"+harness.Account+":mfa/nobody"))
	tt.Await(harness.Prompt, 1)
	tt.Type(m.Code() + "\n")
	if r := j.Result(t); r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "check the serial number") || strings.Count(tt.Screen(), harness.Prompt) != 1 {
		t.Errorf("exit %d, %q, %s", r.Code, r.Stderr, tt.Screen())
	}
	m.Calls(t, 1, 0, 0, 1)
}

// A signal at the prompt: the terminal as it was found, the exit code a shell expects, and
// those who wait at another terminal are asked there.
func TestSignalsAtThePrompt(t *testing.T) {
	t.Parallel()
	for name, send := range map[string]func(*harness.Terminal, *harness.Job) int{
		"Ctrl-C": func(tt *harness.Terminal, _ *harness.Job) int { tt.Type("\x03"); return 128 + int(syscall.SIGINT) },
		"SIGTERM": func(_ *harness.Terminal, j *harness.Job) int {
			_ = j.Cmd.Process.Signal(syscall.SIGTERM)
			return 128 + int(syscall.SIGTERM)
		},
		"SIGHUP": func(_ *harness.Terminal, j *harness.Job) int {
			_ = j.Cmd.Process.Signal(syscall.SIGHUP)
			return 128 + int(syscall.SIGHUP)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := harness.NewMFAWorld(t)
			tt, other := harness.NewTerminal(t), harness.NewTerminal(t)
			_, err := term.MakeRaw(int(tt.Line.Fd())) // as a full-screen program leaves it to its children
			harness.Must(t, err)
			raw := tt.Modes()
			j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
			tt.Await(harness.Prompt, 1)
			waiting := harness.Start(t, other, m.Command(t, "--profile", "r0"))
			harness.AwaitAsleep(t, waiting.Cmd.Process.Pid, 1)
			want := send(tt, j)
			r := j.Result(t)
			if r.Code != want || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, "cancelled") {
				t.Errorf("exit %d, want %d; %q", r.Code, want, r.Stderr)
			}
			if tt.Modes() != raw {
				t.Error("the terminal is left in another state")
			}
			other.Await(harness.Prompt, 1)
			other.Type(m.Code() + "\n")
			m.Creds(t, waiting.Result(t))
			m.Calls(t, 1, 1, 1, 0)
		})
	}
}

func TestTerminalIsClosed(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	tt.Await(harness.Prompt, 1)
	tt.Master.Close()
	// The kernel reports it by a signal and by an end of input; either may come first.
	if r := j.Result(t); r.Code != harness.ExitInteraction && r.Code != 128+int(syscall.SIGHUP) || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	next := harness.NewTerminal(t)
	j = harness.Start(t, next, m.Command(t, "--profile", "dev", "--duration", "2h"))
	next.Await(harness.Prompt, 1)
	next.Type(m.Code() + "\n")
	m.Creds(t, j.Result(t))
}

// A prompt without an answer ends in time for the programs above, and with it the wait of
// everybody else. Who comes to ask only then is left no time to answer, and does not ask.
func TestPromptEndsInTime(t *testing.T) {
	harness.Long(t, "waits for the end of a prompt")
	t.Run("the user does not answer", func(t *testing.T) {
		t.Parallel()
		m := harness.NewMFAWorld(t)
		tt, other := harness.NewTerminal(t), harness.NewTerminal(t)
		j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
		tt.Await(harness.Prompt+"within 45s)", 1)
		waiting := harness.Start(t, other, m.Command(t, "--profile", "r0"))
		r := j.Result(t)
		if r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "no MFA code in time") || !strings.Contains(r.Stderr, "sts-helper login dev") || r.Wall < 44*time.Second {
			t.Errorf("exit %d after %s, %q", r.Code, r.Wall, r.Stderr)
		}
		if again := waiting.Result(t); again.Code != harness.ExitInteraction || again.Stderr != r.Stderr || other.Screen() != "" {
			t.Errorf("who waited: exit %d, %q; saw %q", again.Code, again.Stderr, other.Screen())
		}
		m.Calls(t, 0, 0, 0, 0)
	})
	t.Run("the one that asks dies late", func(t *testing.T) {
		t.Parallel()
		m := harness.NewMFAWorld(t)
		tt, other := harness.NewTerminal(t), harness.NewTerminal(t)
		j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
		tt.Await(harness.Prompt, 1)
		harness.Must(t, j.Cmd.Process.Signal(syscall.SIGSTOP)) // it does not see that its time has run out
		began := time.Now()
		waiting := harness.Start(t, other, m.Command(t, "--profile", "r0"))
		time.Sleep(44 * time.Second)
		harness.Must(t, j.Cmd.Process.Kill())
		r := waiting.Result(t)
		if time.Since(began) > 54*time.Second && r.Code == harness.ExitLocked {
			t.Logf("this machine is too busy: the wait ended first: %s", r.Stderr)
			return
		}
		if r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "no time is left") || other.Screen() != "" {
			t.Errorf("exit %d after %s, %q; saw %q", r.Code, r.Wall, r.Stderr, other.Screen())
		}
	})
}

// An answer that is lost after the code was sent: the code may have been taken, so it is not
// sent again, by this process or the next, whatever the user types.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, kind := range []emulator.Kind{emulator.ResetAfter, emulator.InternalFailureLate, emulator.HangAfter, emulator.ServiceUnavailable, emulator.Throttle} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			m := harness.NewMFAWorld(t)
			clock := m.Movable(t)
			m.STS.Fault(emulator.Fault{Kind: kind, Times: 1})
			tt := harness.NewTerminal(t)
			j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
			tt.Await(harness.Prompt, 1)
			spent := m.Code()
			tt.Type(spent + "\n")
			if r := j.Result(t); r.Code != harness.ExitUnreachable || strings.Count(tt.Screen(), harness.Prompt) != 1 {
				t.Fatalf("exit %d, %q; saw %s", r.Code, r.Stderr, tt.Screen())
			}
			if n := m.STS.Count(""); n != 1 {
				t.Errorf("%d requests, want one and no other try", n)
			}
			clock.NextStep(t) // and the failure is held for others no longer
			j = harness.Start(t, tt, m.Command(t, "--profile", "dev"))
			tt.Await(harness.Prompt, 2)
			tt.Type(spent + "\n")
			tt.Await("that code was sent before", 1)
			tt.Await(harness.Prompt, 3)
			tt.Type(m.Code() + "\n")
			m.Creds(t, j.Result(t))
			m.SentOnce(t)
			if n := m.STS.RejectedCodes(); n != 0 {
				t.Errorf("%d codes rejected", n)
			}
		})
	}
}

// What certainly never left this machine is not used.
func TestUnsentCodeIsStillGood(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev", "--endpoint-url", "http://127.0.0.1:1"))
	tt.Await(harness.Prompt, 1)
	code := m.Code()
	tt.Type(code + "\n")
	if r := j.Result(t); r.Code != harness.ExitUnreachable {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	j = harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	tt.Await(harness.Prompt, 2)
	tt.Type(code + "\n")
	m.Creds(t, j.Result(t))
	m.Calls(t, 1, 0, 1, 0)
}
