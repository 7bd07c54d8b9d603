//go:build unix

package mfa

import (
	"context"
	"fmt"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
)

// answerOf is what a program that showed a window gave; said is what its end means, nil where nothing is known of it.
func answerOf(ctx context.Context, name string, r child.Result, said error) (string, error) {
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case r.Err != nil:
		return "", fmt.Errorf("%w: %s: %s", ErrProcess, name, display.Innermost(r.Err))
	case r.TooMuch:
		return "", fmt.Errorf("%w: %s wrote more than %d bytes", ErrProcess, name, outputLimit)
	case said != nil:
		return "", said
	case r.Exit != 0 || r.Signal != "":
		return "", fmt.Errorf("%w: %s %s", ErrProcess, name, r.Failure())
	}
	return string(r.Out), nil
}
