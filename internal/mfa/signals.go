package mfa

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signalled says which signal ended a question: the process was told to stop, which says
// nothing about what the user would have answered.
type Signalled struct{ os.Signal }

// Error says it in words.
func (s Signalled) Error() string {
	switch s.Signal {
	case syscall.SIGINT:
		return "interrupted (SIGINT)"
	case syscall.SIGHUP:
		return "terminal closed (SIGHUP)"
	}
	return "asked to end (SIGTERM)"
}

func (s Signalled) String() string { return s.Error() }

// withSignals ends the context on SIGINT, SIGTERM and SIGHUP, so that a terminal is put in order
// and children are ended before the process goes. The caller's own handlers get the signals too;
// a caller without any gets ErrCancelled where its process would have died. Signals that the
// process ignores (nohup) stay ignored.
func withSignals(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var sigs []os.Signal
	for _, s := range [...]os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			sigs = append(sigs, s)
		}
	}
	if len(sigs) == 0 { // Notify without a list would take every signal
		return ctx, func() { cancel(nil) }
	}
	got := make(chan os.Signal, 1)
	signal.Notify(got, sigs...)
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case s := <-got:
			if s == syscall.SIGHUP {
				surviveHangup()
			}
			cancel(Signalled{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(got)
		cancel(nil)
		<-over
	}
}

// surviveHangup keeps further SIGHUPs from ending the process before it has reported why it fails: a kernel sends one
// to the first process of the session and one to the terminal's process group, and the end of a terminal may be read
// before either comes.
func surviveHangup() {
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
}
