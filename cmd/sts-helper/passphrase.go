package main

import (
	"context"
	"errors"

	"github.com/sts-helper/sts-helper/internal/failure"
)

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
