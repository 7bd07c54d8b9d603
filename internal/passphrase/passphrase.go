// Package passphrase asks the user for what is not shown, on the controlling terminal: standard input and output are
// left alone, where documents travel.
package passphrase

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/internal/await"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// Ask asks once.
func Ask(ctx context.Context, prompt string) ([]byte, error) {
	in, out := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		in, out = "CONIN$", "CONOUT$"
	}
	r, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return nil, failure.Interactionf(err, "", "a passphrase is needed and there is no terminal to ask for it on; run this in a terminal, or use a key without one")
	}
	defer func() { _ = r.Close() }()
	w, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		return nil, failure.Interactionf(err, "", "a passphrase is needed and the terminal cannot be written to")
	}
	defer func() { _ = w.Close() }()
	fd := int(r.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, failure.Interactionf(err, "", "a passphrase is needed and the terminal does not answer")
	}
	_ = ctx.Done() // signals are watched for from here on
	end := suspendable(fd, before, w, prompt)
	mfa.HideInput(r.Fd())
	fmt.Fprint(w, prompt) // last: a paste, or a program at the terminal, answers it at once
	secret, err := await.Call(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	end()
	if err != nil {
		mfa.DiscardInput(r.Fd())
	}
	_ = term.Restore(fd, before) // where a signal came first, nothing else does
	fmt.Fprintln(w)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, failure.Interactionf(err, "", "no passphrase was given")
	}
	return secret, nil
}

// AskNew asks twice.
func AskNew(ctx context.Context, prompt string) ([]byte, error) {
	first, err := Ask(ctx, prompt)
	if err != nil {
		return nil, err
	}
	second, err := Ask(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, failure.Interactionf(nil, "", "the two passphrases differ; try again")
	}
	clear(second)
	return first, nil
}
