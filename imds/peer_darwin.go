package imds

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// diag asks macOS about sockets: who made each is in the list that netstat shows, for every user to read. It is asked
// for by sysctl(3), which needs no cgo, as proc_pidfdinfo(3) would, and has the sockets of other users too.
type diag struct{}

func newDiag() (*diag, error) {
	if _, err := unix.SysctlRaw(pcbListName); err != nil {
		return nil, fmt.Errorf("cannot ask whose connections these are (sysctl %s; or switch the peer check off): %w", pcbListName, err)
	}
	return &diag{}, nil
}

const pcbListName = "net.inet.tcp.pcblist_n" // IPv6 is in it, too

func (*diag) close() {}

// owner is the user who made the socket that is bound to client and connected to server. It gives errNoSocket if this
// machine has none, and another error when the answer is not beyond doubt.
func (*diag) owner(client, server netip.AddrPort) (uid, inode uint32, err error) {
	list, err := unix.SysctlRaw(pcbListName)
	for range 8 { // it may have grown between the two calls that read it
		if err != unix.ENOMEM {
			break
		}
		list, err = unix.SysctlRaw(pcbListName)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("sysctl %s: %w", pcbListName, err)
	}
	uid, err = parsePCBList(list, client, server)
	return uid, 0, err
}

func sandboxed(uint32, uint32) string { return "the process cannot be looked into" }

func overflowUID() *uint32 { return nil }
