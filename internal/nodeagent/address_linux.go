package nodeagent

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// device is the network device that has the agent's addresses: one of its own, as EKS's agent has, so that it is no other
// program's to change, and goes with a command: ip link delete sts-helper.
const device = "sts-helper"

// deviceKind is the kernel's word for a device that only has addresses. Tests take another.
var deviceKind = "dummy"

// AddAddresses gives this node the addresses, on a dummy device that is made where it is missing, or on the loopback
// device where the kernel has no dummies, and gives the device's name. Addresses that are there already stay. It needs
// CAP_NET_ADMIN.
func AddAddresses(addrs []netip.Addr) (on string, err error) {
	on = device
	err = route(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, newLink())
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		on = "lo"
	case err != nil && !errors.Is(err, unix.EEXIST):
		return on, fmt.Errorf("the network device %s cannot be made: %w", on, err)
	}
	return on, addTo(on, addrs)
}

func addTo(name string, addrs []netip.Addr) error {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return fmt.Errorf("the network device %s cannot be found: %w", name, err)
	}
	for _, a := range addrs {
		err := route(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, newAddress(device.Index, a))
		if a.Is6() && errors.Is(err, unix.EACCES) { // which a lack of powers is not: that is EPERM
			return fmt.Errorf("the address %s cannot be added to the network device %s: IPv6 is switched off there (sysctl net.ipv6.conf.%s.disable_ipv6)", a, name, name)
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("the address %s cannot be added to the network device %s: %w", a, name, err)
		}
	}
	if err := route(unix.RTM_NEWLINK, 0, linkUp(device.Index)); err != nil {
		return fmt.Errorf("the network device %s cannot be set up: %w", name, err)
	}
	return nil
}

// newLink asks for a dummy device (rtnetlink(7)): IFLA_LINKINFO with the kind.
func newLink() []byte {
	b := link(0, 0)
	b = attribute(b, unix.IFLA_IFNAME, append([]byte(device), 0))
	return attribute(b, unix.IFLA_LINKINFO, attribute(nil, unix.IFLA_INFO_KIND, []byte(deviceKind)))
}

func linkUp(index int) []byte { return link(index, unix.IFF_UP) }

// link is a struct ifinfomsg that changes flags.
func link(index int, flags uint32) []byte {
	b := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	binary.NativeEndian.PutUint32(b[8:], flags)
	binary.NativeEndian.PutUint32(b[12:], flags) // the flags that change
	return b
}

// newAddress is a struct ifaddrmsg with one address of this node alone. An address of IPv6 is not looked for at neighbours first, as
// which it could not be used for a second.
func newAddress(index int, a netip.Addr) []byte {
	family, flags := byte(unix.AF_INET), byte(0)
	if a.Is6() {
		family, flags = unix.AF_INET6, unix.IFA_F_NODAD
	}
	b := make([]byte, unix.SizeofIfAddrmsg)
	b[0], b[1], b[2], b[3] = family, byte(a.BitLen()), flags, unix.RT_SCOPE_UNIVERSE
	binary.NativeEndian.PutUint32(b[4:], uint32(index))
	b = attribute(b, unix.IFA_LOCAL, a.AsSlice())
	return attribute(b, unix.IFA_ADDRESS, a.AsSlice())
}

func attribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%unix.RTA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}

// route sends one request to the kernel and waits for its acknowledgement.
func route(kind uint16, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	b := make([]byte, unix.SizeofNlMsghdr, unix.SizeofNlMsghdr+len(body))
	binary.NativeEndian.PutUint32(b, uint32(unix.SizeofNlMsghdr+len(body)))
	binary.NativeEndian.PutUint16(b[4:], kind)
	binary.NativeEndian.PutUint16(b[6:], unix.NLM_F_REQUEST|unix.NLM_F_ACK|flags)
	b = append(b, body...)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 8192)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("the kernel's answer is not understood")
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
