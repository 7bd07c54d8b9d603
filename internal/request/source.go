package request

import (
	"cmp"

	"github.com/sts-helper/sts-helper/token"
)

// Asked reports whether the source has to be asked for its credentials: what it gives may end, and
// may be another user's the next time. Keys in plain sight say themselves whose they are.
func (s Source) Asked() bool {
	switch s.Kind {
	case SourceNone, SourceStatic, SourceEnvironment, SourceKey:
		return false
	}
	return true
}

// LongTerm reports whether the settings themselves show that it is a long-term key of a user.
func (s Source) LongTerm() bool { return s.Kind != SourceNone && !s.Asked() && !s.Session }

// OfMachine reports whether the source is another one on each machine, with the same settings: that of an instance or of a
// container is asked at an address that all have, and nothing else says whose it is.
func (s Source) OfMachine() bool {
	switch s.Kind {
	case SourceInstance, SourceDefault:
		return true
	case SourceContainer:
		return s.Subject == ""
	}
	return false
}

// OfSource reports whether r is for the credentials of a source as it gives them.
func (r *Request) OfSource() bool { return r.Operation == string(token.SourceCredentials) }

// WithSource gives r with a request of its own for a source that has to be asked, below all that is
// made from it: so everything that builds on one source shares one lock and one record for it. r
// itself stays as it is.
func WithSource(r *Request) *Request {
	if r.Granted != "" || r.OfSource() {
		return r
	}
	base := r.Base
	switch {
	case base != nil:
		if base = WithSource(base); base == r.Base {
			return r
		}
	case !r.Source.Asked():
		return r
	default:
		base = &Request{
			Name: r.Name, Operation: string(token.SourceCredentials), Source: r.Source, CallOptions: r.CallOptions,
			Region: r.Region, Partition: r.Partition, Endpoint: r.Endpoint, FIPS: r.FIPS, DualStack: r.DualStack,
			CABundle: cmp.Or(r.Source.CABundle, r.CABundle),
		}
	}
	made := *r
	made.Base, made.Source = base, Source{}
	return &made
}

// Bottom is the request that the source's credentials sign: r where it has no base, else the last one of its bases.
func (r *Request) Bottom() *Request {
	for r.Base != nil {
		r = r.Base
	}
	return r
}

// WithKey gives r, made with the access key id instead of the one at its bottom. r itself stays as it is.
func WithKey(r *Request, id string) *Request {
	made := *r
	if r.Base != nil {
		made.Base = WithKey(r.Base, id)
	} else {
		made.Source.AccessKeyID = id
	}
	return &made
}
