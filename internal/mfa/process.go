package mfa

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
)

// outputLimit bounds, in bytes, what a program may print: more is no code.
const outputLimit = 4 << 10

// defaultProcessTimeout bounds one run of a command, a touch of a key included.
const defaultProcessTimeout = 30 * time.Second

// process is a command that prints a code.
type process struct {
	name    string // the program's last path element, safe to show; its arguments may be secret
	path    string // absolute
	args    []string
	timeout time.Duration
	mayAsk  bool // it may use the terminal
}

func newProcess(o Options, mayAsk bool) (Source, error) {
	words, err := display.SplitCommand(o.Process)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProcess, err)
	}
	path, err := findProgram(words[0])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProcess, err)
	}
	p := &process{
		name: display.Safe(filepath.Base(path)), path: path, args: words[1:],
		timeout: o.ProcessTimeout, mayAsk: mayAsk,
	}
	if p.timeout <= 0 {
		p.timeout = defaultProcessTimeout
	}
	return p, nil
}

// findProgram gives the absolute path of a program: a name is looked up in PATH once, here; a path
// must be absolute already. Whatever would be found through the working folder is refused, also
// where GODEBUG=execerrdot=0 lets os/exec allow it.
func findProgram(name string) (string, error) {
	if filepath.Base(name) != name && !filepath.IsAbs(name) {
		return "", fmt.Errorf("%s is a relative path: give an absolute one, or a name to be found in PATH", display.Safe(name))
	}
	path, err := exec.LookPath(name)
	switch {
	case errors.Is(err, exec.ErrDot) || (err == nil && !filepath.IsAbs(path)):
		return "", fmt.Errorf("%s would be run from the working folder: take the relative folder out of PATH, or give an absolute path", display.Safe(name))
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("%s is not in PATH: install it, or give an absolute path", display.Safe(name))
	case err != nil:
		return "", fmt.Errorf("%s cannot be run: %s", display.Safe(name), display.Innermost(err))
	}
	return path, nil
}

// Name says which program it is.
func (p *process) Name() string { return "command " + p.name }

// Code runs the command once. Where there is a terminal in the foreground and it may be used, the
// command shares it, and its stderr lines are shown there as they come: that is how "Touch your
// YubiKey" reaches the user, whose SDK hides our own stderr.
func (p *process) Code(ctx context.Context, q Question) (string, error) {
	ctx, end, d := q.within(ctx)
	defer end()
	if err := q.waitNotBefore(ctx, p.Name(), d); err != nil {
		return "", err
	}
	ctx, cancelRun := context.WithTimeout(ctx, p.timeout)
	defer cancelRun()

	c := command(p.path, p.args)
	c.Env = append(c.Env, serialVariable+"="+strings.ReplaceAll(q.SerialNumber, "\x00", ""))
	if p.mayAsk {
		if tty, err := openConsole(); err == nil {
			defer tty.close(false)
			c.Terminal = true
			c.Line = func(line string) {
				_ = tty.write(ctx, asker+": "+p.name+": "+line+"\n") // only a courtesy
			}
		}
	}
	r := c.Run(ctx)
	switch {
	case ctx.Err() != nil:
		return "", q.ended(ctx, p.Name(), min(d, p.timeout))
	case r.Err != nil:
		return "", fmt.Errorf("%w: %s: %s", ErrProcess, p.name, display.Innermost(r.Err))
	case r.TooMuch:
		return "", fmt.Errorf("%w: %s wrote more than %d bytes: its output must be the code and nothing else",
			ErrProcess, p.name, outputLimit)
	case r.Signal == "SIGINT" || r.Exit == 130: // Ctrl-C reaches the command as well as us
		return "", fmt.Errorf("%w: %s was interrupted", ErrCancelled, p.name)
	case r.Exit != 0 || r.Signal != "":
		return "", fmt.Errorf("%w: %s %s", ErrProcess, p.name, r.Failure())
	}
	code, err := parseCode(string(r.Out))
	clear(r.Out)
	if err != nil {
		return "", fmt.Errorf("output of %s: %w (it must print the code and nothing else)", p.name, err)
	}
	return code, nil
}

// command is one run of a program that gives a code: it sees little of the environment and nothing of
// the working folder, and what it says is shown without anything that could be a code.
func command(path string, args []string) child.Command {
	return child.Command{Path: path, Args: args, Env: childEnviron(), Dir: child.RootFolder(), Limit: outputLimit, Mask: withoutCodes}
}

// withoutCodes is a line of stderr, short and with whatever could be a code of six digits struck out,
// since some programs say there what they also print.
func withoutCodes(line string) string {
	if _, err := parseCode(line); err == nil {
		return "[withheld]"
	}
	const most = 200
	b := []byte(line[:min(len(line), most)])
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j] >= '0' && b[j] <= '9' {
			j++
		}
		if j-i == stsfield.CodeDigits {
			copy(b[i:j], strings.Repeat("*", stsfield.CodeDigits))
		}
		i = max(j, i+1)
	}
	return string(b)
}
