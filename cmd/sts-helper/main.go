// Command sts-helper gives programs short-lived AWS credentials.
//
// Standard output carries what was asked for, complete or not at all; for the process
// command that is one credential_process document. Standard error carries one line when
// something failed, begun with the program's name, and nothing on success unless it is a
// terminal, a file, or -v was given: some SDKs read both streams as one. (grant and accept report what
// they did.) Standard input is read by accept and policy check only. How a run ended is in
// the exit code; see exit.go.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/internal/direct"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/settings"
)

func main() {
	direct.Harden()
	p := program{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: func(f *os.File) bool { return term.IsTerminal(int(f.Fd())) },
		env:      environment(),
	}
	if a := direct.TakePending(); a != nil {
		os.Exit(p.finishDirect(a))
	}
	os.Exit(p.run(stopOnSignals(), os.Args[1:]))
}

// environment is what the settings are read from. A code in it is taken out, so that nothing
// that is started from here inherits it.
func environment() settings.Environment {
	const variable = "STS_HELPER_MFA_CODE"
	env := settings.ProcessEnvironment()
	env.OwnNames = func() []string { return strings.Fields(direct.Names()) }
	code := env.Getenv(variable)
	if code == "" {
		return env
	}
	_ = os.Unsetenv(variable)
	getenv := env.Getenv
	env.Getenv = func(name string) string {
		if name == variable {
			return code
		}
		return getenv(name)
	}
	return env
}

// program is the process as its commands see it.
type program struct {
	stdout, stderr *os.File
	terminal       func(*os.File) bool
	env            settings.Environment
}

// run runs the command line and gives the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	err := p.recovered(ctx, args)
	if err == nil {
		return 0
	}
	code := exitCode(ctx, err)
	fmt.Fprintf(p.stderr, "sts-helper: %s\n", display.Safe(err.Error()))
	return code
}

// stopped is the cause of a context that a signal ended.
type stopped struct{ signal syscall.Signal }

func (s stopped) Error() string { return "stopped by a signal: " + s.signal.String() }

// untilSignal is a context that a signal ends. It watches for signals from the first time
// that it is asked when it is done, since a call that finds its token waits for nothing
// and ends sooner than the watch would be set up.
type untilSignal struct {
	context.Context
	watch func()
}

// stopOnSignals gives a context that ends at the first signal that asks for it; the second
// one ends the process as usual.
func stopOnSignals() untilSignal {
	ctx, cancel := context.WithCancelCause(context.Background())
	return untilSignal{ctx, sync.OnceFunc(func() {
		ch := make(chan os.Signal, 1)
		signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
		go func() {
			if s, ok := (<-ch).(syscall.Signal); ok {
				signal.Stop(ch)
				cancel(stopped{s})
			}
		}()
	})}
}

// Done starts the watch and is closed by the first signal.
func (u untilSignal) Done() <-chan struct{} {
	u.watch()
	return u.Context.Done()
}

// seen reports whether a user sees standard error: at a terminal, or in a file. A program that reads it
// through a pipe may take it for the answer.
func (p *program) seen() bool {
	info, err := p.stderr.Stat()
	return p.terminal(p.stderr) || err == nil && info.Mode().IsRegular()
}

// warn prints a line where a user sees it.
func (p *program) warn(format string, args ...any) {
	if p.seen() {
		p.progress(format, args...)
	}
}
