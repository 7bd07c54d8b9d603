package main

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/sts-helper/sts-helper/internal/display"
)

// maxInput is more than what any of the readers of a named file takes; they say so.
const maxInput = 1 << 20

// readInput reads a file that was named on the command line, - for standard input, within
// maxInput. It may be a pipe, as in <(command), which is waited for until ctx ends. Errors do
// not name the file.
func readInput(ctx context.Context, name string) ([]byte, error) {
	data, err := await(ctx, func() ([]byte, error) {
		in := os.Stdin
		if name != "-" {
			f, err := os.Open(name)
			if err != nil {
				return nil, err
			}
			defer func() { _ = f.Close() }()
			in = f
		}
		return io.ReadAll(io.LimitReader(in, maxInput))
	})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, errors.New(display.Innermost(err))
	}
	return data, nil
}
