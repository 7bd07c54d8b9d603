package imds

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"slices"
)

// ServeHTTP answers a request without a network, as from the owner's own loopback, unless the server asks the
// kernel about users.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p := newPeer(s.state.Load(), &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9911}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000}, false)
	s.handle(w, r.WithContext(context.WithValue(r.Context(), connKey{}, &guardedConn{peer: p})))
}

// GuardNames are the guards that can be left out.
func GuardNames() []string {
	var names []string
	for _, g := range allGuards() {
		names = append(names, g.name)
	}
	return names
}

// Without makes a server that lacks a guard, to see what the guard is for.
func Without(c Config, name string) (*Server, error) {
	s, err := New(c)
	if err == nil {
		n := len(s.guards)
		s.guards = slices.DeleteFunc(s.guards, func(g guard) bool { return g.name == name })
		if len(s.guards) != n-1 {
			panic("no guard " + name)
		}
	}
	return s, err
}

// Idle is how many connections have no request in progress.
func (s *Server) Idle() int { return s.count(true) }

// Busy is how many have one.
func (s *Server) Busy() int { return s.count(false) }

func (s *Server) count(idle bool) (n int) {
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	for _, conns := range s.conns.byUser {
		for c := range conns {
			if (c.idle.Load() != 0) == idle {
				n++
			}
		}
	}
	return n
}

// SetEUID makes the server believe that it runs as another user, which makes the tests' own connections
// those of a stranger.
func (s *Server) SetEUID(uid uint32) { s.state.Load().euid = uid }

// HostAllowed, Squeeze and ParseTTL are what fuzzing is for.
var (
	HostAllowed  = hostAllowed
	Squeeze      = squeeze
	ParseTTL     = parseTTL
	DefaultHosts = defaultHosts[:]
)

// Owner asks the kernel once whose socket is at client, connected to server.
func Owner(client, server net.Addr) (uint32, error) {
	d, err := newDiag()
	if err != nil {
		return 0, err
	}
	defer d.close()
	c, _ := addrPort(client)
	s, _ := addrPort(server)
	uid, _, err := d.owner(c, s)
	return uid, err
}

// SetECSAddress has all servers take an address for ECSAddress that needs no set-up.
func SetECSAddress(a netip.Addr) { ecsAddr = a }

// PeerCheckSupported says whether this build asks whose connections come.
const PeerCheckSupported = peerCheckSupported
