package imds

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// The list of TCP sockets of macOS, sysctl net.inet.tcp.pcblist_n, is a header, then for each socket some records, of
// which the first is its addresses (struct xinpcb_n, bsd/netinet/in_pcb.h) and another who made it (struct xsocket_n,
// bsd/sys/socketvar.h), then the header again. A record begins with its length and its kind, and the next one is at a
// multiple of eight. Addresses and ports are in network order, everything else is little endian.
const (
	pcbHeaderLen = 24

	pcbKindSocket  = 0x01
	pcbKindAddress = 0x10

	pcbForeignPort    = 16
	pcbLocalPort      = 18
	pcbFamily         = 44 // inp_vflag
	pcbForeignAddress = 48 // of IPv4 in the last four bytes
	pcbLocalAddress   = 64
	pcbAddressLen     = 80
	pcbIPv4           = 0x1
	pcbIPv6           = 0x2

	pcbSocketState = 26
	pcbSocketUID   = 64
	pcbSocketLen   = 76  // to so_e_pid
	pcbNoProcess   = 0x1 // SS_NOFDREF: no process has it open
)

// parsePCBList finds the user who made the socket that is bound to client and connected to server. It gives
// errNoSocket if there is none, and another error when the answer is not beyond doubt.
func parsePCBList(list []byte, client, server netip.AddrPort) (uid uint32, err error) {
	short := errors.New("the list of sockets is cut short")
	if len(list) < 2*pcbHeaderLen {
		return 0, short
	}
	first := binary.LittleEndian.Uint32(list)
	if first < pcbHeaderLen || uint64(first) > uint64(len(list)) {
		return 0, short
	}
	found, ours := false, false
	for list = list[first:]; ; {
		if len(list) < 8 {
			return 0, short
		}
		length, kind := uint64(binary.LittleEndian.Uint32(list)), binary.LittleEndian.Uint32(list[4:])
		if length == uint64(first) { // the header again
			break
		}
		if length < 8 || length > uint64(len(list)) {
			return 0, short
		}
		record := list[:length]
		switch kind {
		case pcbKindAddress:
			if length < pcbAddressLen {
				return 0, short
			}
			ours = pcbConnects(record, client, server)
		case pcbKindSocket:
			if length < pcbSocketLen {
				return 0, short
			}
			if !ours {
				break
			}
			if found {
				return 0, errors.New("the list has the connection twice")
			}
			if binary.LittleEndian.Uint16(record[pcbSocketState:])&pcbNoProcess != 0 {
				return 0, errClosed
			}
			found, uid = true, binary.LittleEndian.Uint32(record[pcbSocketUID:])
		}
		list = list[min((length+7)&^7, uint64(len(list))):]
	}
	if !found {
		return 0, errNoSocket
	}
	return uid, nil
}

// pcbConnects reports whether a record of addresses is that of the connection.
func pcbConnects(record []byte, client, server netip.AddrPort) bool {
	read := func(address, port int) netip.AddrPort {
		b := record[address : address+16]
		a := netip.AddrFrom16([16]byte(b)).Unmap()
		if record[pcbFamily]&pcbIPv4 != 0 {
			a = netip.AddrFrom4([4]byte(b[12:]))
		}
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(record[port:]))
	}
	return record[pcbFamily]&(pcbIPv4|pcbIPv6) != 0 && read(pcbLocalAddress, pcbLocalPort) == client && read(pcbForeignAddress, pcbForeignPort) == server
}
