// Package mfa finds out where a token code comes from and gets one: from a preset
// code, from a command, from the user at the controlling terminal, or from the user at a desktop
// dialog, in this order.
//
// It knows nothing of STS. A caller holds the [Device] while it asks, so that one user sees one
// question and each code is sent once.
//
// A code never reaches a child's arguments or environment, a log, an error or a file. Nothing
// here reads stdin or writes to stdout or stderr: those belong to the program that asked for
// credentials.
package mfa

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Errors of this package. Match them with [errors.Is]; the text around them says what to do.
var (
	// ErrNonInteractive says that no prompt is possible: no terminal, no display, or asking was forbidden.
	ErrNonInteractive = errors.New("no way to ask for an MFA code")
	// ErrCancelled says that the user, a signal or the caller's context ended the question.
	// Where it was a signal the error also is a [Signalled].
	ErrCancelled = errors.New("MFA prompt cancelled")
	// ErrTimeout says that no code came in time.
	ErrTimeout = errors.New("no MFA code in time")
	// ErrBadCode says that what came is not six ASCII digits. Nothing should be sent.
	ErrBadCode = errors.New("not an MFA code")
	// ErrUsed says that the code was used already: a code is for one request to STS.
	ErrUsed = errors.New("MFA code already used")
	// ErrProcess says that the command that gives codes, or the program that shows a dialog,
	// could not be run or failed.
	ErrProcess = errors.New("MFA command failed")
)

// defaultTimeout is how long a question waits where it does not say. SDKs give up on a
// credential_process after 60 seconds at the earliest (the Go SDK's processcreds.DefaultTimeout),
// and STS needs a part of that.
const defaultTimeout = 45 * time.Second

// tries is how often a user may mistype before the question fails with ErrBadCode. Nothing is
// sent for a malformed code, so this costs no attempt at AWS.
const tries = 3

// Question is one need for one code.
type Question struct {
	// SerialNumber is the MFA device: an ARN, or a hardware device's serial number
	// (9 to 256 characters, STS GetSessionToken). It is shown, and given to commands.
	SerialNumber string
	// Profile is whose credentials they will be. It is shown, and named in errors.
	Profile string
	// Login is the command that asks where it can be seen, named in errors. Empty means
	// "sts-helper login PROFILE".
	Login string
	// Timeout bounds the whole question, waiting for NotBefore and mistyping included.
	// Zero means 45 seconds. A deadline of the context counts too, whichever is first.
	Timeout time.Duration
	// Attempt counts the codes asked for one after another, from 1. It is shown from 2 on.
	Attempt int
	// Problem is why the code before this one was of no use, as "that code was refused".
	Problem string
	// NotBefore is when the next usable code begins to exist, where the present step's code
	// was used already (see [StepStart]). Sources wait until then before they ask.
	NotBefore time.Time
}

// Source gives codes.
type Source interface {
	// Name says what it is, for messages and lock files: "terminal pts/3". It is safe to print.
	Name() string
	// Code gives six ASCII digits, or an error that matches one of this package's.
	// Do not ask one source twice at the same time.
	Code(ctx context.Context, q Question) (string, error)
}

// Prompt says how the user may be asked.
type Prompt string

// The values of --prompt. The zero value means PromptAuto.
const (
	PromptAuto   Prompt = "auto"   // the terminal, else a dialog
	PromptTTY    Prompt = "tty"    // the controlling terminal only
	PromptDialog Prompt = "dialog" // a desktop dialog only
	PromptNever  Prompt = "never"  // nonInteractive is asked
)

// ParsePrompt reads a setting's value; "" is PromptAuto.
func ParsePrompt(s string) (Prompt, error) {
	switch p := Prompt(s); p {
	case "":
		return PromptAuto, nil
	case PromptAuto, PromptTTY, PromptDialog, PromptNever:
		return p, nil
	}
	return "", fmt.Errorf("prompt %q is unknown: use auto, tty, dialog or never", display.Safe(s))
}

// Options says which sources there are.
type Options struct {
	// Code is a preset code, or nil. It wins over everything else.
	Code *PresetCode
	// Process is the command line of a program that prints a code, or "". See [display.SplitCommand].
	Process string
	// ProcessTimeout bounds one run of Process. Zero means 30 seconds.
	ProcessTimeout time.Duration
	// Prompt says how the user may be asked when there is neither Code nor Process.
	Prompt Prompt
	// Profile is named in errors, where they say what to run.
	Profile string
	// Login is what they say to run. Empty means "sts-helper login PROFILE".
	Login string
}

// asker is who asks, in prompts.
const asker = "sts-helper"

// Pick chooses the source: the preset code, the command, the controlling terminal, a
// dialog; each only where it exists and Options allow it. ErrNonInteractive where none is left, at once;
// ErrProcess for a command that cannot be understood or found.
//
// Pick with Prompt "never" still runs Process, but without a terminal to ask on.
func Pick(o Options) (Source, error) {
	prompt, err := ParsePrompt(string(o.Prompt))
	if err != nil {
		return nil, err
	}
	if o.Code != nil {
		return o.Code, nil
	}
	if o.Process != "" {
		return newProcess(o, prompt == PromptAuto || prompt == PromptTTY)
	}
	var why []string
	if prompt == PromptAuto || prompt == PromptTTY {
		if err := terminalUsable(); err == nil {
			return &terminal{terminalName()}, nil
		} else {
			why = append(why, err.Error())
		}
	}
	if prompt == PromptAuto || prompt == PromptDialog {
		if d, err := newDialog(); err == nil {
			return d, nil
		} else {
			why = append(why, err.Error())
		}
	}
	if prompt == PromptNever {
		why = append(why, "prompts are off")
	}
	return nil, nonInteractive(strings.Join(why, ", "), o.Login, o.Profile)
}

// nonInteractive is ErrNonInteractive with its reason and with what to do about it.
func nonInteractive(why, login, profile string) error {
	return fmt.Errorf("%w: %s; run %q in a terminal, or give --mfa-code or --mfa-process",
		ErrNonInteractive, why, loginCommand(login, profile))
}

// loginCommand is the command that asks where the prompt can be seen.
func loginCommand(login, profile string) string {
	if login != "" {
		return display.Safe(login)
	}
	if profile == "" {
		return "sts-helper login"
	}
	return "sts-helper login " + display.Safe(profile)
}

// within bounds ctx by the question's time, and ends it with a signal to this process; the duration is what is left.
// end is to be called.
func (q Question) within(ctx context.Context) (_ context.Context, end func(), left time.Duration) {
	ctx, stopSignals := withSignals(ctx)
	left = q.Timeout
	if left <= 0 {
		left = defaultTimeout
	}
	if end, ok := ctx.Deadline(); ok {
		left = min(left, time.Until(end))
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	return ctx, func() { cancel(); stopSignals() }, left
}

// ended says why ctx has ended: ErrTimeout or ErrCancelled, with what was waited for.
func (q Question) ended(ctx context.Context, where string, waited time.Duration) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%w: no answer from the %s within %s; run %q",
			ErrTimeout, where, display.Wait(waited), loginCommand(q.Login, q.Profile))
	}
	if sig, ok := errors.AsType[Signalled](cause); ok {
		return fmt.Errorf("%w: %w", ErrCancelled, sig)
	}
	return fmt.Errorf("%w: the request for credentials ended", ErrCancelled)
}

// waitNotBefore sleeps until q.NotBefore, and fails as ended says where ctx ends meanwhile. It fails at once, without
// sleeping, where the next code comes after the question has ended.
func (q Question) waitNotBefore(ctx context.Context, where string, limit time.Duration) error {
	// The next step is a matter of the wall clock, which the authenticator goes by as well.
	d := time.Until(q.NotBefore.Round(0))
	if q.NotBefore.IsZero() || d <= 0 {
		return nil
	}
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return fmt.Errorf("%w: the present code was used already and the next one comes in %s; run %q then",
			ErrTimeout, display.Wait(d), loginCommand(q.Login, q.Profile))
	}
	for ; d > 0; d = time.Until(q.NotBefore.Round(0)) {
		// Timers stop while the machine sleeps, and the clock may be set meanwhile.
		select {
		case <-time.After(min(d, time.Second)):
		case <-ctx.Done():
			return q.ended(ctx, where, limit)
		}
	}
	return nil
}

// TerminalName names the controlling terminal, "terminal pts/3"; "" where it cannot be used.
func TerminalName() string {
	if terminalUsable() != nil {
		return ""
	}
	return terminalName()
}
