package sdk_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// lived is a client that goes on running.
type lived struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Scanner
	errors strings.Builder
}

func (w *world) live(t *testing.T, r *row, profile string) *lived {
	t.Helper()
	return w.liveWith(t, r, profile, nil)
}

func (w *world) liveWith(t *testing.T, r *row, profile string, env []string) *lived {
	t.Helper()
	l := &lived{cmd: w.client(t, r, profile, "--serve")}
	l.cmd.Env = append(l.cmd.Env, env...)
	var err error
	l.in, err = l.cmd.StdinPipe()
	harness.Must(t, err)
	out, err := l.cmd.StdoutPipe()
	harness.Must(t, err)
	l.out = bufio.NewScanner(out)
	l.cmd.Stderr = &l.errors
	harness.Must(t, l.cmd.Start())
	t.Cleanup(func() {
		l.in.Close()
		_ = l.cmd.Wait()
		if strings.Contains(l.errors.String(), harness.Canary) {
			t.Errorf("a secret on standard error: %s", l.errors.String())
		}
	})
	return l
}

// sign makes the client ask n times who it is.
func (l *lived) sign(t *testing.T, n int) (o outcome) {
	t.Helper()
	start := time.Now()
	if _, err := fmt.Fprintln(l.in, n); err != nil {
		t.Fatal(err)
	}
	if !l.out.Scan() {
		t.Fatalf("the client is gone: %v\n%s", l.out.Err(), l.errors.String())
	}
	o.wall, o.output = time.Since(start), l.out.Text()
	harness.Must(t, json.Unmarshal(l.out.Bytes(), &o.answer))
	return o
}

const many = 50

// longStory: a client that holds an hour's token signs with 16 and with 14 minutes of it left,
// and after its end.
func longStory(t *testing.T, r *row) {
	if r.cli {
		return
	}
	w := newMovable(t)
	c := w.live(t, r, "dev")
	w.isAlice(t, c.sign(t, 1))
	for _, s := range []struct {
		column string
		at     time.Duration
	}{{"16min", 44 * time.Minute}, {"14min", 46 * time.Minute}, {"across", 46*time.Minute + 62*time.Minute}} {
		step(t, r, s.column, func(t *testing.T) cell {
			w.at(t, s.at)
			w.mark()
			o := c.sign(t, many)
			w.isAlice(t, o)
			w.neverRefused(t)
			got := w.cell(o.wall)
			if got.Helper > 2 || got.STS > 1 {
				t.Errorf("the helper was run %d times and STS asked %d times", got.Helper, got.STS)
			}
			return got
		})
	}
}

// shortStory: the shortest session there is, which two SDKs think is always about to end.
func shortStory(t *testing.T, r *row) {
	if r.cli {
		return
	}
	w := newMovable(t)
	step(t, r, "short", func(t *testing.T) cell {
		c := w.live(t, r, "short")
		w.mark()
		o := c.sign(t, many)
		w.isAlice(t, o)
		w.neverRefused(t)
		got := w.cell(o.wall)
		if got.STS != 1 {
			t.Errorf("STS was asked %d times", got.STS)
		}
		return got
	})
}

// twoHoursStory: two hours in half-minutes on 15-minute sessions, one client. It never signs
// with credentials that have ended.
func twoHoursStory(t *testing.T, r *row) {
	if r.cli {
		return
	}
	w := newMovable(t)
	step(t, r, "twohours", func(t *testing.T) cell {
		c := w.live(t, r, "short")
		w.mark()
		start := time.Now()
		for at := time.Duration(0); at <= 2*time.Hour; at += 30 * time.Second {
			w.at(t, at)
			w.isAlice(t, c.sign(t, 1))
		}
		w.neverRefused(t)
		got := w.cell(time.Since(start))
		if got.STS < 8 || got.STS > 16 {
			t.Errorf("STS was asked %d times in two hours", got.STS)
		}
		return got
	})
}
