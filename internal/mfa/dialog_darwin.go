package mfa

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// scriptBox is a window of osascript's.
type scriptBox struct{}

// The texts are arguments of the script and no part of it, so they need no quoting.
const script = `on run argv
	activate
	set answer to display dialog (item 2 of argv) with title (item 1 of argv) default answer "" buttons {"Cancel", "OK"} default button "OK" cancel button "Cancel" giving up after ((item 3 of argv) as integer)
	if gave up of answer then error "gave up" number 5
	return text returned of answer
end run`

func findInputBox() (inputBox, error) { return scriptBox{}, nil }

func (scriptBox) name() string { return "osascript" }

func (scriptBox) ask(ctx context.Context, title, text string, lasts time.Duration) (string, error) {
	c := child{
		path: "/usr/bin/osascript", env: childEnviron(), limit: outputLimit,
		args: []string{"-e", script, "--", title, text, strconv.Itoa(int(lasts/time.Second) + 2)},
	}
	r := c.run(ctx)
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case r.err != nil:
		return "", fmt.Errorf("%w: osascript: %s", ErrProcess, display.Innermost(r.err))
	case strings.Contains(r.stderr, "(-128)"): // userCanceledErr
		return "", fmt.Errorf("%w: the dialog was closed", ErrCancelled)
	case strings.Contains(r.stderr, "(-1713)"): // errAENoUserInteraction
		return "", ErrNobody
	case strings.Contains(r.stderr, "gave up"):
		return "", ErrTimeout
	case r.exit != 0 || r.signal != "" || r.tooMuch:
		return "", fmt.Errorf("%w: osascript %s", ErrProcess, r.failure())
	}
	return string(r.out), nil
}
