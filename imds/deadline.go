package imds

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// The time-outs of connections. net/http has its own, but it sets and resets timers of the runtime several
// times for each request, which costs a tenth of all requests a second here. This clock ticks four times a
// second, and a request costs it a few atomic operations. Time-outs are up to one tick late.
const (
	tickEvery     = 250 * time.Millisecond
	headerTimeout = 2 * time.Second // for all headers, from the connection or the request's first byte on
	answerTimeout = 10 * time.Second
	idleTimeout   = 60 * time.Second
)

// phase is what a connection is doing.
type phase = int32

const (
	phaseNew phase = iota // no request yet
	phaseReading
	phaseAnswering
	phaseIdle // between requests
)

// clock closes connections that stay in one phase for too long.
type clock struct {
	now   atomic.Int64 // in ticks
	mu    sync.Mutex
	conns map[*gated]struct{}
}

func ticks(d time.Duration) int64 { return int64(d/tickEvery) + 1 }

func (k *clock) add(c *gated) {
	c.clock = k
	c.enter(phaseNew, headerTimeout)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.conns == nil {
		k.conns = make(map[*gated]struct{})
	}
	k.conns[c] = struct{}{}
}

func (k *clock) remove(c *gated) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.conns, c)
}

// run ticks until ctx ends.
func (k *clock) run(ctx context.Context) {
	t := time.NewTicker(tickEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		now := k.now.Add(1)
		var late []*gated
		k.mu.Lock()
		for c := range k.conns {
			if c.until.Load() < now {
				late = append(late, c)
			}
		}
		k.mu.Unlock()
		for _, c := range late {
			_ = c.Close()
		}
	}
}

func (c *gated) enter(p phase, limit time.Duration) {
	c.phase.Store(p)
	c.until.Store(c.clock.now.Load() + ticks(limit))
}

// Read notices the first byte of the next request: from there on the headers have their time, and further
// bytes do not lengthen it. What came together with the request before is not noticed until more comes, and
// has the time of an idle connection, which the client could have taken anyway.
func (c *gated) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 && c.phase.CompareAndSwap(phaseIdle, phaseReading) {
		c.until.Store(c.clock.now.Load() + ticks(headerTimeout))
	}
	return n, err
}

// connState is net/http's report: active when the headers have been read, idle when the answer is written.
func connState(nc net.Conn, state http.ConnState) {
	c, ok := nc.(*gated)
	switch {
	case !ok:
	case state == http.StateActive:
		c.enter(phaseAnswering, answerTimeout)
	case state == http.StateIdle:
		c.enter(phaseIdle, idleTimeout)
	}
}
