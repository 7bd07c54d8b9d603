//go:build !otheros

package imds

import "net/netip"

// ParseDiag reads the kernel's answer about the connection of client to server.
func ParseDiag(m []byte, client, server netip.AddrPort) (uint32, error) {
	uid, _, err := parseDiag(m, client, server)
	return uid, err
}

// LimitUnacknowledged is what each listener is given.
var LimitUnacknowledged = limitUnacknowledged
