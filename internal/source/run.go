package source

import (
	"context"
	"time"

	"github.com/sts-helper/sts-helper/internal/child"
	"github.com/sts-helper/sts-helper/internal/display"
)

// run runs a program that the settings name, with the chain and this process's environment. It
// keeps the first limit bytes of what is printed; more is an error.
func run(ctx context.Context, chain Chain, limit int, c child.Command) child.Result {
	c.Env, c.Limit = child.Environ(chain.assignment()), limit
	c.Terminal = true // it may ask the user something of its own
	return c.Run(ctx)
}

// failed says what went wrong, on one line that is safe to show. timeout is the limit of ctx.
func failed(ctx context.Context, r child.Result, timeout time.Duration) string {
	if ctx.Err() == nil {
		return r.Failure()
	}
	what := "gave no answer within " + display.Duration(timeout) + " (does it ask the user?)"
	if r.Stderr != "" {
		what += ": " + r.Stderr
	}
	return what
}
