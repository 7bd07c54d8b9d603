package broker

import (
	"context"
	"errors"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// A source that has to be asked is a request of its own at the bottom of what is made from it: one
// lock and one record for all that builds on it. What it gives may be another user's the next time,
// so whatever is made from it carries its signer, who the source was then, and is handed out only
// while the source still is the same: see docs/sources.md.

// sourceState is what is known of a source beside the record of its credentials.
type sourceState struct {
	// Login is the login that the credentials with KeyID came from, see source.State.
	Login string `json:"login"`
	KeyID string `json:"access_key_id"`
	// ID and ARN are who the credentials with KeyID are, "" where that was not asked.
	ID  string `json:"id"`
	ARN string `json:"arn"`
	// Unkept reports that the source gives a long-term key, or something else that is not kept. It
	// is asked when a token has to be made.
	Unkept bool `json:"unkept"`
	// Temporary reports of those that they are temporary all the same, and the answer where nothing more is asked for.
	Temporary bool `json:"temporary,omitempty"`
	// Boot names the boot of the machine that this is known of, for a source of a machine's; see record.BootClock.
	Boot string `json:"boot,omitempty"`
}

func (s sourceState) signer() token.Principal { return token.Principal{ID: s.ID, ARN: s.ARN} }

// longTerm reports whether the source gives a long-term key, of which a session is made.
func (s sourceState) longTerm() bool { return s.Unkept && !s.Temporary }

func stateName(key string) string { return "source-" + key }

func (p *Provider) stateName() string { return stateName(p.key.String()) }

// state is what is known of p's source, nothing where there is no cache.
func (p *Provider) state() (s sourceState) {
	if c, _ := p.Cache(); c == nil || !c.ReadState(p.stateName(), &s) || s.Boot != p.boot() {
		return sourceState{}
	}
	return s
}

// boot is the name of this boot where p's source is another one on each machine, else "".
func (p *Provider) boot() (id string) {
	if p.req.Source.OfMachine() {
		_, id = record.BootClock()
	}
	return id
}

func (p *Provider) saveState(s sourceState) {
	if c, _ := p.Cache(); c != nil {
		s.Boot = p.boot()
		// A state that is lost costs one more question.
		_ = c.WriteState(p.stateName(), s, false)
	}
}

// root is the provider of the source that has to be asked for what p's token is made from, nil
// where there is none.
func (p *Provider) root() *Provider {
	if p = p.bottom(); p.req.OfSource() {
		return p
	}
	return nil
}

// source is p's source, nil where the operation is unsigned.
func (p *Provider) source(ctx context.Context) (source.Source, error) {
	o, err := p.sourceOptions(ctx)
	if err != nil {
		return nil, err
	}
	return source.New(p.req.Source, o), nil
}

func (p *Provider) observe(ctx context.Context) (source.State, error) {
	src, err := p.source(ctx)
	if err != nil {
		return source.State{}, err
	}
	return src.Observe()
}

// maxChanges is how often credentials are fetched again because the login changed meanwhile.
const maxChanges = 3

// askSource gets credentials of p's source, and the login that they came from. Where they would be
// the old ones, of a login that could not be refreshed, spare makes that the error.
func (p *Provider) askSource(ctx context.Context, spare bool) (token.Credentials, source.State, error) {
	src, err := p.source(ctx)
	if err != nil {
		return token.Credentials{}, source.State{}, err
	}
	for range maxChanges {
		waited := p.waitFor(ctx, waitedSource(p.req.Source))
		c, from, err := src.FetchFrom(ctx)
		waited()
		if old, ok := errors.AsType[*source.NotRefreshed](err); ok && !spare {
			c, from, err = old.Credentials, old.From, nil
		}
		if err != nil {
			return token.Credentials{}, source.State{}, err
		}
		now, err := src.Observe()
		if err != nil {
			return token.Credentials{}, source.State{}, err
		}
		if from == now {
			return c, now, nil
		}
	}
	return token.Credentials{}, source.State{}, changing(p.req.Source)
}

// kept reports whether credentials of a source are written to the disk. A long-term key never is, nor what has no key of AWS.
func kept(c token.Credentials) bool { return c.ValidSession() }

// ownCall makes an error, which tells the caller of a fetch what there was instead of a token to keep, one that cache
// shares with no other call; see [cache.Classified].
type ownCall struct{}

func (ownCall) FailureKind() string  { return string(failure.Internal) }
func (ownCall) FailureFinal() bool   { return false }
func (ownCall) FailurePrivate() bool { return true }

// unkept is the error of a fetch whose credentials are not kept: the call has them all the same.
type unkept struct {
	ownCall
	token.Credentials
}

func (unkept) Error() string { return "these credentials are not kept" }

// fetchSource is the fetch of a source's record.
func (p *Provider) fetchSource(ctx context.Context, advisory bool) (token.Token, error) {
	still := p.watch()
	c, st, err := p.askSource(ctx, advisory)
	if err != nil {
		return token.Token{}, err
	}
	if !still() {
		budgetOf(ctx).give(p, c)
		return token.Token{}, unkept{Credentials: c}
	}
	known := p.state()
	next := sourceState{Login: st.Login, KeyID: c.AccessKeyID, Unkept: !kept(c), Boot: known.Boot}
	next.Temporary = next.Unkept && c.Temporary()
	switch {
	case next.Unkept:
		next.ID = c.AccessKeyID
	case known.KeyID == next.KeyID, st.Login != "" && known.Login == st.Login && !known.Unkept:
		next.ID, next.ARN = known.ID, known.ARN
	}
	if next != known {
		p.saveState(next)
	}
	if next.Unkept {
		budgetOf(ctx).give(p, c)
		return token.Token{}, unkept{Credentials: c}
	}
	return sourceToken(c), nil
}

func sourceToken(c token.Credentials) token.Token {
	return token.Token{Operation: token.SourceCredentials, Credentials: c, Issued: time.Now().UTC().Truncate(time.Second)}
}

// getSource is get for the credentials of a source; c is nil where there is no cache. handOut reports
// that they are wanted for themselves: then a source whose credentials are not kept is not asked by
// everyone who waited for its lock.
func (p *Provider) getSource(ctx context.Context, c *cache.Cache, renew, handOut bool) (cache.Answer, error) {
	fresh := func(c token.Credentials) cache.Answer {
		return cache.Answer{Token: sourceToken(c), Origin: cache.Fresh}
	}
	if given, ok := budgetOf(ctx).gave(p); ok {
		return fresh(given), nil
	}
	var a cache.Answer
	var err error
	if c == nil || p.state().Unkept {
		a.Token, err = p.fetchSource(ctx, false)
		a.Origin = cache.Fresh
	} else {
		a, err = c.Get(ctx, cache.Want{
			Key: p.key, Fetch: p.fetchSource, Holder: p.holder, Renew: renew, Basis: p.basis,
			Valid: func(r *cache.Record) string { return p.notOfLogin(ctx, r) },
			Moot: func() error {
				if handOut && p.state().longTerm() {
					return errUnkept
				}
				return nil
			},
			Wait: p.wait(ctx), Unattended: true, Waiting: p.waitForHolder,
		})
	}
	if not, ok := errors.AsType[unkept](err); ok {
		return fresh(not.Credentials), nil
	}
	return a, err
}

// notOfLogin says why a record of the source's credentials is not of the login, or the machine, that there is now.
func (p *Provider) notOfLogin(ctx context.Context, r *cache.Record) string {
	if p.req.Source.OfMachine() && r.OtherBoot() {
		return "it was got on another machine, or before this one was started again"
	}
	now, err := p.observe(ctx)
	if err != nil {
		return err.Error()
	}
	if now.Login == "" {
		return ""
	}
	if known := p.state(); known.Login != now.Login || known.KeyID != r.Token.Credentials.AccessKeyID {
		return "it is of another login"
	}
	return ""
}

// knownSigner is who p's source is now, where that is known without asking another program or service.
func (p *Provider) knownSigner(ctx context.Context) (who token.Principal, known bool, err error) {
	now, err := p.observe(ctx)
	if err != nil {
		return token.Principal{}, false, err
	}
	s := p.state()
	if s.ID == "" || s.Login != now.Login {
		return token.Principal{}, false, nil
	}
	if s.Login != "" || s.Unkept {
		return s.signer(), true, nil
	}
	left := p.lookAgain()
	return s.signer(), left > 0, nil
}

// lookAgain is how long it is until p's source, one that is no login, is to be looked at again.
func (p *Provider) lookAgain() time.Duration {
	c, _ := p.Cache()
	if c == nil {
		return 0
	}
	r, err := c.Load(p.key)
	if err != nil || r.Token.Credentials.AccessKeyID != p.state().KeyID {
		return 0
	}
	return r.Remaining() - cache.HardFloor
}

// whose is who the credentials of p's source, or of the session that p is, are: asked once for each that were
// fetched, and where that failed not again at once, by whatever process.
func (p *Provider) whose(ctx context.Context, c token.Credentials) (token.Principal, error) {
	known := func() (token.Principal, bool) {
		s := p.state()
		return s.signer(), s.ID != "" && s.KeyID == c.AccessKeyID
	}
	if who, ok := known(); ok {
		return who, nil
	}
	if !kept(c) {
		return token.Principal{ID: c.AccessKeyID}, nil
	}
	dir, _ := p.Cache()
	if dir == nil {
		return p.Caller(ctx, c)
	}
	name, basis := "identity-"+p.key.String(), p.basis()+c.AccessKeyID
	if err := dir.Held(name, basis); err != nil && !p.opts.Login {
		return token.Principal{}, err
	}
	held, err := dir.LockState(ctx, p.stateName(), lock.Holder{Purpose: "the identity of " + p.req.Name}, p.wait(ctx))
	if ctx.Err() != nil {
		return token.Principal{}, context.Cause(ctx)
	}
	if err == nil {
		defer held.Release()
	}
	if who, ok := known(); ok {
		return who, nil
	}
	if err := dir.Held(name, basis); err != nil && !p.opts.Login {
		return token.Principal{}, err
	}
	who, err := p.Caller(ctx, c)
	if err != nil {
		if ctx.Err() == nil {
			dir.Hold(name, basis, err)
		}
		return token.Principal{}, err
	}
	switch s := p.state(); {
	case s.KeyID == c.AccessKeyID:
		s.ID, s.ARN = who.ID, who.ARN
		p.saveState(s)
	case !p.req.OfSource(): // a session of its own making, which names no user
		p.saveState(sourceState{KeyID: c.AccessKeyID, ID: who.ID, ARN: who.ARN})
	}
	return who, nil
}

// valid is the check that a record is still of who its source is; nil for what can only be one's.
func (p *Provider) valid(ctx context.Context) func(*cache.Record) string {
	root := p.root()
	if root == nil {
		return nil
	}
	looked := false
	return func(r *cache.Record) string {
		if p.keyWithoutCode() {
			return "it was made with a long-term key and no MFA code"
		}
		return root.notSignedBy(ctx, r.Token, &looked)
	}
}

// keyWithoutCode reports whether what p's token is made from is a long-term key, as far as that is known, by which
// the fleet's policy has nothing made without an MFA code.
func (p *Provider) keyWithoutCode() bool {
	for p.base != nil && !p.base.req.OfSource() {
		p = p.base
	}
	return p.req.NoLongTermKey != "" && p.req.SerialNumber == "" && p.base != nil && p.base.state().longTerm()
}

// notSignedBy says why t was not made by who p's source is now, "" where it was. looked reports that it was
// looked at before in this call.
func (p *Provider) notSignedBy(ctx context.Context, t token.Token, looked *bool) string {
	who, known, err := p.knownSigner(ctx)
	if err == nil && !known && !*looked {
		*looked = true
		who, err = p.signerNow(ctx)
		known = err == nil
	}
	switch {
	case err != nil:
		return err.Error()
	case !known:
		return "it is not known whose the source is"
	case t.Signer == nil || *t.Signer != who:
		return "it was made for another identity"
	}
	return ""
}

// signerNow looks who p's source is.
func (p *Provider) signerNow(ctx context.Context) (token.Principal, error) {
	a, err := p.get(ctx, false)
	if err != nil {
		return token.Principal{}, err
	}
	return p.whose(ctx, a.Token.Credentials)
}

// signerOf is who is behind a token that signs a request: the source, or the one that the token was
// made from. nil where that can be one only, or where nothing is kept.
func (p *Provider) signerOf(ctx context.Context, t token.Token) (*token.Principal, error) {
	if c, _ := p.Cache(); c == nil || !p.req.OfSource() {
		return t.Signer, nil
	}
	who, err := p.whose(ctx, t.Credentials)
	if err != nil {
		return nil, err
	}
	return &who, nil
}

// notTemporary refuses credentials of a source that STS would refuse for p's operation.
func (p *Provider) notTemporary(c token.Credentials, of request.Source) error {
	op := token.Operation(p.req.Operation)
	if op != token.GetSessionToken && op != token.GetFederationToken || !c.Temporary() {
		return nil
	}
	what := "name a profile with aws_access_key_id and aws_secret_access_key by --source-profile, or assume a role with --role-arn"
	if op == token.GetSessionToken {
		what = "leave out what asks for a session (duration, MFA device) to use them as they are, assume a role with --role-arn, or name a profile with a user's keys by --source-profile"
	}
	return failure.Sourcef(nil, "%s needs an IAM user's long-term access key, and %s gives temporary credentials (%s)",
		op, source.Describe(of), display.Safe(c.AccessKeyID)).Do("%s", what)
}
