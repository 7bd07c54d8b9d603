//go:build !otheros

package imds

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Sizes and offsets of struct inet_diag_req_v2 and struct inet_diag_msg, linux/inet_diag.h. Ports and
// addresses are in network order, everything else in the machine's.
const (
	diagReqLen   = 56
	diagMsgLen   = 72
	diagIDOffset = 8 // in the request: family, protocol, ext, pad, states
	msgIDOffset  = 4 // in the answer: family, state, timer, retrans
	msgUID       = 64
	msgInode     = 68
	tcpListen    = 10
)

// diag asks the kernel about sockets (sock_diag(7)). It needs no privilege. It is not safe for use by
// several goroutines.
type diag struct {
	fd  int
	seq uint32
}

// newDiag fails where netlink sockets are forbidden, as by systemd's RestrictAddressFamilies.
func newDiag() (*diag, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, fmt.Errorf("cannot open a netlink socket to ask whose connections these are (allow AF_NETLINK, or switch the peer check off): %w", err)
	}
	// The kernel answers within the call that sends. Should it ever not, refuse rather than hang.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("cannot limit the wait for netlink: %w", err)
	}
	return &diag{fd: fd}, nil
}

func (d *diag) close() { _ = unix.Close(d.fd) }

// owner is the user who made the socket that is bound to client and connected to server. It gives
// errNoSocket if this machine has none, and another error when the answer is not beyond doubt.
//
// After the client has closed its socket the kernel still knows the connection, and reports user 0 and
// inode 0 for it. That is no user, and not root.
func (d *diag) owner(client, server netip.AddrPort) (uid, inode uint32, err error) {
	if d == nil {
		return 0, 0, errors.New("the kernel cannot be asked")
	}
	family := byte(unix.AF_INET6)
	if client.Addr().Is4() {
		family = unix.AF_INET
	}
	d.seq++
	var req [unix.NLMSG_HDRLEN + diagReqLen]byte
	native := binary.NativeEndian
	native.PutUint32(req[0:], uint32(len(req)))
	native.PutUint16(req[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(req[6:], unix.NLM_F_REQUEST) // no NLM_F_DUMP: this one socket, found by hash
	native.PutUint32(req[8:], d.seq)
	r := req[unix.NLMSG_HDRLEN:]
	r[0], r[1] = family, unix.IPPROTO_TCP
	native.PutUint32(r[4:], ^uint32(0)) // any state
	id := r[diagIDOffset:]
	binary.BigEndian.PutUint16(id[0:], client.Port())
	binary.BigEndian.PutUint16(id[2:], server.Port())
	copy(id[4:20], client.Addr().AsSlice())
	copy(id[20:36], server.Addr().AsSlice())
	native.PutUint64(id[40:], ^uint64(0)) // no cookie

	if err := retry(func() error {
		return syscall.Sendto(d.fd, req[:], 0, &syscall.SockaddrNetlink{Family: unix.AF_NETLINK})
	}); err != nil {
		return 0, 0, fmt.Errorf("sock_diag: %w", err)
	}
	// Answers to earlier questions that timed out may still lie there: read past a few.
	var buf [1024]byte
	for range 8 {
		var n int
		// Package net has linked syscall's kinds of address; unix's twenty would slow every start
		// of the program a little.
		var from syscall.Sockaddr
		err := retry(func() (err error) {
			n, from, err = syscall.Recvfrom(d.fd, buf[:], 0)
			return err
		})
		if err != nil {
			return 0, 0, fmt.Errorf("sock_diag: %w", err)
		}
		if nl, ok := from.(*syscall.SockaddrNetlink); !ok || nl.Pid != 0 || n < unix.NLMSG_HDRLEN || native.Uint32(buf[8:]) != d.seq {
			continue
		}
		return parseDiag(buf[:n], client, server)
	}
	return 0, 0, errors.New("sock_diag: no answer")
}

// parseDiag reads one netlink message and believes it only if it repeats the question's addresses: the
// kernel falls back to a listening socket when there is no connected one.
func parseDiag(m []byte, client, server netip.AddrPort) (uid, inode uint32, err error) {
	native := binary.NativeEndian
	if len(m) < unix.NLMSG_HDRLEN || native.Uint32(m) > uint32(len(m)) {
		return 0, 0, errors.New("sock_diag: short answer")
	}
	kind, m := native.Uint16(m[4:]), m[unix.NLMSG_HDRLEN:]
	if kind == unix.NLMSG_ERROR && len(m) >= 4 {
		errno := unix.Errno(-int32(native.Uint32(m)))
		if errno == unix.ENOENT {
			return 0, 0, errNoSocket
		}
		return 0, 0, fmt.Errorf("sock_diag: %w", errno)
	}
	if kind != unix.SOCK_DIAG_BY_FAMILY || len(m) < diagMsgLen {
		return 0, 0, errors.New("sock_diag: unexpected answer")
	}
	id := m[msgIDOffset:]
	src, dst := diagAddr(m[0], id[4:20]), diagAddr(m[0], id[20:36])
	if netip.AddrPortFrom(src, binary.BigEndian.Uint16(id[0:])) != client ||
		netip.AddrPortFrom(dst, binary.BigEndian.Uint16(id[2:])) != server || m[1] == tcpListen {
		return 0, 0, errors.New("sock_diag: the answer is about another socket")
	}
	if inode = native.Uint32(m[msgInode:]); inode == 0 {
		return 0, 0, errClosed
	}
	return native.Uint32(m[msgUID:]), inode, nil
}

func diagAddr(family byte, b []byte) netip.Addr {
	if family == unix.AF_INET {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16([16]byte(b[:16])).Unmap()
}

func retry(f func() error) error {
	for {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
}

// overflowUID is the user id that the kernel shows for all users it cannot name here, which is so
// inside a user namespace; such an id may be any user's and is never let in. It is nil
// where every user has a name.
func overflowUID() *uint32 {
	m, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(m)); err == nil && len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295" {
		return nil
	}
	uid := uint32(65534)
	if b, err := os.ReadFile("/proc/sys/kernel/overflowuid"); err == nil {
		if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32); err == nil {
			uid = uint32(n)
		}
	}
	return &uid
}
