package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// listener is what is known of a socket that listens on this machine.
type listener struct {
	uid     uint32
	pid     int    // 0 where it is hidden, as other users' are
	program string // "" where it is hidden
}

// String is for a message: "uid 1001 (pid 4242, python3)".
func (l listener) String() string {
	s := fmt.Sprintf("uid %d", l.uid)
	if l.pid != 0 {
		s += fmt.Sprintf(" (pid %d, %s)", l.pid, display.Safe(l.program))
	}
	return s
}

// ours reports whether the socket is this user's, or one that root passes on, as a service manager
// does. Root can read everything anyway.
func (l listener) ours() bool { return int(l.uid) == os.Geteuid() || l.uid == 0 }

// stale reports whether nothing answers at an address of an env-file that could be a server of this
// user: it names a port that is free, or another user's.
func stale(address string) bool {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return false
	}
	if found, known := listeningOn(a); known {
		return found == nil || !found.ours()
	}
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		_ = c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// addressesOf are the addresses of servers in an env-file of any form.
func addressesOf(data []byte) (all []string) {
	parts := strings.Split(string(data), "http://")
	for _, rest := range parts[1:] {
		if end := strings.IndexAny(rest, "/\"\n"); end >= 0 {
			rest = rest[:end]
		}
		all = append(all, rest)
	}
	return all
}
