// Package child runs other programs, every one that this program runs: commands that print an MFA code,
// a credential_process or a SAML assertion, and dialogs.
//
// A child gets the environment it is given and nothing else, an empty standard input, and no open file
// but 0 to 2. It ends with its context, on Linux also when this process is killed, and what it started
// ends with it as far as the system can tell what that was. What it writes is bounded.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

const (
	stderrLimit = 4 << 10                // bytes of a child's stderr that are looked at; the rest is read and dropped
	drainTime   = 500 * time.Millisecond // for grandchildren that hold the pipes of an ended child
)

// Command is one run of another program.
type Command struct {
	Path string // looked up in PATH where it is a name alone
	Args []string
	Env  []string // the whole environment; see [Environ]
	Dir  string   // the working folder; "" is this process's own
	// Limit is the most bytes that it may write to stdout; one that writes more is ended.
	Limit int
	// Terminal leaves the child in this process's group, so that it may read from the terminal;
	// otherwise it has a session of its own and no terminal at all.
	Terminal bool
	// Line is called for each line of stderr as it comes, already safe; it may be nil.
	Line func(line string)
	// Mask takes what must not be shown out of a line of stderr; it may be nil.
	Mask func(line string) string

	line string // for the shell, where that is not one of Args
}

// Shell is a command that the shell runs, as the SDKs have it run: sh -c, on Windows cmd.exe /C.
func Shell(line string) Command {
	path, args := shell(line)
	return Command{Path: path, Args: args, line: line}
}

// codeVariable carries an MFA code to this program, and to none that it starts.
const codeVariable = "STS_HELPER_MFA_CODE"

// Environ is this process's environment for a child that is to see it, without an MFA code that may be
// in it, and with assignments ("NAME=value") that come last and win.
func Environ(assignments ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return strings.EqualFold(name, codeVariable)
	})
	return append(env, assignments...)
}

// Result is how a run ended.
type Result struct {
	Out     []byte // stdout, up to the limit
	TooMuch bool   // it wrote more than its limit
	Stderr  string // the first line of stderr that says something, safe to show
	Exit    int    // the exit status; 0 is success
	Signal  string // what killed it, or ""
	Err     error  // it could not be run
}

// Failed reports whether it could not be run or did not end well.
func (r Result) Failed() bool { return r.Err != nil || r.TooMuch || r.Exit != 0 || r.Signal != "" }

// Failure says how it ended, in a few words and with what it said of it.
func (r Result) Failure() string {
	var how string
	switch {
	case r.Err != nil:
		return "could not be run: " + display.Innermost(r.Err)
	case r.TooMuch:
		return fmt.Sprintf("wrote more than %d bytes", len(r.Out))
	case r.Signal != "":
		how = "was killed (" + r.Signal + ")"
	default:
		how = fmt.Sprintf("ended with exit status %d", r.Exit)
	}
	if r.Stderr != "" {
		how += ": " + r.Stderr
	}
	return how
}

// Run runs the command until it or ctx ends, and reports how it ended. Where ctx ended first, only the
// caller can tell.
func (c Command) Run(ctx context.Context) Result {
	// See endWithUs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &boundedWriter{limit: c.Limit, full: cancel}
	said := &lineWriter{show: c.show, line: c.Line}

	cmd := exec.CommandContext(ctx, c.Path, c.Args...) // what runs is the user's own setting
	cmd.Env = c.Env
	if cmd.Env == nil {
		cmd.Env = []string{} // nil would be our own
	}
	cmd.Dir = c.Dir
	cmd.Stdout, cmd.Stderr = out, said
	cmd.SysProcAttr = attributes(c)
	f := newFamily()
	defer f.leave()
	cmd.Cancel = func() error { return f.kill(cmd.Process, !c.Terminal) }
	cmd.WaitDelay = drainTime

	restore := setCloseOnExec()
	err := cmd.Start()
	restore()
	if err == nil {
		f.adopt(cmd.Process)
		err = cmd.Wait()
	}
	r := Result{Out: out.b, TooMuch: out.over, Stderr: said.first()}
	exitErr, failed := errors.AsType[*exec.ExitError](err)
	switch {
	case failed:
		r.Exit, r.Signal = exitErr.ExitCode(), killedBy(exitErr)
	case errors.Is(err, exec.ErrWaitDelay):
		// It ended well and left a child behind with its stdout open; what it wrote is whole.
	default:
		r.Err = err
	}
	return r
}

// show is a line of stderr as the user may see it.
func (c Command) show(line []byte) string {
	s := string(bytes.TrimSpace(line))
	if c.Mask != nil {
		s = c.Mask(s)
	}
	return display.Safe(s)
}

// boundedWriter keeps up to limit bytes and ends the child that writes more.
type boundedWriter struct {
	b     []byte
	limit int
	over  bool
	full  func()
}

func (w *boundedWriter) Write(p []byte) (int, error) {
	n := len(p)
	if room := w.limit - len(w.b); n > room {
		p = p[:room]
		if !w.over {
			w.over = true
			w.full()
		}
	}
	w.b = append(w.b, p...)
	return n, nil
}

// lineWriter passes lines on as they come and keeps the beginning. A line is a line end's or a
// write's worth of text: prompts often have no line end.
type lineWriter struct {
	kept []byte
	show func([]byte) string
	line func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	p = p[:min(n, stderrLimit-len(w.kept))]
	w.kept = append(w.kept, p...)
	if w.line != nil {
		for line := range bytes.SplitSeq(p, []byte("\n")) {
			if s := w.show(line); s != "" {
				w.line(s)
			}
		}
	}
	return n, nil
}

func (w *lineWriter) first() string {
	for line := range bytes.SplitSeq(w.kept, []byte("\n")) {
		if s := w.show(line); s != "" {
			return s
		}
	}
	return ""
}
