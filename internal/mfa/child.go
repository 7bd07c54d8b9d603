package mfa

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

const (
	outputLimit = 4 << 10                // of a child's stdout: more is no code
	stderrLimit = 4 << 10                // of a child's stderr that is looked at; the rest is read and dropped
	drainTime   = 500 * time.Millisecond // for grandchildren that hold the pipes of an ended child
)

// child is one run of another program: no shell, stdin empty, working folder "/", an environment
// that is given, no open files but 0 to 2, and no life after its context.
type child struct {
	path  string
	args  []string
	env   []string
	limit int
	// shareTerminal leaves the child in our process group, so that it may read from our
	// terminal; otherwise it has a session of its own and no terminal at all.
	shareTerminal bool
	say           func(line string) // shows a line of stderr, already safe; may be nil
}

type outcome struct {
	out     []byte // the whole of stdout
	tooMuch bool   // it wrote more than its limit
	stderr  string // the first line of stderr that says something, safe to show
	exit    int    // 0 is success
	signal  string // what killed it, or ""
	err     error  // it could not be run
}

// failure says how it ended, in a few words.
func (o outcome) failure() string {
	how := fmt.Sprintf("ended with exit status %d", o.exit)
	if o.signal != "" {
		how = "was killed (" + o.signal + ")"
	}
	if o.stderr != "" {
		how += ": " + o.stderr
	}
	return how
}

func (c child) run(ctx context.Context) outcome {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &boundedWriter{limit: c.limit, over: cancel}
	errs := &lineWriter{say: c.say}

	cmd := exec.CommandContext(ctx, c.path, c.args...)
	cmd.Env = c.env
	cmd.Dir = rootFolder()
	cmd.Stdout, cmd.Stderr = out, errs
	cmd.SysProcAttr = childAttr(!c.shareTerminal)
	cmd.Cancel = func() error { return kill(cmd.Process, !c.shareTerminal) }
	cmd.WaitDelay = drainTime

	unseal := sealFiles()
	err := cmd.Start()
	unseal()
	if err == nil {
		err = cmd.Wait()
	}
	r := outcome{out: out.b, tooMuch: out.full, stderr: errs.first()}
	exitErr, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case failed:
		r.exit, r.signal = exitErr.ExitCode(), killedBy(exitErr)
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well and left somebody behind with its stdout open; what it wrote is whole.
	default:
		r.err = err
	}
	return r
}

// boundedWriter keeps up to limit bytes and ends the child that writes more.
type boundedWriter struct {
	b     []byte
	limit int
	full  bool
	over  func()
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	n := len(p)
	if room := w.limit - len(w.b); n > room {
		p = p[:room]
		if !w.full {
			w.full = true
			w.over()
		}
	}
	w.b = append(w.b, p...)
	return n, nil
}

// lineWriter passes lines on as they come and keeps the beginning. A line is a line end's or a
// write's worth of text: prompts often have no line end.
type lineWriter struct {
	kept []byte
	say  func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	p = p[:min(n, stderrLimit-len(w.kept))]
	w.kept = append(w.kept, p...)
	if w.say != nil {
		for line := range bytes.SplitSeq(p, []byte("\n")) {
			if s := showable(line); s != "" {
				w.say(s)
			}
		}
	}
	return n, nil
}

func (w *lineWriter) first() string {
	for line := range bytes.SplitSeq(w.kept, []byte("\n")) {
		if s := showable(line); s != "" {
			return s
		}
	}
	return ""
}

// showable is a line of stderr for a human: safe, short, and with whatever could be a code of six
// digits struck out, since some programs say there what they also print.
func showable(line []byte) string {
	const most = 200
	line = bytes.TrimSpace(line)
	if _, err := ParseCode(string(line)); err == nil {
		return "[withheld]"
	}
	line = bytes.Clone(line[:min(len(line), most)])
	for i := 0; i < len(line); {
		j := i
		for j < len(line) && line[j] >= '0' && line[j] <= '9' {
			j++
		}
		if j-i == digits {
			copy(line[i:j], strings.Repeat("*", digits))
		}
		i = max(j, i+1)
	}
	return display.Safe(string(line))
}
