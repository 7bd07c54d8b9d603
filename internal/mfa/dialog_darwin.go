package mfa

import (
	"context"
	"strconv"
	"strings"
	"time"
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
	r := command("/usr/bin/osascript", []string{"-e", script, "--", title, text, strconv.Itoa(int(lasts/time.Second) + 2)}).Run(ctx)
	var said error
	switch {
	case strings.Contains(r.Stderr, "(-128)"): // userCanceledErr
		said = errClosedDialog
	case strings.Contains(r.Stderr, "(-1713)"): // errAENoUserInteraction
		said = ErrNonInteractive
	case strings.Contains(r.Stderr, "gave up"):
		said = ErrTimeout
	}
	return answerOf(ctx, "osascript", r, said)
}
