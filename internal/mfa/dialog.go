package mfa

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A dialog is a source that asks in a window.
type dialog struct{ box inputBox }

// inputBox shows one window with a line to fill in.
type inputBox interface {
	name() string
	// ask gives what was typed. It honours ctx and wraps ErrNonInteractive (no display after all),
	// ErrCancelled, ErrTimeout or ErrProcess; lasts is when the window may close by itself.
	ask(ctx context.Context, title, text string, lasts time.Duration) (string, error)
}

func newDialog() (Source, error) {
	box, err := findInputBox()
	if err != nil {
		return nil, err
	}
	return &dialog{box}, nil
}

// Name says what shows the window.
func (d *dialog) Name() string { return "dialog " + d.box.name() }

// Code asks, three times in all where the answer is malformed.
func (d *dialog) Code(ctx context.Context, q Question) (string, error) {
	ctx, end, whole := q.within(ctx)
	defer end()
	if err := q.waitNotBefore(ctx, d.Name(), whole); err != nil {
		return "", err
	}
	mistake := ""
	for try := 1; ; try++ {
		lines := []string{q.subject()}
		for _, s := range [...]string{q.trouble(), mistake, q.request(ctx)} {
			if s != "" {
				lines = append(lines, s)
			}
		}
		for i, s := range lines {
			lines[i] = forDialog(s)
		}
		left := whole
		if end, ok := ctx.Deadline(); ok {
			left = time.Until(end)
		}
		typed, err := d.box.ask(ctx, forDialog(asker), strings.Join(lines, "\n"), left)
		switch {
		case ctx.Err() != nil, errors.Is(err, ErrTimeout):
			return "", q.ended(expired(ctx), d.Name(), whole)
		case errors.Is(err, ErrNonInteractive):
			return "", nonInteractive("the display cannot be used", q.Login, q.Profile)
		case err != nil:
			return "", err
		}
		code, err := parseCode(typed)
		if err == nil {
			return code, nil
		}
		if try == tries {
			return "", fmt.Errorf("%w, %d times", err, tries)
		}
		mistake = err.Error() + "; nothing was sent"
	}
}

// errClosedDialog is the user's no.
var errClosedDialog = fmt.Errorf("%w: the dialog was closed", ErrCancelled)

// expired is ctx where it has ended, else one whose deadline has passed: the window closed by
// itself a moment before we would have closed it.
func expired(ctx context.Context) context.Context {
	if ctx.Err() != nil {
		return ctx
	}
	past, cancel := context.WithDeadline(ctx, time.Now())
	cancel()
	return past
}

// forDialog makes a safe text safe for toolkits too: they read backslash escapes, markup, HTML
// and mnemonics in what should be plain text, each in its own way.
func forDialog(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\\<>&\"'`$%", r) {
			return '?'
		}
		return r
	}, s)
}
