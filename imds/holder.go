package imds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
)

// How often a provider is asked. Providers are expected to have a cache and a back-off of their own.
const (
	tick       = 30 * time.Second       // timers stand still while the machine sleeps
	coldWait   = 800 * time.Millisecond // most SDKs give up after one second
	loginAgain = 750 * time.Millisecond // somebody has logged in: seen within a second
	deadMin    = 250 * time.Millisecond // nothing to answer: recover soon
	deadMax    = 2 * time.Second
	aliveMin   = 5 * time.Second // the old credentials still do
	aliveMax   = 60 * time.Second
	freshFail  = 5 * time.Second // a failure this young is the answer of all who ask
)

// failure is why there are no new credentials.
type failure struct {
	err   error
	login bool
	at    time.Time
}

// flight is one call of a provider, and whoever waits for it.
type flight struct{ done chan struct{} }

// holder keeps one profile's credentials.
type holder struct {
	p       Profile
	in      *Instance // set if the profile is the instance's role
	cfg     *Config
	cur     atomic.Pointer[snapshot]
	failed  atomic.Pointer[failure] // nil after a success
	changed chan struct{}           // capacity 1: a fetch ended, so the loop must reckon again

	first *flight // the fetch that Start waits for

	mu      sync.Mutex
	epoch   uint64          // how often forget was called; cur and failed are of this epoch
	base    context.Context // outlives every client
	running *flight
	again   bool // the running fetch may have begun too early to see a login
	retryAt time.Time
	tries   int // failures since the last success
}

// get is the answer to a client: credentials that are good now, or why there are none.
func (h *holder) get(ctx context.Context, now time.Time) (*snapshot, *failure) {
	if s := h.cur.Load(); s != nil {
		if left := s.left(now); left >= record.Floor {
			if left <= s.window && h.due(now) {
				h.ask(false)
			}
			return s, nil
		}
	}
	// A young verdict is everybody's, else a provider that hangs would make every client wait.
	if f := h.failed.Load(); f != nil && absent(now.Sub(f.at)) < freshFail {
		if h.due(now) {
			h.ask(false)
		}
		return nil, f
	}
	fl := h.ask(false)
	t := time.NewTimer(coldWait)
	defer t.Stop()
	select {
	case <-fl.done:
	case <-t.C:
	case <-ctx.Done():
	}
	if s := h.cur.Load(); s != nil && s.left(time.Now()) >= record.Floor {
		return s, nil
	}
	if f := h.failed.Load(); f != nil {
		return nil, f
	}
	return nil, &failure{err: context.DeadlineExceeded, at: now}
}

func absent(d time.Duration) time.Duration { return max(d, -d) }

// ready is get for those who do not wait: health checks.
func (h *holder) ready(now time.Time) (ok bool, f *failure) {
	s := h.cur.Load()
	return s != nil && s.left(now) >= record.Floor, h.failed.Load()
}

// due reports whether the provider may be asked (again) now, if there is a reason to.
func (h *holder) due(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait := h.retryAt.Sub(now.Round(0))
	// Never longer than the longest back-off, wherever the clock was set.
	return h.running == nil && (wait <= 0 || wait > 2*aliveMax)
}

// retryIn is when a client that was given nothing may find something: after the next fetch, or soon if one is
// running.
func (h *holder) retryIn(now time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return min(max(h.retryAt.Sub(now.Round(0)), deadMin), deadMax)
}

// ask starts a fetch unless one is running. It never waits. With anew, a running one is followed by
// another.
func (h *holder) ask(anew bool) *flight {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running != nil {
		h.again = h.again || anew
		return h.running
	}
	fl := &flight{done: make(chan struct{})}
	h.running = fl
	go h.fly(h.base, fl)
	return fl
}

// current is the fetch that is running, nil if none is.
func (h *holder) current() *flight {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running
}

func (h *holder) fly(ctx context.Context, fl *flight) {
	for {
		h.fetch(ctx)
		h.mu.Lock()
		if h.again && ctx.Err() == nil {
			h.again = false
			h.mu.Unlock()
			continue
		}
		h.running, h.again = nil, false
		h.mu.Unlock()
		close(fl.done)
		select {
		case h.changed <- struct{}{}:
		default:
		}
		return
	}
}

// forget drops the credentials, those that a running fetch brings too, and asks anew.
func (h *holder) forget() {
	h.mu.Lock()
	h.epoch++
	h.cur.Store(nil)
	h.mu.Unlock()
	h.ask(true)
}

// keep stores what a fetch gave that began in an epoch: a snapshot or a failure. It gives what was there
// before, or reports that all was forgotten since.
func (h *holder) keep(epoch uint64, s *snapshot, f *failure) (old *snapshot, before *failure, kept bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.epoch != epoch {
		return nil, nil, false
	}
	old, before = h.cur.Load(), h.failed.Load()
	if s != nil {
		if s.same(old) {
			// The life of a set is what it had at first, not what it has now.
			s.window = old.window
		}
		h.cur.Store(s)
	}
	h.failed.Store(f)
	return old, before, true
}

// same reports whether o is the same set of credentials.
func (s *snapshot) same(o *snapshot) bool {
	return o != nil && o.creds.AccessKeyID == s.creds.AccessKeyID && o.expires.Equal(s.expires)
}

// fetch asks the provider once and keeps what it gave; what it did not give replaces nothing. What was
// asked for before a logout says nothing about now: forget has another fetch follow.
func (h *holder) fetch(ctx context.Context) {
	h.mu.Lock()
	epoch := h.epoch
	h.mu.Unlock()
	start := time.Now()
	s, err := h.retrieve(ctx)
	now := time.Now()
	var f *failure
	if err != nil {
		s, f = nil, &failure{err: err, login: h.cfg.LoginRequired != nil && h.cfg.LoginRequired(err), at: now}
	}
	old, before, kept := h.keep(epoch, s, f)
	if !kept {
		return
	}
	ev := Event{Kind: EventFetch, Profile: h.p.Name, Duration: now.Sub(start), Err: err}
	if err == nil {
		ev.Expires = s.expires
		h.plan(now, func() time.Duration {
			h.tries = 0
			// The provider does not think it is time yet: ask again, not at every answer.
			return jitter(min(tick/2, max(time.Second, s.left(now)/4)))
		})
		if !s.same(old) {
			h.cfg.Logger.Info("credentials fetched", "profile", h.p.Name, "access_key_id", s.creds.AccessKeyID, "expires", s.expires.Format(expiryForm))
		}
	} else {
		ev.Login = f.login
		h.plan(now, func() time.Duration {
			h.tries++
			if f.login {
				return loginAgain
			}
			if left := lifeLeft(old, now); left >= record.Floor {
				return jitter(min(aliveMin<<min(h.tries-1, 8), aliveMax, max(deadMax, left/4)))
			}
			return jitter(min(deadMin<<min(h.tries-1, 8), deadMax))
		})
		if before == nil || before.err.Error() != err.Error() { // once, not every second
			h.cfg.Logger.Warn("no new credentials", "profile", h.p.Name, "login_required", f.login, "error", err.Error(),
				"valid_for", lifeLeft(old, now).Truncate(time.Second))
		}
	}
	if h.cfg.Observe != nil {
		h.cfg.Observe(ev)
	}
}

func (h *holder) plan(now time.Time, after func() time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.retryAt = now.Round(0).Add(after())
}

func lifeLeft(s *snapshot, now time.Time) time.Duration {
	if s == nil {
		return 0
	}
	return max(0, s.left(now))
}

// retrieve calls the provider. A provider that panics must not take the other profiles down.
func (h *holder) retrieve(ctx context.Context) (s *snapshot, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("imds: the credentials provider panicked (%T)", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, h.cfg.FetchTimeout)
	defer cancel()
	c, err := h.p.Provider.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(&h.p, h.in, c, time.Now())
}

// jitter is d, give or take a quarter.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// run refreshes behind the answers until ctx ends.
func (h *holder) run(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		fl := h.current()
		if fl == nil && h.wanted(now) && h.due(now) {
			fl = h.ask(false)
		}
		if fl != nil {
			select {
			case <-fl.done:
			case <-ctx.Done():
			}
			continue
		}
		t := time.NewTimer(h.pause(now))
		select {
		case <-t.C:
		case <-h.changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// wanted reports whether new credentials would be better than what is held.
func (h *holder) wanted(now time.Time) bool {
	s := h.cur.Load()
	return s == nil || s.left(now) <= s.window
}

// pause is how long nothing needs to be done, by a clock that does not stop; at most one tick.
func (h *holder) pause(now time.Time) time.Duration {
	d := time.Duration(0)
	if s := h.cur.Load(); s != nil {
		d = s.left(now) - s.window
	}
	h.mu.Lock()
	d = max(d, h.retryAt.Sub(now.Round(0)))
	h.mu.Unlock()
	return min(max(d, 10*time.Millisecond), tick)
}
