package imds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrNotLoopback is in the chain of errors about an address that others than this machine can
// reach, where [Config.AllowNonLoopback] does not permit it.
var ErrNotLoopback = errors.New("it is not a loopback address, and others could reach it")

// Listen listens on addr, an IP address and a port; "localhost" means 127.0.0.1, and port 0 for any
// free one. Addresses that are neither loopback nor one of [Config.Aliases] need
// [Config.AllowNonLoopback].
func (s *Server) Listen(ctx context.Context, addr string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: want an address and a port, such as 127.0.0.1:9911", addr)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	st := s.state.Load()
	ip, err := netip.ParseAddr(host)
	if err != nil && !(host == "" && st.cfg.AllowNonLoopback) {
		return nil, fmt.Errorf("cannot listen on %q: want an IP address, such as 127.0.0.1 or [::1], before the port", addr)
	}
	if !st.cfg.AllowNonLoopback && !st.local(ip.Unmap()) && !st.podAddress(ip.Unmap()) {
		return nil, fmt.Errorf("will not listen on %q: %w", addr, ErrNotLoopback)
	}
	var lc net.ListenConfig
	// Go makes MPTCP sockets by default, on which less can be asked and set.
	lc.SetMultipathTCP(false)
	ln, err := lc.Listen(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w", addr, err)
	}
	return ln, nil
}

// checkers is how many connections are looked at at a time. The kernel answers in microseconds; more
// than one keeps the rest going if it once does not.
const checkers = 4

// guardedListener is a listener that lets through only connections that the guards let pass, and closes the others
// before a byte of them is read.
type guardedListener struct {
	net.Listener
	s    *Server
	open bool // it listens on more than loopback
	// limited says that the kernel ends its connections when their client takes no answer.
	limited bool
	raw     chan net.Conn     // accepted
	in      chan *guardedConn // let through
	done    chan struct{}     // closed at the end
	once    sync.Once
	ended   atomic.Pointer[error]
}

// guardedConn is a connection that was let through.
type guardedConn struct {
	net.Conn
	peer  *peer
	conns *connTable
	user  int64
	reads int          // of the request that is being read; a new connection has had one
	idle  atomic.Int64 // since when no request has been in progress, in nanoseconds; 0 while one is
}

// Read gives the headers of a request headerTimeout. Those that come in one piece, as nearly all do, need no timer for
// it: the first read waits between requests. By a single byte net/http looks whether the client has gone.
func (c *guardedConn) Read(p []byte) (int, error) {
	if len(p) > 1 {
		if c.reads++; c.reads == 2 {
			_ = c.SetReadDeadline(time.Now().Add(headerTimeout))
		}
	}
	return c.Conn.Read(p)
}

func (c *guardedConn) Close() error {
	c.conns.remove(c)
	return c.Conn.Close()
}

// CloseWrite is what net/http uses to let a client read the last answer before the connection is reset.
func (c *guardedConn) CloseWrite() error {
	if w, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return nil
}

// Guard gives a listener that closes, before a byte is read, every connection that [Server.Serve] would close: for
// what belongs to the server's user as its credentials do, such as metrics. Close it to end it and ln. It fails
// if the peer check is wanted and the kernel cannot be asked at all, for better no server than one that refuses
// every caller.
func (s *Server) Guard(ln net.Listener) (net.Listener, error) { return s.guard(ln) }

func (s *Server) guard(ln net.Listener) (*guardedListener, error) {
	st := s.state.Load()
	if ap, ok := addrPort(ln.Addr()); !ok {
		return nil, fmt.Errorf("cannot serve on %s: it is not a TCP address", ln.Addr())
	} else if !st.local(ap.Addr()) && !st.cfg.AllowNonLoopback && !st.podAddress(ap.Addr()) {
		return nil, fmt.Errorf("will not serve on %s: %w", ln.Addr(), ErrNotLoopback)
	}
	ap, _ := addrPort(ln.Addr())
	g := &guardedListener{
		Listener: ln, s: s, open: !st.local(ap.Addr()),
		raw: make(chan net.Conn), in: make(chan *guardedConn), done: make(chan struct{}),
	}
	var ds []*diag
	for range checkers {
		d, err := newDiag()
		if err != nil && st.cfg.checksPeers() {
			for _, d := range ds {
				d.close()
			}
			return nil, err
		}
		if err == nil {
			ds = append(ds, d)
		}
	}
	g.limited = limitUnacknowledged(ln, answerTimeout)
	go g.accept()
	for i := range checkers {
		var d *diag
		if i < len(ds) {
			d = ds[i]
		}
		go g.check(d)
	}
	return g, nil
}

// accept takes connections from the kernel, and goes on when there are none for a while because
// descriptors have run out.
func (g *guardedListener) accept() {
	defer close(g.raw)
	wait := 5 * time.Millisecond
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			var ne net.Error
			//lint:ignore SA1019 net/http asks the same; there is no other word for a lack of descriptors
			if errors.As(err, &ne) && ne.Temporary() {
				select {
				case <-time.After(wait):
					wait = min(2*wait, time.Second)
					continue
				case <-g.done:
				}
			}
			g.end(err)
			return
		}
		wait = 5 * time.Millisecond
		select {
		case g.raw <- c:
		case <-g.done:
			reset(c)
			return
		}
	}
}

func (g *guardedListener) end(err error) {
	g.once.Do(func() {
		g.ended.Store(&err)
		close(g.done)
	})
}

// check looks at connections with a question channel of its own.
func (g *guardedListener) check(d *diag) {
	if d != nil {
		defer d.close()
	}
	for c := range g.raw {
		if in := g.s.admit(c, g.open, d); in != nil {
			select {
			case g.in <- in:
			case <-g.done:
				in.Close()
			}
		}
	}
}

// Accept gives the next connection that was let through.
func (g *guardedListener) Accept() (net.Conn, error) {
	select {
	case c := <-g.in:
		return c, nil
	case <-g.done:
		return nil, *g.ended.Load()
	}
}

// Close ends it and its listener.
func (g *guardedListener) Close() error {
	g.end(net.ErrClosed)
	return g.Listener.Close()
}

// admit asks the guards about a new connection. A connection that is refused is reset, which costs the
// refused side's port no waiting time on ours, and nothing is sent.
func (s *Server) admit(c net.Conn, open bool, d *diag) *guardedConn {
	st := s.state.Load()
	p := newPeer(st, c.LocalAddr(), c.RemoteAddr(), open)
	guard, why := s.connGuards(st, p, d)
	in := &guardedConn{Conn: c, peer: p, conns: &s.conns, user: st.connUser(p), reads: 1}
	if guard == "" && !s.conns.add(in, st.cfg.MaxConnsPerUID) {
		guard, why = "limit", "the user has too many connections, and all are in use"
	}
	if guard == "" {
		return in
	}
	reset(c)
	if st.cfg.Observe != nil {
		st.cfg.Observe(Event{Kind: EventConn, Guard: guard})
	}
	if n, ok := s.limiter.allow(guard, time.Now()); ok {
		st.cfg.Logger.LogAttrs(context.Background(), slog.LevelWarn, "connection refused", slog.String("guard", guard),
			slog.String("reason", why), slog.String("remote", c.RemoteAddr().String()), slog.Int("like_it_since_last", n))
	}
	return nil
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// noUser is the user of all connections where users are not told apart, or have no numbers.
const noUser int64 = -1

// connTable holds the connections that were let through, by user.
type connTable struct {
	mu     sync.Mutex
	byUser map[int64]map[*guardedConn]struct{}
}

// add takes c in. At the user's limit the longest idle connection is closed to make room; without an idle one
// add reports false.
func (t *connTable) add(c *guardedConn, limit int) bool {
	c.idle.Store(time.Now().UnixNano())
	t.mu.Lock()
	defer t.mu.Unlock()
	conns := t.byUser[c.user]
	if len(conns) >= limit {
		longest, since := (*guardedConn)(nil), int64(math.MaxInt64)
		for x := range conns {
			if at := x.idle.Load(); at != 0 && at < since {
				longest, since = x, at
			}
		}
		if longest == nil {
			return false
		}
		delete(conns, longest)
		_ = longest.Conn.Close() // net/http sees it, and calls the other Close
	}
	if conns == nil {
		conns = make(map[*guardedConn]struct{})
		if t.byUser == nil {
			t.byUser = make(map[int64]map[*guardedConn]struct{})
		}
		t.byUser[c.user] = conns
	}
	conns[c] = struct{}{}
	return true
}

func (t *connTable) remove(c *guardedConn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byUser[c.user], c)
	if len(t.byUser[c.user]) == 0 {
		delete(t.byUser, c.user)
	}
}

// logLimiter lets through one log line a second for each reason, and counts the others: a flood of refused
// connections must not become a flood of the log.
type logLimiter struct {
	mu   sync.Mutex
	last map[string]time.Time
	held map[string]int
}

func (q *logLimiter) allow(reason string, now time.Time) (held int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.last == nil {
		q.last, q.held = make(map[string]time.Time), make(map[string]int)
	}
	if t, seen := q.last[reason]; seen && now.Sub(t) < time.Second {
		q.held[reason]++
		return 0, false
	}
	held = q.held[reason]
	q.last[reason] = now
	q.held[reason] = 0
	return held, true
}
