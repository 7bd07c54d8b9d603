package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// MaxScopedPolicies is how many policies of GetScopedCredentials a session takes.
const MaxScopedPolicies = stsfield.MaxScopedPolicies

// askScoped narrows a token of from by GetScopedCredentials: what it gives is the same principal's, and
// lives as long as was asked, and no longer than the token.
func (p *Provider) askScoped(ctx context.Context, from *Provider, parent token.Token) (token.Token, error) {
	if !parent.Credentials.Temporary() {
		made, done, err := p.fromLongTermKey(ctx, parent.Credentials)
		if err != nil || done {
			return made, err
		}
		parent = made
	}
	if n := parent.ScopedPolicies; n != nil && *n >= stsfield.MaxScopedPolicies && p.req.Policy != "" {
		e := failure.Configf("the credentials that are to be narrowed have %d policies of GetScopedCredentials on them already, and STS takes %d", *n, stsfield.MaxScopedPolicies)
		return token.Token{}, e.Do("leave one out, or join two of them in one file")
	}
	arn, err := from.principalOf(ctx, parent)
	if err != nil {
		return token.Token{}, err
	}
	in := sts.Request{
		Operation: token.GetScopedCredentials, Policy: p.req.Policy, SourceARN: arn,
		Duration: scopedLife(p.req.Duration, parent, time.Now()), ScopedSessionDescription: p.description(),
	}
	t, err := p.send(ctx, in, parent.Credentials)
	if shorter(err) && in.Policy != "" && in.Duration != 0 {
		// By STS's clock less is left than by this machine's. It ends with the token then.
		in.Duration = 0
		t, err = p.send(ctx, in, parent.Credentials)
	}
	return t, err
}

// scopedLife is what is asked for where life is wanted, 0 for that of parent: STS refuses more than is left
// of parent.
func scopedLife(life time.Duration, parent token.Token, now time.Time) time.Duration {
	c := parent.Credentials
	if life == 0 || !c.CanExpire {
		return life
	}
	const margin = time.Second // on the way to STS
	return max(min(life, (parent.Remaining(now)-margin).Truncate(time.Second)), time.Second)
}

// askWebIdentity asks for a web identity token, which STS gives for no longer than parent lives.
func (p *Provider) askWebIdentity(ctx context.Context, parent token.Token) (token.Token, error) {
	in, err := p.build(ctx, "")
	if err != nil {
		return token.Token{}, err
	}
	least, _ := stsfield.Durations(in.Operation)
	in.Duration = max(scopedLife(in.Lifetime(), parent, time.Now()), least)
	return p.send(ctx, in, parent.Credentials)
}

// shorter reports whether STS said that less than was asked for is left of the session that was to be narrowed.
func shorter(err error) bool {
	se, ok := errors.AsType[*sts.Error](err)
	return ok && se.Code == "InsufficientSessionLifetime"
}

// fromLongTermKey makes temporary credentials of a user's key, which a source turned out to give: a federation
// token where a policy is asked for, else a session. done reports that they are the answer, and need not be
// narrowed.
func (p *Provider) fromLongTermKey(ctx context.Context, key token.Credentials) (t token.Token, done bool, err error) {
	in := sts.Request{Operation: token.GetSessionToken, Duration: p.req.Duration}
	least, _ := stsfield.Durations(in.Operation)
	brief := in.Duration != 0 && in.Duration < least
	switch {
	case brief:
		in.Duration = least
	case p.req.FederationName != "":
		in.Operation, in.Name, in.Policy = token.GetFederationToken, p.req.FederationName, p.req.Policy
	}
	p.opts.Log.Debug("the source gives a long-term key, which GetScopedCredentials does not take", "profile", p.req.Name, "operation", string(in.Operation))
	t, err = p.send(ctx, in, key)
	return t, !brief && in.Policy == p.req.Policy, err
}

// principalOf is the ARN of who a token of p acts as: what STS said of it, what was found out of a source, or of
// a user's session, which names no user, now.
func (p *Provider) principalOf(ctx context.Context, t token.Token) (string, error) {
	if who := t.Principal(); who != nil {
		return who.ARN, nil
	}
	who, err := p.whose(ctx, t.Credentials)
	return who.ARN, err
}

// noLaterEnd reports whether a token that p narrows from parent would end no later than the one that p
// has, which still serves: then there is nothing to ask for.
func (p *Provider) noLaterEnd(parent token.Token) bool {
	if !p.req.Scoped() || !parent.Credentials.CanExpire {
		return false
	}
	old, serves := p.previous()
	if !serves {
		return false
	}
	end := parent.Credentials.Expires
	if now := time.Now(); p.req.Duration > 0 {
		end = now.Add(scopedLife(p.req.Duration, parent, now))
	}
	const margin = time.Second // ends are kept in whole seconds
	return !end.After(old.Add(margin))
}

// ownToken is a narrowed session that this process alone has.
type ownToken struct {
	mu    sync.Mutex
	token token.Token
}

// keptInMemory is uncached for a narrowed session, which serves for as long as it would on the disk: a server
// asks for it again and again.
func (p *Provider) keptInMemory(ctx context.Context) (cache.Answer, error) {
	p.own.mu.Lock()
	defer p.own.mu.Unlock()
	old := p.own.token
	serves, due := cache.InMemory(old)
	if root := p.root(); serves && root != nil {
		looked := false
		if root.notSignedBy(ctx, old, &looked) != "" {
			serves, p.own.token = false, token.Token{}
		}
	}
	if serves && !due {
		return cache.Answer{Token: old, Origin: cache.Hit}, nil
	}
	a, err := p.uncached(ctx)
	switch {
	case err == nil:
		p.own.token = a.Token
	case serves && errors.Is(err, cache.ErrNoLater):
		return cache.Answer{Token: old, Origin: cache.Kept}, nil
	case serves && ctx.Err() == nil:
		return cache.Answer{Token: old, Origin: cache.Kept, Warnings: []error{err}}, nil
	}
	return a, err
}

// previous is the end of the token that p has, and whether that one still serves.
func (p *Provider) previous() (end time.Time, serves bool) {
	if c, _ := p.Cache(); c == nil { // under the lock of keptInMemory
		old := p.own.token
		serves, _ := cache.InMemory(old)
		return old.Credentials.Expires, serves
	}
	r := p.load()
	if r == nil {
		return time.Time{}, false
	}
	return r.Token.Credentials.Expires, r.Serves()
}

// ofRun is r for a session of a run's own, which is not kept. What it is made from is shared.
func ofRun(r *request.Request, run string) *request.Request {
	own := *r
	own.NoCache = true
	if own.Description != "" {
		run = own.Description + "; " + run
	}
	own.Description = describable(run)
	return &own
}

// describable is text as STS takes it for a description.
func describable(text string) string {
	allowed := []rune(strings.Map(func(r rune) rune {
		if !stsfield.DescriptionChars.Contains(r) {
			return '?'
		}
		return r
	}, text))
	return string(allowed[:min(len(allowed), stsfield.MaxDescription)])
}

// description is what CloudTrail shows of the session: what was asked for, else this program, its run, and
// who runs it.
func (p *Provider) description() string {
	if p.req.Description != "" {
		return p.req.Description
	}
	host, _ := os.Hostname() // "" is left out
	who := strings.Trim(p.opts.Env.UserName()+"@"+host, "@")
	return describable(fmt.Sprintf("sts-helper, profile %s, process %d of %s", display.Safe(p.req.Name), os.Getpid(), who))
}
