package imds

import (
	"encoding/binary"
	"errors"
	"net/netip"
)

// Sizes and offsets of the rows of MIB_TCPTABLE_OWNER_PID and MIB_TCP6TABLE_OWNER_PID, tcpmib.h of Windows. Each table
// begins with the number of its rows. Addresses and ports are in network order, a port in the first two bytes of its
// four; everything else is little endian.
const (
	tcpTableHeader = 4

	tcpRowLen    = 24
	tcpRowState  = 0
	tcpRowLocal  = 4 // address, then port
	tcpRowRemote = 12
	tcpRowPID    = 20

	tcp6RowLen    = 56
	tcp6RowLocal  = 0 // address, scope, port
	tcp6RowRemote = 24
	tcp6RowState  = 48
	tcp6RowPID    = 52
)

// States of a connection that a process still has, MIB_TCP_STATE: established, one side closed for writing or both
// on the way to it.
const (
	tcpStateEstablished = 5
	tcpStateFinWait1    = 6
	tcpStateFinWait2    = 7
	tcpStateCloseWait   = 8
)

// parseTCPTable finds the process that has the socket bound to client and connected to server in a table of
// GetExtendedTcpTable, of IPv4 or IPv6 as client's address is. It gives errNoSocket if there is none, and another error
// when the answer is not beyond doubt. A socket that its process closed is process 0's.
func parseTCPTable(table []byte, client, server netip.AddrPort) (pid uint32, err error) {
	rowLen, state, local, remote, process := tcpRowLen, tcpRowState, tcpRowLocal, tcpRowRemote, tcpRowPID
	read := func(b []byte) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b)), binary.BigEndian.Uint16(b[4:]))
	}
	if client.Addr().Is6() {
		rowLen, state, local, remote, process = tcp6RowLen, tcp6RowState, tcp6RowLocal, tcp6RowRemote, tcp6RowPID
		read = func(b []byte) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b)), binary.BigEndian.Uint16(b[20:]))
		}
	}
	if len(table) < tcpTableHeader {
		return 0, errors.New("the table of connections is cut short")
	}
	rows := uint64(binary.LittleEndian.Uint32(table))
	if table = table[tcpTableHeader:]; rows*uint64(rowLen) > uint64(len(table)) {
		return 0, errors.New("the table of connections is cut short")
	}
	found := false
	for ; rows > 0; rows, table = rows-1, table[rowLen:] {
		if read(table[local:]) != client || read(table[remote:]) != server {
			continue
		}
		switch binary.LittleEndian.Uint32(table[state:]) {
		case tcpStateEstablished, tcpStateFinWait1, tcpStateFinWait2, tcpStateCloseWait:
		default:
			continue
		}
		if found {
			return 0, errors.New("the table has the connection twice")
		}
		found, pid = true, binary.LittleEndian.Uint32(table[process:])
	}
	switch {
	case !found:
		return 0, errNoSocket
	case pid == 0:
		return 0, errClosed
	}
	return pid, nil
}
