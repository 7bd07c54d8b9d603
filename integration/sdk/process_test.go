package sdk_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// sharedStory: the first client asks STS, all others share, whatever their standard input is.
func sharedStory(t *testing.T, r *row) {
	w := newWorld(t)
	step(t, r, "cold", func(t *testing.T) cell {
		o := w.run(t, r, "dev")
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), 1, 1)
	})
	step(t, r, "warm", func(t *testing.T) cell {
		w.mark()
		o := w.run(t, r, "dev")
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), 1, 0)
	})
	step(t, r, "stdin", func(t *testing.T) cell {
		w.mark()
		cmd := w.client(t, r, "dev")
		closed := exec.Command("/bin/sh", append([]string{"-c", `exec "$@" <&-`, "sh", cmd.Path}, cmd.Args[1:]...)...)
		closed.Env, closed.Dir, closed.SysProcAttr = cmd.Env, cmd.Dir, cmd.SysProcAttr
		o := finish(t, closed)
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), 1, 0)
	})
	step(t, r, "pipe", func(t *testing.T) cell {
		w.mark()
		read, write, err := os.Pipe()
		harness.Must(t, err)
		defer read.Close()
		defer write.Close()
		cmd := w.client(t, r, "dev")
		cmd.Stdin = read
		o := finish(t, cmd)
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), 1, 0)
	})
	step(t, r, "terminal", func(t *testing.T) cell {
		w.mark()
		start := time.Now()
		screen := w.onTerminal(t, w.client(t, r, "dev"), nil)
		wall := time.Since(start)
		if !strings.Contains(screen, w.user.ARN) || strings.Contains(screen, "sts-helper") || strings.Contains(screen, harness.Canary) {
			t.Fatalf("the screen shows:\n%s", screen)
		}
		return w.exactly(t, w.cell(wall), 1, 0)
	})
}

// exactly fails the test unless the helper was run and STS asked that often.
func (w *world) exactly(t *testing.T, c cell, helper, sts int) cell {
	t.Helper()
	if c.Helper != helper || c.STS != sts {
		t.Errorf("the helper was run %d times and STS asked %d times, want %d and %d", c.Helper, c.STS, helper, sts)
	}
	return c
}

// onTerminal runs a client on a terminal of its own and gives what the screen showed; watch, if
// any, sees all of it again and again and may type.
func (w *world) onTerminal(t *testing.T, cmd *exec.Cmd, watch func(screen string, keys io.Writer)) string {
	t.Helper()
	tt := harness.NewTerminal(t)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tt.Line, tt.Line, tt.Line
	j := harness.Start(t, tt, cmd)
	for ; watch != nil && j.Running(); time.Sleep(5 * time.Millisecond) {
		watch(tt.Screen(), tt.Master)
	}
	r := j.Result(t)
	screen := tt.Rest()
	if r.Code != 0 {
		t.Fatalf("exit %d; the screen shows:\n%s", r.Code, screen)
	}
	return screen
}

// ageingStory: what a token's age does. The token lives an hour; 20 minutes before its end (less
// a tenth at most) a refresh is due.
func ageingStory(t *testing.T, r *row) {
	w := newMovable(t)
	w.isAlice(t, w.run(t, r, "dev"))
	old := w.lastIdentity().AccessKeyID
	step(t, r, "due", func(t *testing.T) cell {
		w.at(t, 45*time.Minute)
		w.mark()
		o := w.run(t, r, "dev")
		w.isAlice(t, o)
		if w.lastIdentity().AccessKeyID == old {
			t.Error("it still signs with the old credentials")
		}
		return w.exactly(t, w.cell(o.wall), 1, 1)
	})
	step(t, r, "down", func(t *testing.T) cell {
		w.at(t, 45*time.Minute+61*time.Minute)
		w.sts.Fault(emulator.Fault{Kind: emulator.ServiceUnavailable, Op: "GetSessionToken"})
		w.mark()
		o := w.run(t, r, "dev")
		return w.refused(t, r, o, "dev", 6)
	})
}

// refused fails the test unless a client ended with an error that shows what the helper says,
// where this SDK shows it, and without having asked STS anything under credentials that have
// ended.
func (w *world) refused(t *testing.T, r *row, o outcome, profile string, code int) cell {
	t.Helper()
	c := w.cell(o.wall)
	if o.code == 0 {
		t.Fatalf("it succeeded:\n%s", o.output)
	}
	if n := w.identities() - w.ids0; n != 0 {
		t.Errorf("it signed %d requests", n)
	}
	direct := w.direct(t, profile)
	if direct.Code != code {
		t.Errorf("the helper ends with %d, want %d: %s", direct.Code, code, direct.Stderr)
	}
	// Words, since SDKs quote, escape and wrap; the beginning, since times in it may differ.
	said := words(harness.Unremembered(strings.TrimPrefix(direct.Stderr, "sts-helper: ")))
	said = said[:min(len(said), 30)]
	shown := strings.Contains(words(colour.ReplaceAllString(o.output, "")), said)
	switch {
	case shown != (r.silent == ""):
		t.Errorf("the helper's message is shown: %v\nhelper: %s\nclient: %s", shown, direct.Stderr, o.output)
	case !shown:
		c.State, c.Note = partly, r.silent
	}
	if n := w.anonymous(); (n > 0) != r.anonymous {
		t.Errorf("it sent %d requests without a signature", n)
	}
	t.Logf("%s shows: %s", r.title, o.output)
	return c
}

// anonymous counts the requests without a signature that reached S3 since mark.
func (w *world) anonymous() (n int) {
	for _, q := range w.s3Requests() {
		if q.AccessKeyID == "" {
			n++
		}
	}
	return n
}

// colour is what a terminal shows as such.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

// words are the letters and digits of a text.
func words(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, s)
}

// direct runs the helper as the profile does, without an SDK.
func (w *world) direct(t *testing.T, profile string) harness.Result {
	t.Helper()
	b, err := os.ReadFile(w.Dir + "/.aws/config")
	harness.Must(t, err)
	_, after, _ := strings.Cut(string(b), "[profile "+profile+"]\ncredential_process = ")
	line, _, _ := strings.Cut(after, "\n")
	cmd := w.client(t, &row{argv: append([]string{w.Bin}, strings.Fields(line)[1:]...), goClock: true}, profile)
	cmd.Path = w.Bin
	return harness.Finish(cmd)
}

// failingStory: what a user sees when the helper cannot help.
func failingStory(t *testing.T, r *row) {
	w := newWorld(t)
	step(t, r, "error", func(t *testing.T) cell {
		w.mark()
		return w.refused(t, r, w.run(t, r, "broken"), "broken", 2)
	})
	step(t, r, "human", func(t *testing.T) cell {
		w.mark()
		return w.refused(t, r, w.run(t, r, "human"), "human", 8)
	})
}

// askedStory: on a terminal the helper asks for the MFA code itself, past the SDK, which holds
// the helper's three streams.
func askedStory(t *testing.T, r *row) {
	w := newWorld(t)
	step(t, r, "asked", func(t *testing.T) cell {
		w.mark()
		start := time.Now()
		typed := false
		screen := w.onTerminal(t, w.client(t, r, "human"), func(screen string, keys io.Writer) {
			if !typed && strings.Contains(screen, "six digits") {
				typed = true
				fmt.Fprintf(keys, "%s\n", w.phone.Code(time.Now()))
			}
		})
		wall := time.Since(start)
		if !typed || !strings.Contains(screen, w.user.ARN) {
			t.Fatalf("asked: %v; the screen shows:\n%s", typed, screen)
		}
		return w.exactly(t, w.cell(wall), 1, 1)
	})
}

// kindsStory: the other things that a token can be.
func kindsStory(t *testing.T, r *row) {
	w := newWorld(t)
	for name, arn := range map[string]string{
		"federated": "arn:aws:sts::" + account + ":federated-user/bob",
		"role":      "arn:aws:sts::" + account + ":assumed-role/deploy/",
	} {
		step(t, r, name, func(t *testing.T) cell {
			w.mark()
			o := w.run(t, r, map[string]string{"federated": "fed"}[name]+map[string]string{"role": "role"}[name])
			w.is(t, o, arn)
			return w.exactly(t, w.cell(o.wall), 1, 1)
		})
	}
	step(t, r, "granted", func(t *testing.T) cell {
		grant := w.Run(t.Context(), "grant", "pal", "--source-profile", "base", "--duration", "1h", "--allow", "ec2:DescribeImages", "--plain")
		if grant.Code != 0 {
			t.Fatal(grant.Stderr)
		}
		accept := w.Command(t.Context(), "accept", "--plain")
		accept.Stdin = strings.NewReader(grant.Stdout)
		if a := harness.Finish(accept); a.Code != 0 {
			t.Fatal(a.Stderr)
		}
		w.mark()
		o := w.run(t, r, "granted")
		w.is(t, o, "arn:aws:sts::"+account+":federated-user/pal")
		return w.exactly(t, w.cell(o.wall), 1, 0)
	})
}
