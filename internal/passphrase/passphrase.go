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
		return nil, unasked(err, "a passphrase is needed and there is no terminal to ask for it on; run this in a terminal, or use a key without one")
	}
	defer func() { _ = r.Close() }()
	w, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		return nil, unasked(err, "a passphrase is needed and the terminal cannot be written to")
	}
	defer func() { _ = w.Close() }()
	fd := int(r.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, unasked(err, "a passphrase is needed and the terminal does not answer")
	}
	stopped := ctx.Done() // signals are watched for from here on
	end := suspendable(fd, before, w, prompt)
	mfa.HideInput(r.Fd())
	fmt.Fprint(w, prompt) // last: a paste, or a program at the terminal, answers it at once
	secret, err := read(stopped, fd)
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
		return nil, unasked(err, "no passphrase was given")
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
		return nil, unasked(nil, "the two passphrases differ; try again")
	}
	clear(second)
	return first, nil
}

func unasked(err error, text string) error {
	return &failure.Error{Class: failure.InteractionRequired, Err: err, Text: text}
}

// read gives up waiting for the user when stopped is closed. The read is left behind then: the process is about to end.
func read(stopped <-chan struct{}, fd int) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done := make(chan result, 1)
	go func() {
		data, err := term.ReadPassword(fd)
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-stopped:
		return nil, context.Canceled
	}
}
