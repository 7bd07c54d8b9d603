package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

// askPassphrase asks on the controlling terminal, without showing what is typed. Standard
// input and output are left alone: the sealed token may travel there.
func askPassphrase(ctx context.Context, prompt string) ([]byte, error) {
	in, out := "/dev/tty", "/dev/tty"
	if runtime.GOOS == "windows" {
		in, out = "CONIN$", "CONOUT$"
	}
	r, err := os.OpenFile(in, os.O_RDWR, 0)
	if err != nil {
		return nil, interactionError(err, "a passphrase is needed and there is no terminal to ask for it on; run this in a terminal, or use a key without one")
	}
	defer func() { _ = r.Close() }()
	w, err := os.OpenFile(out, os.O_WRONLY, 0)
	if err != nil {
		return nil, interactionError(err, "a passphrase is needed and the terminal cannot be written to")
	}
	defer func() { _ = w.Close() }()
	fd := int(r.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, interactionError(err, "a passphrase is needed and the terminal does not answer")
	}
	fmt.Fprint(w, prompt)
	secret, err := await(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if err != nil {
		mfa.DiscardInput(r.Fd())
	}
	_ = term.Restore(fd, before) // where a signal came first, nothing else does
	fmt.Fprintln(w)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, interactionError(err, "no passphrase was given")
	}
	return secret, nil
}

// askNewPassphrase asks twice.
func askNewPassphrase(ctx context.Context) ([]byte, error) {
	first, err := askPassphrase(ctx, "Passphrase to seal under (tell it on another way): ")
	if err != nil {
		return nil, err
	}
	second, err := askPassphrase(ctx, "The same again: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(first, second) {
		return nil, interactionError(nil, "the two passphrases differ; try again")
	}
	clear(second)
	return first, nil
}

func interactionError(err error, text string) error {
	return &failure.Error{Class: failure.InteractionRequired, Err: err, Text: text}
}

// errStopped is await's answer where its context ended first.
var errStopped = errors.New("stopped")

// await calls a function that may block for good, in a read say, and gives up waiting for it
// when ctx ends. The function is left behind then: the process is about to end.
func await(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		data []byte
		err  error
	}
	done, stopped := make(chan result, 1), ctx.Done() // signals are watched for from here on
	go func() {
		data, err := read()
		done <- result{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-stopped:
		return nil, errStopped
	}
}
