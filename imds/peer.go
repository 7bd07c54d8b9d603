package imds

import (
	"errors"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
)

// peer is what is known about one connection. It does not change while the connection lives.
type peer struct {
	local, remote netip.AddrPort
	valid         bool   // both addresses are known
	port          string // the local port, as it appears in a Host header
	literal       string // the local address, as it appears in a Host header
	open          bool   // it came to an address that is not loopback: container paths only
	ecs           bool   // it came to ECSAddress, where Config.ECS needs no token
	inode         uint32 // of the socket at the other end, if hasUID
	uid           uint32 // whose socket is at the other end, if hasUID
	hasUID        bool
}

// Errors of [diag.owner].
var (
	errNoSocket  = errors.New("no such socket") // this machine has none
	errClosed    = errors.New("the client has closed it")
	errOtherUser = errors.New("it is another user's") // where that is all that is known
)

// connKey is where Serve keeps the connection, a *guardedConn, in its requests' context.
type connKey struct{}

// newPeer describes a connection between two addresses. Addresses that are not of TCP leave it invalid,
// and then the address guard refuses it.
func newPeer(s *servingState, local, remote net.Addr, openListener bool) *peer {
	p := &peer{}
	l, lok := addrPort(local)
	r, rok := addrPort(remote)
	if !lok || !rok {
		return p
	}
	p.valid = true
	p.local, p.remote = l, r
	p.port = strconv.Itoa(int(l.Port()))
	p.literal = l.Addr().String()
	if l.Addr().Is6() {
		p.literal = "[" + p.literal + "]"
	}
	p.ecs = s.cfg.ECS != "" && l.Addr() == ecsAddr
	p.open = openListener || !s.local(l.Addr())
	return p
}

func addrPort(a net.Addr) (netip.AddrPort, bool) {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), ap.IsValid()
}

// local reports whether a is loopback, or an alias that the configuration names.
func (s *servingState) local(a netip.Addr) bool {
	if a.IsLoopback() {
		return true
	}
	return slices.Contains(s.cfg.Aliases, a)
}

// user is the number of the user at the other end, noUser where it is not known or, as on Windows, there is none.
func (p *peer) user() int64 {
	if !p.hasUID || p.uid == math.MaxUint32 {
		return noUser
	}
	return int64(p.uid)
}

func (s *servingState) uidAllowed(uid uint32) bool {
	if s.ambiguousUID != nil && uid == *s.ambiguousUID {
		return false
	}
	if uid == s.euid {
		return true
	}
	return slices.Contains(s.cfg.AllowUIDs, uid)
}
