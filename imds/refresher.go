package imds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// How often a provider is asked. Providers are expected to have a cache and a back-off of their own.
const (
	tick          = 30 * time.Second       // timers stop while the machine sleeps
	coldWait      = 800 * time.Millisecond // most SDKs give up after one second
	retryLogin    = 750 * time.Millisecond // a login is seen within a second
	retryMin      = 250 * time.Millisecond // nothing to answer: recover soon
	retryMax      = 2 * time.Second
	retryValidMin = 5 * time.Second // the old credentials still do
	retryValidMax = 60 * time.Second
	failureShared = 5 * time.Second // a failure this young answers every request
	demandLasts   = time.Hour       // an OnDemand profile is refreshed that long after a client asked
)

// failure is why there are no new credentials.
type failure struct {
	err   error
	login bool
	at    time.Time
}

// flight is one call of a provider that any number of requests wait for.
type flight struct{ done chan struct{} }

// refresher keeps one profile's credentials.
type refresher struct {
	p       Profile
	in      *Instance // set if the profile is the instance's role
	cfg     *Config
	cur     atomic.Pointer[snapshot]
	failed  atomic.Pointer[failure] // nil after a success
	changed chan struct{}           // capacity 1: a fetch ended, so the loop must reckon again

	first *flight      // the fetch that Start waits for
	asked atomic.Int64 // when a client asked last, in nanoseconds of the wall clock; 0 for never

	mu      sync.Mutex
	epoch   uint64          // how often forget was called; cur and failed are of this epoch
	base    context.Context // outlives every client
	running *flight
	again   bool // the running fetch may have begun too early to see a login
	retryAt time.Time
	tries   int // failures since the last success
}

// get is the answer to a client: credentials that are good now, or why there are none.
func (rf *refresher) get(ctx context.Context, now time.Time) (*snapshot, *failure) {
	if rf.p.OnDemand {
		rf.asked.Store(now.UnixNano())
	}
	s := rf.cur.Load()
	if left, ok := s.serves(now); ok {
		if left <= s.window && rf.mayFetch(now) {
			rf.startFetch(false)
		}
		return s, nil
	}
	// A young verdict is everybody's, else a provider that hangs would make every client wait.
	if f := rf.failed.Load(); f != nil && abs(now.Sub(f.at)) < failureShared {
		if rf.mayFetch(now) {
			rf.startFetch(false)
		}
		return nil, f
	}
	fl := rf.startFetch(false)
	t := time.NewTimer(coldWait)
	defer t.Stop()
	select {
	case <-fl.done:
	case <-t.C:
	case <-ctx.Done():
	}
	s = rf.cur.Load()
	if _, ok := s.serves(time.Now()); ok {
		return s, nil
	}
	if f := rf.failed.Load(); f != nil {
		return nil, f
	}
	return nil, &failure{err: context.DeadlineExceeded, at: now}
}

func abs(d time.Duration) time.Duration { return max(d, -d) }

// ready is get for those who do not wait: health checks.
func (rf *refresher) ready(now time.Time) (ok bool, f *failure) {
	s := rf.cur.Load()
	_, ok = s.serves(now)
	return ok, rf.failed.Load()
}

// mayFetch reports whether the provider may be asked (again) now, if there is a reason to.
func (rf *refresher) mayFetch(now time.Time) bool {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	wait := rf.retryAt.Sub(now.Round(0))
	// Never longer than the longest back-off, wherever the clock was set.
	return rf.running == nil && (wait <= 0 || wait > 2*retryValidMax)
}

// retryIn is when a client that was given nothing may find something: after the next fetch, or soon if one is
// running.
func (rf *refresher) retryIn(now time.Time) time.Duration {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	return min(max(rf.retryAt.Sub(now.Round(0)), retryMin), retryMax)
}

// startFetch starts a fetch unless one is running. It never waits. With anew, a running one is followed by
// another.
func (rf *refresher) startFetch(anew bool) *flight {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.running != nil {
		rf.again = rf.again || anew
		return rf.running
	}
	fl := &flight{done: make(chan struct{})}
	rf.running = fl
	go rf.fetchLoop(rf.base, fl)
	return fl
}

// current is the fetch that is running, nil if none is.
func (rf *refresher) current() *flight {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	return rf.running
}

func (rf *refresher) fetchLoop(ctx context.Context, fl *flight) {
	for {
		rf.fetch(ctx)
		rf.mu.Lock()
		if rf.again && ctx.Err() == nil {
			rf.again = false
			rf.mu.Unlock()
			continue
		}
		rf.running, rf.again = nil, false
		rf.mu.Unlock()
		close(fl.done)
		select {
		case rf.changed <- struct{}{}:
		default:
		}
		return
	}
}

// forget drops the credentials, those that a running fetch brings too, and asks anew.
func (rf *refresher) forget() {
	rf.mu.Lock()
	rf.epoch++
	rf.cur.Store(nil)
	rf.mu.Unlock()
	rf.startFetch(true)
}

// store keeps what a fetch gave that began in an epoch: a snapshot or a failure. It gives what was there
// before, or reports that all was forgotten since.
func (rf *refresher) store(epoch uint64, s *snapshot, f *failure) (old *snapshot, before *failure, kept bool) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	if rf.epoch != epoch {
		return nil, nil, false
	}
	old, before = rf.cur.Load(), rf.failed.Load()
	if s != nil {
		if s.same(old) {
			// The life of a set is what it had at first, not what it has now.
			s.window = old.window
		}
		rf.cur.Store(s)
	}
	rf.failed.Store(f)
	return old, before, true
}

// same reports whether o is the same set of credentials.
func (s *snapshot) same(o *snapshot) bool {
	return o != nil && o.creds.AccessKeyID == s.creds.AccessKeyID && o.expires.Equal(s.expires)
}

// fetch asks the provider once and keeps what it gave; what it did not give replaces nothing. What was
// asked for before a logout says nothing about now: forget has another fetch follow.
func (rf *refresher) fetch(ctx context.Context) {
	rf.mu.Lock()
	epoch := rf.epoch
	rf.mu.Unlock()
	start := time.Now()
	s, err := rf.retrieve(ctx)
	now := time.Now()
	var f *failure
	if err != nil {
		s, f = nil, &failure{err: err, login: rf.cfg.LoginRequired != nil && rf.cfg.LoginRequired(err), at: now}
	}
	old, before, kept := rf.store(epoch, s, f)
	if !kept {
		return
	}
	ev := Event{Kind: EventFetch, Profile: rf.p.Name, Duration: now.Sub(start), Err: err}
	if err == nil {
		ev.Expires = s.expires
		rf.scheduleRetry(now, func() time.Duration {
			rf.tries = 0
			// The provider does not think it is time yet: ask again, not at every answer.
			return jitter(min(tick/2, max(time.Second, s.left(now)/4)))
		})
		if !s.same(old) {
			rf.cfg.Logger.Info("credentials fetched", "profile", rf.p.Name, "access_key_id", s.creds.AccessKeyID, "expires", s.expires.Format(expiryForm))
		}
	} else {
		ev.Login = f.login
		rf.scheduleRetry(now, func() time.Duration {
			rf.tries++
			if f.login {
				return retryLogin
			}
			if left, ok := old.serves(now); ok {
				return jitter(min(retryValidMin<<min(rf.tries-1, 8), retryValidMax, max(retryMax, left/4)))
			}
			return jitter(min(retryMin<<min(rf.tries-1, 8), retryMax))
		})
		if before == nil || before.err.Error() != err.Error() { // once, not every second
			rf.cfg.Logger.Warn("no new credentials", "profile", rf.p.Name, "login_required", f.login, "error", err.Error(),
				"valid_for", lifeLeft(old, now).Truncate(time.Second))
		}
	}
	if rf.cfg.Observe != nil {
		rf.cfg.Observe(ev)
	}
}

func (rf *refresher) scheduleRetry(now time.Time, after func() time.Duration) {
	rf.mu.Lock()
	defer rf.mu.Unlock()
	rf.retryAt = now.Round(0).Add(after())
}

func lifeLeft(s *snapshot, now time.Time) time.Duration {
	if s == nil {
		return 0
	}
	return max(0, s.left(now))
}

// retrieve calls the provider. A provider that panics must not take the other profiles down.
func (rf *refresher) retrieve(ctx context.Context) (s *snapshot, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("the credentials provider panicked (%T)", p)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, rf.cfg.FetchTimeout)
	defer cancel()
	c, err := rf.p.Provider.Retrieve(ctx)
	if err != nil {
		return nil, err
	}
	return newSnapshot(&rf.p, rf.in, c, time.Now())
}

// jitter is d, give or take a quarter.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// run refreshes behind the answers until ctx ends.
func (rf *refresher) run(ctx context.Context) {
	for ctx.Err() == nil {
		now := time.Now()
		fl := rf.current()
		if fl == nil && rf.wantsFetch(now) && rf.mayFetch(now) {
			fl = rf.startFetch(false)
		}
		if fl != nil {
			select {
			case <-fl.done:
			case <-ctx.Done():
			}
			continue
		}
		t := time.NewTimer(rf.untilNext(now))
		select {
		case <-t.C:
		case <-rf.changed:
		case <-ctx.Done():
		}
		t.Stop()
	}
}

// wantsFetch reports whether new credentials would be better than what is held.
func (rf *refresher) wantsFetch(now time.Time) bool {
	s := rf.cur.Load()
	return rf.wanted(now) && (s == nil || s.left(now) <= s.window)
}

// wanted reports whether there is a client to have credentials ready for.
func (rf *refresher) wanted(now time.Time) bool {
	return !rf.p.OnDemand || abs(now.Sub(time.Unix(0, rf.asked.Load()))) < demandLasts
}

// untilNext is how long nothing needs to be done, by a clock that does not stop; at most one tick.
func (rf *refresher) untilNext(now time.Time) time.Duration {
	d := time.Duration(0)
	if !rf.wanted(now) {
		return tick
	}
	if s := rf.cur.Load(); s != nil {
		d = s.left(now) - s.window
	}
	rf.mu.Lock()
	d = max(d, rf.retryAt.Sub(now.Round(0)))
	rf.mu.Unlock()
	return min(max(d, 10*time.Millisecond), tick)
}
