package broker

import (
	"context"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// How long the user is given, all attempts together. SDKs that limit a credential_process
// at all end it after 60 s, and STS needs its share: so a question ends 45 s after it is
// put, and 48 s after the call began, whatever the call waited for before. At a
// login there is more time.
const (
	promptFor      = 45 * time.Second
	promptUntil    = 48 * time.Second
	promptLeast    = 5 * time.Second // with less left the user is not asked
	promptForLogin = 5 * time.Minute
)

// startKey is the context key of the time at which the outermost call began.
type startKey struct{}

func withStart(ctx context.Context) context.Context {
	if _, ok := ctx.Value(startKey{}).(time.Time); ok {
		return ctx
	}
	return context.WithValue(ctx, startKey{}, time.Now())
}

// budgetLeft is what remains of a limit that began with the outermost call.
func budgetLeft(ctx context.Context, limit time.Duration) time.Duration {
	if began, ok := ctx.Value(startKey{}).(time.Time); ok {
		return limit - time.Since(began)
	}
	return limit
}

// wait is the lock budget. Waiting for one lock after another takes no longer
// altogether.
func (p *Provider) wait(ctx context.Context) time.Duration {
	if p.req.Wait > 0 {
		return p.req.Wait
	}
	for q := p; q != nil; q = q.base {
		if q.needsCode() {
			return max(budgetLeft(ctx, cache.DefaultWaitInteractive), time.Second)
		}
	}
	return cache.DefaultWait
}

// promptTimeout is how long the user is given from now on.
func (p *Provider) promptTimeout(ctx context.Context) time.Duration {
	if p.prompter.login {
		return promptForLogin
	}
	return min(promptFor, budgetLeft(ctx, promptUntil))
}
