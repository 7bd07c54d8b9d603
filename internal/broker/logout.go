package broker

import (
	"errors"
	"slices"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/lock"
)

// LogoutBatch is one logout for any number of requests. Which records belong to them is decided
// by what was in a cache before anything was removed from it: a role is known by its base. The
// zero value is ready.
type LogoutBatch struct {
	// Others are the requests that go on: what theirs are made from too stays.
	Others []*Provider

	indexes map[string]request.RecordIndex // by the cache's path
}

// Removal is what a logout did about one record.
type Removal struct {
	// Entry is what there was: a record, one that cannot be used, or a failure alone.
	Entry cache.Entry
	// Of is the request that the record is of: the one that was logged out, or one of its bases.
	Of *Provider
	// Kept reports that the record was left, since others are made from it.
	Kept bool
	// Location says in which region, at which endpoint and so on the record was made, where the
	// request asks for another one; else "".
	Location string
	// Getting is the process that was getting the credentials, where there was nothing of them yet.
	Getting *lock.Holder
	// Renewing are the processes that still hold the record's lock and may store it again.
	Renewing []lock.Holder
	// Err is why the record could not be removed.
	Err error
}

// Logout removes the records of p and of what its token alone is made from, wherever they were
// asked for, and all that came from the same login; the login itself is [Provider.SourceLogin]'s to
// end. It gives what was there; the error is that of a cache that cannot be used.
func (b *LogoutBatch) Logout(p *Provider) ([]Removal, error) {
	c, err := p.Cache()
	if err != nil {
		return nil, err
	}
	index, ok := b.indexes[c.Path()]
	if !ok {
		if index, err = request.IndexRecords(c); err != nil {
			return nil, err
		}
		if b.indexes == nil {
			b.indexes = map[string]request.RecordIndex{}
		}
		b.indexes[c.Path()] = index
	}
	var all []Removal
	var seen []string
	shared := map[string]bool{} // nothing stays that a login ends with
	if root := p.root(); root == nil || root.req.Source.Login == nil {
		shared = b.shared(c.Path(), index)
	}
	for outer := p; p != nil; p = p.base {
		names := index.Equivalent(p.req)
		own := len(names)
		if l := p.req.Source.Login; l != nil {
			names = append(names, index.FromLogin(l.File)...) // by any request
		}
		for i, name := range names {
			if slices.Contains(seen, name) {
				continue
			}
			seen = append(seen, name)
			r := Removal{Entry: c.Inspect(name), Of: p, Kept: p != outer && shared[name]}
			if r.Entry.Record != nil && i < own {
				r.Location = request.DiffLocation(r.Entry.Record.Inputs, p.req)
			} else if r.Entry.Record == nil && r.Entry.Miss.Absent() && r.Entry.State.Failure == nil {
				who, held := c.HeldBy(name)
				if !held {
					continue
				}
				r.Getting = &who
			}
			if r.Kept {
				all = append(all, r)
				continue
			}
			r.Renewing, r.Err = holders(c.Delete(name))
			all = append(all, r)
		}
	}
	return all, nil
}

// shared are the names of the records in the cache at path that the others lead to.
func (b *LogoutBatch) shared(path string, index request.RecordIndex) map[string]bool {
	names := map[string]bool{}
	for _, o := range b.Others {
		c, err := o.Cache()
		if err != nil || c == nil || c.Path() != path {
			continue
		}
		for ; o != nil; o = o.base {
			for _, name := range index.Equivalent(o.req) {
				names[name] = true
			}
		}
	}
	return names
}

// LogoutAll removes everything from a cache. It gives what was there, and the processes that may
// store some of it again; the error says what could not be removed.
func LogoutAll(c *cache.Cache) ([]cache.Entry, []lock.Holder, error) {
	names, err := c.Names()
	if err != nil {
		return nil, nil, err
	}
	all := make([]cache.Entry, len(names))
	for i, name := range names {
		all[i] = c.Inspect(name)
	}
	renewing, err := holders(c.DeleteAll())
	return all, renewing, err
}

// holders are the processes that the errors joined in err are about, and the errors that are
// about something else.
func holders(err error) (all []lock.Holder, rest error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range several.Unwrap() {
			more, other := holders(e)
			all, rest = append(all, more...), errors.Join(rest, other)
		}
		return all, rest
	}
	if held, ok := err.(*cache.HeldError); ok {
		return []lock.Holder{held.Holder}, nil
	}
	return nil, err
}
