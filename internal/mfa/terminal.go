package mfa

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// terminal asks the user at the controlling terminal.
type terminal struct{ name string }

// errClosed says that a terminal went away, or that its user ended the input (Ctrl-D).
var errClosed = errors.New("the terminal was closed or its input ended")

// errBackground says that another process group has the terminal: reading from it would stop us.
var errBackground = errors.New("this process runs in the background of its terminal")

// Name says which terminal it is.
func (t *terminal) Name() string { return t.name }

// Code asks. What is malformed is asked for again, three times in all; what was typed when the
// question ends without a code is thrown away, so that a shell does not get it.
func (t *terminal) Code(ctx context.Context, q Question) (code string, err error) {
	ctx, end, d := q.within(ctx)
	defer end()

	tty, err := openConsole()
	if err != nil {
		return "", nonInteractive(err.Error(), q.Login, q.Profile)
	}
	asked := false
	defer func() {
		if err != nil && asked {
			tty.tryWrite("\n") // what is printed next must not continue the prompt
		}
		tty.close(err != nil)
	}()
	fail := func(err error) (string, error) {
		switch {
		case ctx.Err() != nil:
			return "", q.ended(ctx, t.name, d)
		case errors.Is(err, errBackground):
			return "", nonInteractive(err.Error(), q.Login, q.Profile)
		case errors.Is(err, ErrTimeout):
			return "", err
		}
		surviveHangup()
		return "", fmt.Errorf("%w: %w", ErrCancelled, err)
	}
	if err := tty.write(ctx, q.heading()); err != nil {
		return fail(err)
	}
	if wait := q.untilNext(); wait != "" {
		if err := tty.write(ctx, asker+": "+wait+"\n"); err != nil {
			return fail(err)
		}
		if err := q.waitNotBefore(ctx, t.name, d); err != nil {
			return fail(err)
		}
	}
	tty.discard() // what was typed before the question is no answer to it
	for try := 1; ; try++ {
		if err := tty.write(ctx, asker+": "+q.request(ctx)+": "); err != nil {
			return fail(err)
		}
		asked = true
		line, err := tty.readLine(ctx)
		if err != nil {
			return fail(err)
		}
		code, err := parseCode(string(line))
		clear(line)
		asked = false // the user's own line end has ended the line
		if err == nil {
			return code, nil
		}
		if try == tries {
			return "", fmt.Errorf("%w, %d times", err, tries)
		}
		if err := tty.write(ctx, asker+": "+err.Error()+"; nothing was sent\n"); err != nil {
			return fail(err)
		}
	}
}

// heading says who asks, for which device and profile, and what went before: whole lines, safe.
func (q Question) heading() string {
	var b strings.Builder
	b.WriteString(asker + ": ")
	b.WriteString(q.subject())
	b.WriteByte('\n')
	if p := q.trouble(); p != "" {
		b.WriteString(asker + ": " + p + "\n")
	}
	return b.String()
}

// subject names the device and the profile.
func (q Question) subject() string {
	s := "MFA code needed"
	if q.Profile != "" {
		s += " for profile " + display.Safe(q.Profile)
	}
	if q.SerialNumber != "" {
		s += ", device " + display.Safe(q.SerialNumber)
	}
	return s
}

// trouble says why it is asked again.
func (q Question) trouble() string {
	s := display.Safe(q.Problem)
	if q.Attempt > 1 {
		if s != "" {
			s += "; "
		}
		s += fmt.Sprintf("attempt %d", q.Attempt)
	}
	return s
}
