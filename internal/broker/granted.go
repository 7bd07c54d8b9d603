package broker

import (
	"errors"
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/token"
)

// noCacheForGranted is why an accepted token cannot be had; err is why there is no cache.
func noCacheForGranted(err error) error {
	if err == nil {
		return failure.Configf("an accepted token is kept in the cache; --granted and --no-cache do not go together")
	}
	return &failure.Error{Class: failure.Configuration, Err: err, Text: "an accepted token is kept in the cache, and there is none: " + err.Error()}
}

// Accept keeps a token that another user granted, under the name that the request has for it
// (Granted), and gives the record that it takes the place of, nil for none. issuer is who granted
// it, unverified, "" where that is not known. A token that can still be used is not replaced by
// one of another identity, account or issuer, unless replace is set: the sender of a token chooses
// the name, and the programs that use it would go on as another user.
func (p *Provider) Accept(t token.Token, issuer string, replace bool) (replaced *cache.Record, err error) {
	c, err := p.Cache()
	if err == nil && c == nil {
		return nil, noCacheForGranted(nil)
	}
	if err == nil {
		// Where a clock is wrong, a record that cannot be used now can be again.
		if replaced = c.Inspect(p.key.String()).Record; replaced != nil && !replace {
			if what := otherToken(replaced, t, issuer); what != "" && replaced.Remaining() > cache.HardFloor {
				return nil, failure.Configf("%s is the name of another accepted token already: %s", display.Quote(p.req.Granted), what).
					Do("choose a name of its own for the new one with --name, or replace the old one with --replace")
			}
		}
		err = c.StoreNoted(p.key, t, issuer)
	}
	if err != nil {
		return nil, &failure.Error{Class: failure.Configuration, Text: "the credentials cannot be kept: " + display.Safe(err.Error()), Err: err}
	}
	return replaced, nil
}

// MayHandOut is the error where the fleet's policy does not allow that a token for p's request is handed out, which
// did not come from p.
func (p *Provider) MayHandOut(t token.Token) error { return p.tooLong(t.Credentials) }

// otherToken says in what a record differs from a token that would take its place, "" where both
// are of one identity and from one issuer.
func otherToken(r *cache.Record, t token.Token, issuer string) string {
	old, now := r.Token.Principal(), t.Principal()
	arn := func(p *token.Principal) string {
		if p == nil {
			return "an unknown identity"
		}
		return display.Safe(p.ARN)
	}
	switch {
	case arn(old) != arn(now):
		return fmt.Sprintf("it is %s, and the new one is %s", arn(old), arn(now))
	case r.Token.Credentials.AccountID != t.Credentials.AccountID:
		return fmt.Sprintf("it is of account %s, and the new one of account %s", display.Safe(r.Token.Credentials.AccountID), display.Safe(t.Credentials.AccountID))
	case r.Note != issuer:
		return fmt.Sprintf("it came from %s, and the new one from %s (both unverified)", issuerName(r.Note), issuerName(issuer))
	}
	return ""
}

func issuerName(issuer string) string {
	if issuer == "" {
		return "an unknown issuer"
	}
	return display.Safe(issuer)
}

// granted gives a token that was accepted from another user. It cannot be refreshed.
func (p *Provider) granted(c *cache.Cache) (cache.Answer, error) {
	r, err := c.Load(p.key)
	if err != nil {
		text := fmt.Sprintf("there is no accepted token named %s; run: sts-helper accept FILE --name %s", display.Quote(p.req.Granted), p.req.Granted)
		if m, ok := errors.AsType[*cache.Miss](err); ok && m.FromFuture() {
			text = fmt.Sprintf("the token accepted as %s is from later than this machine's clock says it is (%s); set the clock",
				display.Quote(p.req.Granted), time.Now().UTC().Format("2006-01-02 15:04 UTC"))
		}
		return cache.Answer{}, &failure.Error{Class: failure.Configuration, Err: err, Final: true, Text: text}
	}
	if r.Remaining() <= cache.HardFloor {
		from := "its issuer"
		if r.Note != "" {
			from = display.Safe(r.Note)
		}
		return cache.Answer{}, &failure.Error{Class: failure.InteractionRequired, Final: true, Text: fmt.Sprintf(
			"the token accepted as %s ended %s and cannot be renewed here; ask %s for another",
			display.Quote(p.req.Granted), r.Token.Credentials.Expires.Format("2006-01-02 15:04 UTC"), from)}
	}
	return cache.Answer{Token: r.Token, Origin: cache.Hit}, nil
}
