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

// budget is when the outermost call began, and how long all its waiting for locks may take
// together, however many requests lie below it.
type budget struct {
	began time.Time
	wait  time.Duration
}

type budgetKey struct{}

// withBudget begins the budget of p's call, unless an outer call has begun it.
func (p *Provider) withBudget(ctx context.Context) context.Context {
	if _, ok := ctx.Value(budgetKey{}).(budget); ok {
		return ctx
	}
	return context.WithValue(ctx, budgetKey{}, budget{time.Now(), p.fullWait()})
}

// fullWait is the lock budget of a call that begins with p.
func (p *Provider) fullWait() time.Duration {
	if p.req.Wait > 0 {
		return p.req.Wait
	}
	for q := p; q != nil; q = q.base {
		if q.needsCode() {
			return cache.DefaultWaitInteractive
		}
	}
	return cache.DefaultWait
}

// leastWait is what is left to a call whose budget is spent: one try for each lock.
const leastWait = time.Millisecond

// wait is what is left of the lock budget.
func (p *Provider) wait(ctx context.Context) time.Duration {
	b, ok := ctx.Value(budgetKey{}).(budget)
	if !ok {
		return p.fullWait()
	}
	return max(b.wait-time.Since(b.began), leastWait)
}

// promptTimeout is how long the user is given from now on, or the program that gives codes: that
// one always gets some time.
func (p *Provider) promptTimeout(ctx context.Context) time.Duration {
	if p.prompter.login {
		return promptForLogin
	}
	limit := promptFor
	if b, ok := ctx.Value(budgetKey{}).(budget); ok {
		limit = min(limit, promptUntil-time.Since(b.began))
	}
	if !p.prompter.interactive() {
		limit = max(limit, promptLeast)
	}
	return limit
}
