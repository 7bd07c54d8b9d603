package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/sts-helper/sts-helper/internal/await"
	"github.com/sts-helper/sts-helper/internal/display"
)

// fifoWait is how long opening a file may take: opening a FIFO waits for its writer, who may be
// starting at this moment.
const fifoWait = 5 * time.Second

var errNoWriter = errors.New("it is a FIFO that no program writes to")

// maxInput is more than what any of the readers of a named file takes; they say so.
const maxInput = 1 << 20

// readInput reads a file that was named on the command line, - for standard input, within
// maxInput. It may be a pipe, as in <(command), which is waited for until ctx ends; a FIFO that no
// program writes to is waited for during fifoWait. Errors do not name the file.
func readInput(ctx context.Context, name string) ([]byte, error) {
	var opened atomic.Bool
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.AfterFunc(fifoWait, func() {
		if !opened.Load() {
			stop(errNoWriter)
		}
	})
	defer timer.Stop()
	data, err := await.Call(waiting, func() ([]byte, error) {
		in := os.Stdin
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			defer func() { _ = f.Close() }()
			in = f
		}
		opened.Store(true)
		return io.ReadAll(io.LimitReader(in, maxInput))
	})
	switch {
	case context.Cause(waiting) == errNoWriter:
		return nil, errNoWriter
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, errors.New(display.Innermost(err))
	}
	return data, nil
}
