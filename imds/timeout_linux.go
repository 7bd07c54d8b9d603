//go:build !otheros

package imds

import (
	"net"
	"syscall"
	"time"
)

// limitUnacknowledged has the kernel end each connection of the listener on which what was sent is not taken for so
// long, TCP_USER_TIMEOUT of tcp(7), which connections have from their listener. It reports false where that cannot be
// had: an MPTCP listener's cannot.
func limitUnacknowledged(ln net.Listener, d time.Duration) bool {
	const tcpUserTimeout = 0x12
	c, ok := ln.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var set error
	err = raw.Control(func(fd uintptr) {
		set = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
	})
	return err == nil && set == nil
}
