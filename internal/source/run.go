package source

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// maxStderr is how much of a program's complaint is read, in bytes.
const maxStderr = 4 << 10

// outcome is how a program that was run ended.
type outcome struct {
	stdout []byte
	said   string // the first line on standard error that is not empty
	exit   int    // the exit code, -1 where it has none
	err    error
}

// run runs a program that the settings name, with the chain and this process's environment. It
// keeps the first limit+1 bytes of what is printed, so that too much can be seen.
func run(ctx context.Context, chain Chain, limit int, name string, args ...string) outcome {
	cmd := exec.CommandContext(ctx, name, args...) // the user's own setting
	cmd.Env = append(os.Environ(), chain.assignment())
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &limited{&stdout, limit + 1}, &limited{&stderr, maxStderr}
	o := outcome{err: cmd.Run(), exit: -1}
	if cmd.ProcessState != nil {
		o.exit = cmd.ProcessState.ExitCode()
	}
	o.stdout, o.said = stdout.Bytes(), firstLine(stderr.String())
	return o
}

// failed says what went wrong, on one line that is safe to show. timeout is the limit of ctx.
func (o outcome) failed(ctx context.Context, timeout time.Duration) string {
	what := display.Cause(o.err)
	if ctx.Err() != nil {
		what = fmt.Sprintf("no answer within %s (does it ask the user?)", timeout)
	}
	if o.said != "" {
		what += ": " + o.said
	}
	return display.Safe(what)
}

func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// limited takes everything and keeps the first n bytes.
type limited struct {
	w io.Writer
	n int
}

func (l *limited) Write(b []byte) (int, error) {
	if keep := min(len(b), l.n); keep > 0 {
		l.n -= keep
		if _, err := l.w.Write(b[:keep]); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}
