package cache

import (
	"sync"

	"github.com/sts-helper/sts-helper/internal/record"
)

// Rest is what the cache remembers of refusals for the rate, for callers without one: a server that keeps nothing on the
// disk is asked again and again, and must not ask AWS each time. The zero value is ready, and safe for concurrent use.
type Rest struct {
	mu   sync.Mutex
	last *Failure // a busy one; nil for none
}

// Holds is the last refusal, a *[Failure], while AWS is to be left alone, else nil.
func (r *Rest) Holds() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil || r.last.Holds() <= 0 {
		return nil
	}
	return r.last.remembered()
}

// Note remembers how a call ended, nil for well.
func (r *Rest) Note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var f *Failure
	if err != nil {
		f = asFailure(err)
	}
	if f == nil || !f.Busy {
		r.last = nil
		return
	}
	f.at, f.until = record.Now(), record.ThrottledHold(r.last.inARow())
	r.last = f
}
