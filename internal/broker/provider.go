package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// Options are how a [Provider] goes about it. The zero value will do.
type Options struct {
	// NonInteractive forbids asking the user, whatever the request says: for endpoints.
	NonInteractive bool
	// Login says that the user logs in: there is more time to answer, and the cooldown after
	// refused codes does not count.
	Login bool
	// Code is the preset code, for requests that have one between them. Nil means
	// that each has its own, from its settings.
	Code *mfa.PresetCode
	// LoginCommand is what messages tell the user to run; "" for "sts-helper login NAME".
	LoginCommand string
	// Run, where it is not "", describes the run that a narrowed session is for alone: that session is
	// kept in memory and nowhere else.
	Run string
	// Env is the environment that is read where something is fetched; the zero value means that
	// of this process.
	Env settings.Environment
	// Log gets what happens at debug level, and failures that did no harm as warnings. It is
	// never given a secret. Nil means that nothing is logged.
	Log *slog.Logger
}

// Provider answers one request, any number of times. It is safe for concurrent use.
type Provider struct {
	req      *request.Request
	opts     Options
	key      cache.Key
	chain    source.Chain
	base     *Provider // signs the request in the source's place, nil where the source does
	of       bool      // it is the base of another
	prompter *prompter

	open    sync.Once
	cache   *cache.Cache
	openErr error

	own  ownToken   // of a narrowed session that is kept in memory alone
	rest cache.Rest // without a cache
}

var _ aws.CredentialsProvider = (*Provider)(nil)

// New makes the provider of a request. It touches neither disk nor network, unless an MFA
// device is to be found for a serial number of [mfa.AutoSerial]; the errors are of class
// [failure.Configuration], or those of that search.
func New(req *request.Request, opts Options) (*Provider, error) {
	if opts.Env.Getenv == nil {
		opts.Env = settings.ProcessEnvironment()
	}
	if least, _ := stsfield.Durations(token.GetWebIdentityToken); req.Operation == string(token.GetWebIdentityToken) && req.Agent != "" && req.Duration < least {
		return nil, failure.Configf("credentials of agents live for %s here, and a web identity token for %s at least", display.Duration(req.Duration), display.Duration(least)).Do("run it yourself")
	}
	req, err := findDevices(req, opts)
	if err != nil {
		return nil, err
	}
	prompter := newPrompter(req, opts)
	req = request.WithSource(req)
	if opts.Run != "" && req.Scoped() {
		req = ofRun(req, opts.Run)
	}
	return newProvider(req, opts, prompter)
}

func newProvider(req *request.Request, opts Options, pr *prompter) (*Provider, error) {
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	p := &Provider{req: req, opts: opts, key: request.KeyOf(req), chain: source.InheritedChain(opts.Env.Getenv), prompter: pr}
	if req.Reason != "" {
		opts.Log.Debug("operation chosen", "operation", req.Operation, "profile", req.Name, "reason", req.Reason)
	}
	if req.Base != nil {
		base, err := newProvider(req.Base, opts, pr)
		if err != nil {
			return nil, err
		}
		p.base = base
		base.of = true
	}
	if err := p.chain.Check(p.key, p.sourceProfile()); err != nil {
		return nil, err
	}
	return p, nil
}

// sourceProfile is the AWS profile at the bottom of what p's token is made from.
func (p *Provider) sourceProfile() string { return p.req.Bottom().Source.Profile }

// Request is the request the provider answers.
func (p *Provider) Request() *request.Request { return p.req }

// Key names the provider's token in the cache.
func (p *Provider) Key() cache.Key { return p.key }

// Retrieve implements [aws.CredentialsProvider].
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	a, err := p.Token(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	if !a.Token.Credentials.CanExpire {
		return aws.Credentials{}, failure.Sourcef(nil, "%s gives credentials that do not say when they end, and who keeps such credentials uses them for ever", p.describeSource()).
			Do("use them by credential_process, which is asked each time, or assume a role with --role-arn")
	}
	return toSDK(a.Token.Credentials), nil
}

func (p *Provider) describeSource() string { return source.Describe(p.req.Bottom().Source) }

// bottom is the provider whose request the source's credentials sign, p itself where it has no base.
func (p *Provider) bottom() *Provider {
	for p.base != nil {
		p = p.base
	}
	return p
}

// Token gives the token: from the cache while it is fresh, else from STS, asked by one of
// all the processes that want it. Errors have a class, see [ClassOf].
func (p *Provider) Token(ctx context.Context) (cache.Answer, error) {
	a, err := p.get(ctx, false)
	if err != nil && ctx.Err() == nil {
		if next := p.withRotatedKey(); next != nil {
			return next.get(ctx, false)
		}
	}
	return a, err
}

// withRotatedKey is p with the stored key that has taken the place of the one that it begins with, nil where none has:
// a call that goes on while a key is rotated does not end with it. What p is made from is never changed alone, since
// what is made with it is kept under its key.
func (p *Provider) withRotatedKey() *Provider {
	bottom := p.req.Bottom()
	id := source.StoredKeyNow(bottom.Source)
	if p.of || id == "" || id == bottom.Source.AccessKeyID {
		return nil
	}
	next, err := newProvider(request.WithKey(p.req, id), p.opts, p.prompter)
	if err != nil {
		return nil
	}
	return next
}

func (p *Provider) get(ctx context.Context, renew bool) (cache.Answer, error) {
	a, err := p.answer(ctx, renew)
	if err == nil {
		err = p.tooLong(a.Token.Credentials)
	}
	return a, err
}

// skew is how far this machine's clock may be from that of STS before a life that was limited looks too long.
const skew = 5 * time.Minute

// tooLong refuses what lives longer than the fleet's policy allows: a source or another user decided on it.
func (p *Provider) tooLong(c token.Credentials) error {
	limit := p.req.MaxLife
	if limit.Life == 0 || c.CanExpire && time.Until(c.Expires) <= limit.Life+skew {
		return nil
	}
	life := "do not say when they end"
	if c.CanExpire {
		life = "live for another " + display.Duration(time.Until(c.Expires).Round(time.Minute))
	}
	return failure.Configf("%s: this machine's policy: max_duration is %s, and the credentials of %s %s", limit.Where, display.Duration(limit.Life), display.Safe(p.req.Name), life).
		Do("assume a role with --role-arn, whose life can be chosen")
}

func (p *Provider) answer(ctx context.Context, renew bool) (cache.Answer, error) {
	ctx = p.withBudget(ctx)
	c, err := p.Cache()
	if errors.Is(err, cache.ErrUnsafe) {
		return cache.Answer{}, &failure.Error{Class: failure.Configuration, Text: err.Error(), Err: err}
	}
	if p.req.HandOut {
		if a, err := p.handOut(ctx, renew); err != nil || a.Origin != "" {
			return a, err
		}
	}
	if p.req.OfSource() {
		return p.ofSource(ctx, renew, false)
	}
	if c == nil || p.req.NoCache {
		if p.req.Granted != "" {
			return cache.Answer{}, noCacheForGranted(err)
		}
		ask := p.uncached
		if p.req.Scoped() {
			ask = p.keptInMemory
		}
		a, ferr := ask(ctx)
		if err != nil && ferr == nil {
			a.Warnings = append(a.Warnings, noCache(err))
		}
		p.log(a, ferr)
		return a, ferr
	}
	if p.req.Granted != "" {
		return p.granted(c)
	}
	a, err := c.Get(ctx, cache.Want{
		Key:         p.key,
		Fetch:       p.fetch,
		Holder:      p.holder,
		Interactive: p.needsCode(),
		CanAsk:      p.canAsk,
		Renew:       renew,
		Valid:       p.valid(ctx),
		Basis:       p.basis,
		Unattended:  !p.prompter.interactive(),
		Wait:        p.wait(ctx),
		Waiting:     p.waitForHolder,
	})
	p.opts.Log.DebugContext(ctx, Waited, "for", "a token")
	if not, ok := errors.AsType[unstored](errors.Join(append(a.Warnings, err)...)); ok {
		a, err = cache.Answer{Token: not.Token, Origin: cache.Fresh}, nil
	}
	if _, ok := errors.AsType[errTemporary](errors.Join(append(a.Warnings, err)...)); ok {
		if a, err = p.handOut(ctx, false); err != nil || a.Origin != "" { // the source was asked just now
			return a, err
		}
		err = errTemporary{}
	}
	if err == nil && a.Origin == cache.Fresh {
		a.Warnings = append(a.Warnings, elsewhere(c)...)
	}
	p.log(a, err)
	return a, err
}

// ofSource is get for a source, see getSource.
func (p *Provider) ofSource(ctx context.Context, renew, handOut bool) (cache.Answer, error) {
	c, err := p.Cache()
	a, serr := p.getSource(ctx, c, renew, handOut)
	if err != nil && serr == nil {
		a.Warnings = append(a.Warnings, noCache(err))
	}
	p.log(a, serr)
	return a, serr
}

// noCache is the warning of an answer that is not kept.
func noCache(why error) error {
	return fmt.Errorf("%w, so every call asks AWS: %w; name a directory of yours with --cache-dir, or set XDG_RUNTIME_DIR", errNoCache, why)
}

// KeptAbove is the remaining life above which a cached token that is due for a refresh is
// handed out without an attempt at one: it takes the user's answer, or nothing can renew it. 0
// where a refresh is tried.
func (p *Provider) KeptAbove() time.Duration {
	switch {
	case p.req.Granted != "":
		return cache.HardFloor
	case p.needsCode():
		return cache.Mandatory
	case p.req.Scoped() && p.req.Duration == 0 && p.base != nil: // it ends with what it is made from
		return p.base.KeptAbove()
	}
	return 0
}

// Cache opens the cache the request names, once; nil where the request wants none. The
// error says why there can be none, and matches [cache.ErrUnsafe] where going on without it
// would be wrong.
func (p *Provider) Cache() (*cache.Cache, error) {
	p.open.Do(func() {
		if p.req.NoCache {
			return
		}
		p.cache, p.openErr = OpenCache(p.req.CacheDir, p.opts.Env)
		if p.cache != nil && p.cache.Repaired() > 0 {
			p.opts.Log.Warn("a group could use the cache, as Kubernetes does it to volumes for fsGroup; it is private again", "directory", p.cache.Path(), "files", p.cache.Repaired())
		}
	})
	return p.cache, p.openErr
}

// uncached asks STS without looking at the disk.
func (p *Provider) uncached(ctx context.Context) (cache.Answer, error) {
	if err := p.rest.Holds(); err != nil {
		return cache.Answer{}, err
	}
	t, err := p.fetch(ctx, false)
	if not, ok := errors.AsType[unstored](err); ok {
		t, err = not.Token, nil
	}
	if err == nil {
		err = t.Validate()
	}
	p.rest.Note(err)
	if err != nil {
		return cache.Answer{}, err
	}
	return cache.Answer{Token: t, Origin: cache.Fresh}, nil
}

// Warnings says what went wrong without harm to the answer, one line each, safe to show.
func Warnings(a cache.Answer) []string {
	var all []string
	for _, w := range a.Warnings {
		line := display.Safe(w.Error())
		if a.Origin == cache.Kept {
			line = "refresh failed, using cached credentials: " + line
		}
		all = append(all, line)
	}
	return all
}

func (p *Provider) log(a cache.Answer, err error) {
	log := p.opts.Log.With("operation", p.req.Operation, "profile", p.req.Name)
	for _, w := range Warnings(a) {
		log.Warn(w)
	}
	if err == nil {
		log.Debug("answered", "origin", string(a.Origin), "token", a.Token)
	}
	if warning := SizeWarning(a.Token); warning != "" {
		log.Warn(warning)
	}
}

// deleteIfKey removes p's token, which STS no longer takes, from the cache.
func (p *Provider) deleteIfKey(t token.Token) {
	if c, _ := p.Cache(); c != nil {
		c.DeleteIfKey(p.key, t.Credentials.AccessKeyID)
	}
}
