package broker

import (
	"cmp"
	"context"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/token"
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

	mu    sync.Mutex
	given map[string]token.Credentials // what sources gave that is not kept, by their keys
}

type budgetKey struct{}

// withBudget begins the budget of p's call, unless an outer call has begun it.
func (p *Provider) withBudget(ctx context.Context) context.Context {
	if budgetOf(ctx) != nil {
		return ctx
	}
	return context.WithValue(ctx, budgetKey{}, &budget{began: time.Now(), wait: p.fullWait(), given: map[string]token.Credentials{}})
}

// budgetOf is nil outside of a call.
func budgetOf(ctx context.Context) *budget {
	b, _ := ctx.Value(budgetKey{}).(*budget)
	return b
}

// restart begins the waiting anew, after what a user was waited for.
func (b *budget) restart() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.began = time.Now()
}

// gone is how long ago the call began.
func (b *budget) gone() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Since(b.began)
}

// give remembers for the rest of the call what a source gave, so that it is asked once.
func (b *budget) give(p *Provider, c token.Credentials) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given[p.key.String()] = c
}

func (b *budget) gave(p *Provider) (token.Credentials, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c, ok := b.given[p.key.String()]
	return c, ok
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
	b := budgetOf(ctx)
	if b == nil {
		return p.fullWait()
	}
	return max(b.wait-b.gone(), leastWait)
}

// loginWait is how long a login is still waited for in which the user is at this moment.
func (p *Provider) loginWait(ctx context.Context) time.Duration {
	limit := cmp.Or(p.req.Wait, source.LoginWait)
	if b := budgetOf(ctx); b != nil {
		limit = max(limit-b.gone(), leastWait)
	}
	return limit
}

// promptTimeout is how long the user is given from now on, or the program that gives codes: that
// one always gets some time.
func (p *Provider) promptTimeout(ctx context.Context) time.Duration {
	if p.prompter.login {
		return promptForLogin
	}
	limit := promptFor
	if b := budgetOf(ctx); b != nil {
		limit = min(limit, promptUntil-b.gone())
	}
	if !p.prompter.interactive() {
		limit = max(limit, promptLeast)
	}
	return limit
}
