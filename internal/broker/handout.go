package broker

import (
	"context"
	"errors"

	"github.com/sts-helper/sts-helper/cache"
)

// errTemporary is the error of a session with the long-term key of a source that by now gives temporary credentials.
type errTemporary struct{ ownCall }

func (errTemporary) Error() string { return "the source gives temporary credentials by now" }

// errUnkept is the error of a call that waited for credentials of a source to hand out, and another
// process found that the source gives none.
var errUnkept = errors.New("the source's credentials are not handed out")

// handOut gives the source's credentials themselves, which is all that was asked for. It gives
// nothing where they are a long-term key: then a session is made with it.
func (p *Provider) handOut(ctx context.Context, renew bool) (cache.Answer, error) {
	if p.base == nil { // in a file or in variables, with a session token
		c, _, err := p.askSource(ctx, false)
		return cache.Answer{Token: sourceToken(c), Origin: cache.Fresh}, err
	}
	if !renew && p.base.state().longTerm() {
		return cache.Answer{}, nil
	}
	a, err := p.base.ofSource(ctx, renew, true)
	switch {
	case errors.Is(err, errUnkept):
		return cache.Answer{}, nil
	case err != nil:
		return cache.Answer{}, err
	case !a.Token.Credentials.Temporary():
		return cache.Answer{}, nil
	case !a.Token.Credentials.CanExpire && a.Origin != cache.Fresh:
		// How long they still live is not known, so they are handed out as new as can be.
		c, _, err := p.base.askSource(ctx, false)
		return cache.Answer{Token: sourceToken(c), Origin: cache.Fresh}, err
	}
	return a, nil
}
