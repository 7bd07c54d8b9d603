package mfa

import (
	"context"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// untilNext says how long the present code is of no use, or "".
func (q Question) untilNext() string {
	d := time.Until(q.NotBefore.Round(0))
	if q.NotBefore.IsZero() || d <= 0 {
		return ""
	}
	return "the code shown now was used already; please wait " + display.Wait(d) + " for the next one"
}

// request is what is wanted, and how long it is waited for.
func (q Question) request(ctx context.Context) string {
	s := "six digits"
	if end, ok := ctx.Deadline(); ok {
		s += " (within " + display.Wait(time.Until(end)) + ")"
	}
	return s
}
