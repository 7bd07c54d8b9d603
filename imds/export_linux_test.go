package imds

import (
	"net"
	"net/netip"
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

// ParseDiag reads the kernel's answer about the connection of client to server.
func ParseDiag(m []byte, client, server netip.AddrPort) (uint32, error) {
	uid, _, err := parseDiag(m, client, server)
	return uid, err
}

// LimitUnacknowledged is what each listener is given.
var LimitUnacknowledged = limitUnacknowledged
