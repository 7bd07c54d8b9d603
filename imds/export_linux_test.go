package imds

import "net"

// Owner asks the kernel once whose socket is at client, connected to server.
func Owner(client, server net.Addr) (uint32, error) {
	d, err := newDiag()
	if err != nil {
		return 0, err
	}
	defer d.close()
	c, _ := addrPort(client)
	s, _ := addrPort(server)
	return d.owner(c, s)
}

// ParseDiag reads the kernel's answer about the connection of client to server.
var ParseDiag = parseDiag
