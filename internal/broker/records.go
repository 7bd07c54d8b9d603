package broker

import (
	"cmp"
	"os"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// RefreshAt is from when on a use of the record refreshes it. The user is not asked for an MFA
// code before it must be.
func RefreshAt(r *cache.Record) time.Time {
	window := r.Advisory
	if request.MFASerial(r.Inputs) != "" {
		window = cache.Mandatory
	}
	return r.End().Add(-window)
}

// MadeFrom reports whether the record with the name key in the cache at path is that of p (own),
// or of something that p's token is made from.
func (p *Provider) MadeFrom(path, key string) (own, base bool) {
	c, err := p.Cache()
	if err != nil || c == nil || c.Path() != path {
		return false, false
	}
	own = p.key.String() == key
	for b := p.base; b != nil; b = b.base {
		base = base || b.key.String() == key
	}
	return own, base
}

// Device is the MFA device at the bottom of what p's token is made from, "" for none.
func (p *Provider) Device() string {
	serial := ""
	for r := p.req; r != nil; r = r.Base {
		serial = cmp.Or(r.SerialNumber, serial)
	}
	return serial
}

// NoCodeUntil is until when the MFA session that p's token is made from lasts: no code is needed
// before. It reports whether there is such a session.
func (p *Provider) NoCodeUntil() (time.Time, bool) {
	b := p.base
	for b != nil && b.base != nil && !b.base.req.OfSource() {
		b = b.base
	}
	c, _ := p.Cache()
	if b == nil || c == nil || b.req.SerialNumber == "" {
		return time.Time{}, false
	}
	r, err := c.Load(b.key)
	if err != nil {
		return time.Time{}, false
	}
	return r.Token.Credentials.Expires, true
}

// AnswerKey names the record that an answer of p came from, or is kept as; not ok where it is not
// kept.
func (p *Provider) AnswerKey(a cache.Answer) (key cache.Key, ok bool) {
	if a.Token.Operation != token.SourceCredentials || p.req.OfSource() {
		return p.key, true
	}
	if p.base == nil || !a.Token.Credentials.CanExpire {
		return cache.Key{}, false
	}
	return p.base.key, true
}

// LookAgain is how long an answer of p may be given without a look at who its source is, beside
// what settings observes of it; 0 for no limit.
func (p *Provider) LookAgain() time.Duration {
	root := p.root()
	if root == nil || root == p || root.req.Source.Login != nil || root.state().Unkept {
		return 0
	}
	return max(root.lookAgain(), time.Nanosecond)
}

// Logins are the files of the logins that p's token is made from.
func (p *Provider) Logins() (files []string) {
	for r := p.req; r != nil; r = r.Base {
		if r.Source.Login != nil {
			files = append(files, r.Source.Login.File)
		}
	}
	return files
}

// PromptedElsewhere is another process that asks the user for what p's token takes.
func (p *Provider) PromptedElsewhere() (lock.Holder, bool) {
	c, _ := p.Cache()
	for ; c != nil && p != nil; p = p.base {
		if who, held := c.HeldBy(p.key.String()); held && who.Asking && who.PID != os.Getpid() {
			return who, true
		}
	}
	return lock.Holder{}, false
}

// Lifetime is how long p's token lives from its issue, 0 where that is not known.
func (p *Provider) Lifetime() time.Duration {
	if p.req.Granted != "" || p.req.HandOut {
		return 0
	}
	return cmp.Or(p.req.Duration, stsfield.DefaultDuration(token.Operation(p.req.Operation)))
}
