package mfa

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ncruces/zenity"

	"github.com/sts-helper/sts-helper/internal/display"
)

// windowBox is a window of our own process.
type windowBox struct{}

func findInputBox() (inputBox, error) { return windowBox{}, nil }

func (windowBox) name() string { return "window" }

func (windowBox) ask(ctx context.Context, title, text string, _ time.Duration) (string, error) {
	s, err := zenity.Entry(text, zenity.Title(title), zenity.Context(ctx))
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, zenity.ErrCanceled):
		return "", fmt.Errorf("%w: the dialog was closed", ErrCancelled)
	case err != nil:
		return "", fmt.Errorf("%w: dialog: %s", ErrProcess, display.Safe(err.Error()))
	}
	return s, nil
}
