package broker

import (
	"cmp"
	"context"
	"os"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/source"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// RefreshAt is from when on a use of the record refreshes it. The user is not asked for an MFA
// code before it must be.
func RefreshAt(r *cache.Record) time.Time {
	window := r.Due()
	if request.MFASerial(r.Inputs) != "" {
		window = cache.Mandatory
	}
	return r.End().Add(-window)
}

// HandsOut reports whether p's answer is the record with the name key itself, which is that of its
// source.
func (p *Provider) HandsOut(key string) bool {
	return p.req.HandOut && p.base != nil && p.base.key.String() == key
}

// Root reports whether the record with the name key is that of p's source.
func (p *Provider) Root(key string) bool {
	root := p.root()
	return root != nil && root.key.String() == key
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

// SourceIdentity is who the source is whose credentials are in the record with that name of c: their
// ARN, "" where that was not asked or the record holds others.
func SourceIdentity(c *cache.Cache, key string, r *cache.Record) string {
	var s sourceState
	if r.Token.Operation != token.SourceCredentials || !c.ReadState(stateName(key), &s) || s.KeyID != r.Token.Credentials.AccessKeyID {
		return ""
	}
	return s.ARN
}

// What SourceState says where there is none.
const (
	sourceGone = "gone" // logged out
	sourceDue  = "due"  // to be looked at again
)

// SourceState stands for who p's source is, as far as that is known without a request; "" where
// it is not known, or can be one only.
func (p *Provider) SourceState() string {
	root := p.root()
	if root == nil {
		return ""
	}
	now, err := root.observe(context.Background())
	switch s := root.state(); {
	case err != nil:
		return sourceGone
	case now.Login != "":
		return now.Login
	case s.ID != "" && !s.Unkept && root.lookAgain() <= 0:
		return sourceDue
	default:
		return s.ID
	}
}

// MayBeAnother reports whether the source may be another's where its state is not before any more:
// then what was made from it is to be got anew.
func MayBeAnother(before string) bool { return before != "" && before != sourceDue }

// LookAgain is how long an answer of p may be given without a look at who its source is, beside
// what settings observes of it; 0 for no limit.
func (p *Provider) LookAgain() time.Duration {
	root := p.root()
	if root == nil || root == p || root.req.Source.Login != nil || root.state().Unkept {
		return 0
	}
	return max(root.lookAgain(), time.Nanosecond)
}

// Identities are the files that say who p's source is: that of its login, or what was found out of
// another source, by whatever process.
func (p *Provider) Identities() []string {
	root := p.root()
	if root == nil {
		return nil
	}
	if l := root.req.Source.Login; l != nil {
		return []string{l.File}
	}
	c, _ := p.Cache()
	if c == nil {
		return nil
	}
	return []string{c.StatePath(root.stateName())}
}

// IsOf reports whether a record of p's answer is of who p's source is by what was read from the file that says so: see
// [Provider.Identities]. The source may have been another's meanwhile.
func (p *Provider) IsOf(r *cache.Record, identity []byte) bool {
	root := p.root()
	if root == nil {
		return true
	}
	s := root.state()
	if l := root.req.Source.Login; l != nil {
		if c, _ := p.Cache(); s.Login == "" || source.LoginIn(c, l.File, identity).Login != s.Login {
			return false
		}
	}
	if r.Token.Operation == token.SourceCredentials {
		return r.Token.Credentials.AccessKeyID == s.KeyID
	}
	return s.ID != "" && r.Token.Signer != nil && *r.Token.Signer == s.signer()
}

// OfMachine reports whether p's source is another one on each machine.
func (p *Provider) OfMachine() bool {
	root := p.root()
	return root != nil && root.req.Source.OfMachine()
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

// Lifetime is how long p's token lives from its issue, 0 where that is not known, as for one that ends with
// what it is made from.
func (p *Provider) Lifetime() time.Duration {
	if p.req.Granted != "" || p.req.HandOut {
		return 0
	}
	return cmp.Or(p.req.Duration, stsfield.DefaultDuration(token.Operation(p.req.Operation)))
}
