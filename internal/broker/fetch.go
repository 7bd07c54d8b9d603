package broker

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// fetch asks STS for the token. advisory reports that the old one can still be used, so that
// the user is not asked for anything on the way.
func (p *Provider) fetch(ctx context.Context, advisory bool) (token.Token, error) {
	if p.req.OfSource() {
		return p.fetchSource(ctx, advisory)
	}
	if p.base == nil {
		still := p.watch()
		creds, err := p.sourceCredentials(ctx)
		if err != nil {
			return token.Token{}, err
		}
		if p.req.Scoped() { // with a session token from a file or from variables
			return p.askScoped(ctx, p, sourceToken(creds))
		}
		t, err := p.ask(ctx, creds)
		if err == nil && !still() {
			err = unstored{Token: t}
		}
		return t, err
	}
	for again, changes := false, 0; ; again = true {
		if advisory && p.base.mustPrompt() {
			return token.Token{}, failure.Interactionf(nil, display.Safe(p.prompter.opts.Login), "the MFA session of %s has to be renewed", display.Safe(p.req.Name))
		}
		a, err := p.base.Token(ctx)
		if err != nil {
			return token.Token{}, err
		}
		if p.noLaterEnd(a.Token) {
			return token.Token{}, cache.ErrNoLater
		}
		if p.req.HandOut && a.Token.Credentials.Temporary() {
			return token.Token{}, errTemporary{}
		}
		t, err := p.askWith(ctx, a.Token)
		if err == nil && p.switched(ctx, t) {
			if changes++; changes == maxChanges {
				return token.Token{}, changing(p.root().req.Source)
			}
			continue
		}
		if err == nil || again || !revoked(err) || p.base.req.OfSource() && a.Origin == cache.Fresh {
			return t, err
		}
		// It is worth one more try with a new token of the base.
		p.base.deleteIfKey(a.Token)
	}
}

// askWith sends the request signed with a token of the base.
func (p *Provider) askWith(ctx context.Context, base token.Token) (token.Token, error) {
	if p.base.req.OfSource() {
		if err := p.maySign(base.Credentials, p.base.req.Source); err != nil {
			return token.Token{}, err
		}
	}
	who, err := p.base.signerOf(ctx, base)
	if err != nil {
		return token.Token{}, err
	}
	var t token.Token
	switch {
	case p.req.Scoped():
		t, err = p.askScoped(ctx, p.base, base)
	case p.req.Operation == string(token.GetWebIdentityToken):
		t, err = p.askWebIdentity(ctx, base)
	default:
		t, err = p.ask(ctx, base.Credentials)
	}
	t.Signer = who
	return t, err
}

// revoked reports whether STS said that the token which signed the request is none any more.
// A signature that went wrong on the way proves nothing against it.
func revoked(err error) bool {
	var se *sts.Error
	if !errors.As(err, &se) {
		return false
	}
	switch se.Code {
	case "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "InvalidToken", "InvalidSubjectCredentials":
		return true
	}
	return false
}

// sourceCredentials gets the credentials that sign p's request, and refuses those that may not.
func (p *Provider) sourceCredentials(ctx context.Context) (token.Credentials, error) {
	src, err := p.source(ctx)
	if err != nil || src == nil {
		return token.Credentials{}, err // no source: the operation is unsigned
	}
	waited := p.waitForStore(ctx)
	c, err := src.Fetch(ctx)
	waited()
	if err != nil {
		return token.Credentials{}, err
	}
	return c, p.maySign(c, p.req.Source)
}

// maySign refuses credentials of a source that STS would refuse for p's operation, and a long-term key without an
// MFA code where the fleet's policy does.
func (p *Provider) maySign(c token.Credentials, of request.Source) error {
	where := p.req.NoLongTermKey
	if where == "" || p.req.SerialNumber != "" || c.Temporary() {
		return p.notTemporary(c, of)
	}
	do := "name its MFA device in --mfa-serial"
	if p.req.Operation == string(token.GetWebIdentityToken) {
		do = "ask with a role: STS takes no session of a user for it, and so no MFA code"
	}
	return failure.Configf("%s: this machine's policy: require_mfa is true, and %s gives a long-term key", where, source.Describe(of)).Do("%s", do)
}

// sourceOptions are what p's source takes beside its definition.
func (p *Provider) sourceOptions(ctx context.Context) (source.Options, error) {
	pem, err := p.CABundle()
	c, _ := p.Cache()
	return source.Options{
		Region: p.req.Region, Getenv: p.opts.Env.Getenv, Chain: p.chain.With(p.key), CABundle: pem,
		Cache: c, Wait: p.wait(ctx), LoginWait: p.loginWait(ctx), Unattended: p.prompter.forbid || p.req.Prompt == "never", Login: p.prompter.opts.Login,
	}, err
}

// ask sends the request, with an MFA code where one is needed.
func (p *Provider) ask(ctx context.Context, creds token.Credentials) (token.Token, error) {
	send := func(code string) (token.Token, error) {
		in, err := p.build(ctx, code)
		if err != nil {
			return token.Token{}, err
		}
		return p.send(ctx, in, creds)
	}
	if p.req.SerialNumber == "" {
		return send("")
	}
	// A mistake in the request is reported before the user is asked for a code.
	if in, err := p.build(ctx, "000000"); err != nil {
		return token.Token{}, err
	} else if err := in.Validate(); err != nil {
		return token.Token{}, fromSTS(err)
	}
	return p.withCode(ctx, send)
}

// send sends one request to STS.
func (p *Provider) send(ctx context.Context, in sts.Request, creds token.Credentials) (token.Token, error) {
	client, err := p.client()
	if err != nil {
		return token.Token{}, err
	}
	t, err := client.Do(ctx, in, signer(creds))
	if err != nil {
		if ctx.Err() != nil {
			return token.Token{}, context.Cause(ctx)
		}
		return token.Token{}, fromSTS(err)
	}
	return t, nil
}

// maxCABundle bounds the file of certificates, in bytes.
const maxCABundle = 4 << 20

// CABundle reads the certificates that AWS_CA_BUNDLE names, else ca_bundle of the profile; nil where
// neither does, which means the system's.
func (p *Provider) CABundle() ([]byte, error) {
	from, file := "AWS_CA_BUNDLE", p.opts.Env.Getenv("AWS_CA_BUNDLE")
	if file == "" {
		from, file = "ca_bundle of the profile", p.req.CABundle
	}
	if file == "" {
		return nil, nil
	}
	pem, _, err := safefile.Read(file, maxCABundle)
	if err != nil {
		return nil, failure.Configf("%s: %s cannot be read: %s", from, display.Safe(file), display.Innermost(err))
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return nil, failure.Configf("%s: %s has no certificate in PEM", from, display.Safe(file))
	}
	return pem, nil
}

func (p *Provider) client() (*sts.Client, error) {
	opts := sts.Options{
		Region:    p.req.Region,
		Endpoint:  p.req.Endpoint,
		FIPS:      p.req.FIPS,
		DualStack: p.req.DualStack,
		Log:       p.opts.Log,
	}
	pem, err := p.CABundle()
	if err != nil {
		return nil, err
	}
	opts.CABundle = pem
	client, err := sts.New(opts)
	if err != nil {
		return nil, failure.Configf("%v", err)
	}
	return client, nil
}

// build makes the STS request of p's settings.
func (p *Provider) build(ctx context.Context, code string) (sts.Request, error) {
	r := p.req
	in := sts.Request{
		Operation: token.Operation(r.Operation), Duration: r.Duration,
		RoleArn: r.RoleARN, RoleSessionName: r.RoleSessionName, Name: r.FederationName,
		Policy: r.Policy, PolicyArns: r.PolicyARNs, Tags: tags(r.Tags), TransitiveTagKeys: r.TransitiveTagKeys,
		ExternalId: r.ExternalID, SourceIdentity: r.SourceIdentity, SerialNumber: r.SerialNumber, TokenCode: code,
		PrincipalArn: r.PrincipalARN, TargetPrincipal: r.TargetPrincipal, TaskPolicyArn: r.TaskPolicyARN,
		Audience: r.Audience, SigningAlgorithm: r.SigningAlgorithm,
	}
	var err error
	switch in.Operation {
	case token.AssumeRoleWithWebIdentity:
		defer p.waitFor(ctx, waitedToken(r))()
		var o source.Options
		if o, err = p.sourceOptions(ctx); err == nil {
			in.WebIdentityToken, err = source.WebIdentityToken(ctx, r, o)
		}
	case token.AssumeRoleWithSAML:
		defer p.waitFor(ctx, waitedToken(r))()
		in.SAMLAssertion, err = source.SAMLAssertion(ctx, r, p.chain.With(p.key))
	}
	return in, err
}

func tags(in []request.Tag) []sts.Tag {
	out := make([]sts.Tag, len(in))
	for i, t := range in {
		out[i] = sts.Tag(t)
	}
	return out
}
