package broker

import (
	"context"
	"errors"
	"sync"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/token"
)

// LoginBatch is one login for any number of requests: what one of them has renewed the others use
// as it is, so that a session they share costs one code. The zero value is ready.
type LoginBatch struct {
	mu   sync.Mutex
	done map[string]bool // by key
}

func (r *LoginBatch) has(p *Provider) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.done[p.key.String()]
}

func (r *LoginBatch) add(p *Provider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done == nil {
		r.done = map[string]bool{}
	}
	r.done[p.key.String()] = true
}

// Login gets p's token and everything that it is made from, so that the user need not be asked
// for it for as long as possible: what is due for a refresh is renewed now, and with force
// what is fresh as well. Origin says whether the token itself was got now or kept. It fails, before the
// user is asked for anything, where the token could not be kept.
func (p *Provider) Login(ctx context.Context, batch *LoginBatch, force bool) (cache.Answer, error) {
	ctx = p.withBudget(ctx)
	if p.base != nil {
		a, err := p.base.Login(ctx, batch, force)
		if err != nil {
			return cache.Answer{}, err
		}
		if p.req.HandOut && a.Token.Credentials.Temporary() {
			return a, nil
		}
	}
	budgetOf(ctx).restart()
	if batch.has(p) || !force && p.fresh() {
		return p.get(ctx, false)
	}
	if err := p.canKeep(); err != nil {
		return cache.Answer{}, err
	}
	a, err := p.get(ctx, true)
	if err != nil {
		return cache.Answer{}, err
	}
	for _, w := range a.Warnings {
		if errors.Is(w, cache.ErrNotKept) {
			return cache.Answer{}, cannotKeep(w)
		}
	}
	batch.add(p)
	return a, nil
}

// SourceLogin is the login that p's token is made from in the end, nil where there is none, and
// what distinguishes it from other logins.
func (p *Provider) SourceLogin() (l source.Login, id string) {
	if p = p.bottom(); p.req.Source.Login == nil {
		return nil, ""
	}
	o, err := p.sourceOptions(context.Background())
	if err != nil {
		o.CABundle = []byte{} // trusts none: whatever is asked will say so
	}
	return source.NewLogin(p.req.Source, o), p.req.Source.Login.File
}

// Base is the provider whose token signs p's request, nil where the source does: the MFA
// session that a role is assumed from, say.
func (p *Provider) Base() *Provider { return p.base }

// NeedsCode reports whether the user may have to give an MFA code before [Provider.Login]
// has done its work.
func (p *Provider) NeedsCode(batch *LoginBatch, force bool) bool {
	if p.base != nil && p.base.NeedsCode(batch, force) {
		return true
	}
	return p.needsCode() && !batch.has(p) && (force || !p.fresh())
}

// fresh reports whether p's token is in the cache and not due for a refresh.
func (p *Provider) fresh() bool {
	if p.req.Granted != "" {
		return true // it cannot be renewed here
	}
	r := p.load()
	return r != nil && r.Fresh()
}

// load is the record of p's token, nil where there is none, or where it is another's by what is
// known without asking another program or service.
func (p *Provider) load() *cache.Record {
	c, _ := p.Cache()
	if c == nil {
		return nil
	}
	r, err := c.Load(p.key)
	if err != nil {
		return nil
	}
	ctx := context.Background()
	if p.req.OfSource() {
		if p.notOfLogin(ctx, r) != "" {
			return nil
		}
	} else if root := p.root(); root != nil {
		who, known, err := root.knownSigner(ctx)
		if err != nil || !known || r.Token.Signer == nil || *r.Token.Signer != who {
			return nil
		}
	}
	return r
}

// changing is the error of a call during which the user logged in as another one again and again.
func changing(s request.Source) error {
	e := failure.Sourcef(nil, "the login of %s changes all the time", source.Describe(s)).Do("try again")
	e.Final, e.Private = false, true
	return e
}

// switched reports whether t, just made, is of another login than the one that there is by now.
func (p *Provider) switched(ctx context.Context, t token.Token) bool {
	root := p.root()
	if root == nil || root.req.Source.Login == nil || t.Signer == nil {
		return false
	}
	who, known, err := root.knownSigner(ctx)
	return err != nil || !known || *t.Signer != who
}
