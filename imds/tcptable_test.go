package imds

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

// A tcpRow is a row of a table of Windows.
type tcpRow struct {
	local, remote string
	state, pid    uint32
}

// tcpTable writes a table as GetExtendedTcpTable does.
func tcpTable(six bool, rows ...tcpRow) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(rows)))
	port := func(b []byte, a netip.AddrPort) []byte {
		return append(binary.BigEndian.AppendUint16(b, a.Port()), 0xab, 0xcd) // what is in the other two bytes is not said
	}
	for _, r := range rows {
		l, f := netip.MustParseAddrPort(r.local), netip.MustParseAddrPort(r.remote)
		if six {
			for _, a := range []netip.AddrPort{l, f} {
				b = append(b, a.Addr().AsSlice()...)
				b = binary.LittleEndian.AppendUint32(b, 7) // the scope
				b = port(b, a)
			}
			b = binary.LittleEndian.AppendUint32(b, r.state)
		} else {
			b = binary.LittleEndian.AppendUint32(b, r.state)
			for _, a := range []netip.AddrPort{l, f} {
				b = append(b, a.Addr().AsSlice()...)
				b = port(b, a)
			}
		}
		b = binary.LittleEndian.AppendUint32(b, r.pid)
	}
	return b
}

func TestParseTCPTable(t *testing.T) {
	const client, server = "127.0.0.1:40000", "127.0.0.1:9911"
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	listening := tcpRow{server, "0.0.0.0:0", 2, 4}
	ours := tcpRow{server, client, 5, 99} // the server's end of it
	for name, tt := range map[string]struct {
		rows []tcpRow
		want uint32
		err  error
	}{
		"connected":          {[]tcpRow{listening, ours, {client, server, 5, 1234}}, 1234, nil},
		"first":              {[]tcpRow{{client, server, 5, 1234}, listening, ours}, 1234, nil},
		"closed for writing": {[]tcpRow{ours, {client, server, 7, 1234}}, 1234, nil},
		"being closed":       {[]tcpRow{ours, {client, server, 6, 1234}}, 1234, nil},
		"we closed":          {[]tcpRow{ours, {client, server, 8, 1234}}, 1234, nil},
		"no process":         {[]tcpRow{ours, {client, server, 7, 0}}, 0, errClosed},
		"time-wait":          {[]tcpRow{ours, {client, server, 11, 0}}, 0, errNoSocket},
		"time-wait, a pid":   {[]tcpRow{ours, {client, server, 11, 1234}}, 0, errNoSocket},
		"to be":              {[]tcpRow{{client, server, 3, 1234}}, 0, errNoSocket},
		"the other end only": {[]tcpRow{listening, ours}, 0, errNoSocket},
		"another port":       {[]tcpRow{{"127.0.0.1:40001", server, 5, 1234}, {client, "127.0.0.1:9912", 5, 1234}}, 0, errNoSocket},
		"another address":    {[]tcpRow{{"127.0.0.2:40000", server, 5, 1234}, {client, "127.0.0.2:9911", 5, 1234}}, 0, errNoSocket},
		"none":               {nil, 0, errNoSocket},
	} {
		if pid, err := parseTCPTable(tcpTable(false, tt.rows...), c, s); pid != tt.want || err != tt.err {
			t.Errorf("%s: %d, %v", name, pid, err)
		}
	}
	if pid, err := parseTCPTable(tcpTable(false, tcpRow{client, server, 5, 1}, tcpRow{client, server, 5, 2}), c, s); err == nil {
		t.Errorf("twice: %d", pid)
	}
	c6, s6 := netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::1]:9911")
	six := tcpTable(true, tcpRow{s6.String(), c6.String(), 5, 99}, tcpRow{c6.String(), s6.String(), 5, 1234})
	if pid, err := parseTCPTable(six, c6, s6); pid != 1234 || err != nil {
		t.Errorf("IPv6: %d, %v", pid, err)
	}
	// Cut short or with one bit of the addresses wrong, no table names a process.
	for _, x := range []struct {
		table []byte
		c, s  netip.AddrPort
		bytes [][2]int // of addresses and ports in the row that counts, the second one
	}{
		{tcpTable(false, ours, tcpRow{client, server, 5, 1234}), c, s, [][2]int{{4 + 24 + 4, 4 + 24 + 10}, {4 + 24 + 12, 4 + 24 + 18}}},
		{six, c6, s6, [][2]int{{4 + 56, 4 + 56 + 16}, {4 + 56 + 20, 4 + 56 + 22}, {4 + 56 + 24, 4 + 56 + 40}, {4 + 56 + 44, 4 + 56 + 46}}},
	} {
		for i := range x.table {
			if pid, err := parseTCPTable(x.table[:i], x.c, x.s); err == nil {
				t.Errorf("cut to %d bytes: %d", i, pid)
			}
		}
		flipped := 0
		for _, at := range x.bytes {
			for i := at[0] * 8; i < at[1]*8; i++ {
				x.table[i/8] ^= 1 << (i % 8)
				if pid, err := parseTCPTable(x.table, x.c, x.s); err != errNoSocket {
					t.Errorf("bit %d flipped: %d, %v", i, pid, err)
				}
				x.table[i/8] ^= 1 << (i % 8)
				flipped++
			}
		}
		if pid, err := parseTCPTable(x.table, x.c, x.s); pid != 1234 || err != nil || flipped == 0 {
			t.Fatalf("%d, %v", pid, err)
		}
	}
	huge := tcpTable(false, ours)
	binary.LittleEndian.PutUint32(huge, 1<<32-1)
	if pid, err := parseTCPTable(huge, c, s); err == nil {
		t.Errorf("rows that are not there: %d", pid)
	}
}

// A pcbRow is a socket of macOS.
type pcbRow struct {
	local, remote string
	state         uint16
	uid           uint32
}

// pcbList writes a list as sysctl net.inet.tcp.pcblist_n has it, with the records that it has for each socket.
func pcbList(rows ...pcbRow) []byte {
	header := func(b []byte) []byte {
		h := make([]byte, pcbHeaderLen)
		binary.LittleEndian.PutUint32(h, pcbHeaderLen)
		binary.LittleEndian.PutUint32(h[4:], uint32(len(rows)))
		return append(b, h...)
	}
	record := func(b []byte, kind uint32, length int, fill func([]byte)) []byte {
		r := make([]byte, (length+7)&^7)
		for i := range r {
			r[i] = 0xee // whatever is not read
		}
		binary.LittleEndian.PutUint32(r, uint32(length))
		binary.LittleEndian.PutUint32(r[4:], kind)
		fill(r)
		return append(b, r...)
	}
	b := header(nil)
	for _, row := range rows {
		l, f := netip.MustParseAddrPort(row.local), netip.MustParseAddrPort(row.remote)
		b = record(b, 0x10, 104, func(r []byte) {
			binary.BigEndian.PutUint16(r[16:], f.Port())
			binary.BigEndian.PutUint16(r[18:], l.Port())
			r[44] = 1
			if l.Addr().Is6() {
				r[44] = 2
			}
			for at, a := range map[int]netip.Addr{48: f.Addr(), 64: l.Addr()} {
				clear(r[at : at+16])
				copy(r[at+16-len(a.AsSlice()):], a.AsSlice())
			}
		})
		b = record(b, 0x01, 104, func(r []byte) {
			binary.LittleEndian.PutUint16(r[26:], row.state)
			binary.LittleEndian.PutUint32(r[64:], row.uid)
		})
		for _, kind := range []uint32{0x02, 0x04} { // its buffers
			b = record(b, kind, 32, func([]byte) {})
		}
		b = record(b, 0x08, 136, func([]byte) {}) // its statistics
		b = record(b, 0x20, 204, func([]byte) {}) // TCP's own, whose length is no multiple of eight
	}
	return header(b)
}

func TestParsePCBList(t *testing.T) {
	const client, server = "127.0.0.1:40000", "127.0.0.1:9911"
	const connected = 0x2
	c, s := netip.MustParseAddrPort(client), netip.MustParseAddrPort(server)
	listening, ours := pcbRow{server, "0.0.0.0:0", 0, 501}, pcbRow{server, client, connected, 501}
	for name, tt := range map[string]struct {
		rows []pcbRow
		want uint32
		err  error
	}{
		"connected":          {[]pcbRow{listening, ours, {client, server, connected, 502}}, 502, nil},
		"root's":             {[]pcbRow{{client, server, connected, 0}, listening, ours}, 0, nil},
		"closed":             {[]pcbRow{ours, {client, server, connected | 0x1, 502}}, 0, errClosed},
		"the other end only": {[]pcbRow{listening, ours}, 0, errNoSocket},
		"another port":       {[]pcbRow{{"127.0.0.1:40001", server, connected, 502}, {client, "127.0.0.1:9912", connected, 502}}, 0, errNoSocket},
		"another address":    {[]pcbRow{{"127.0.0.2:40000", server, connected, 502}, {client, "127.0.0.2:9911", connected, 502}}, 0, errNoSocket},
		"none":               {nil, 0, errNoSocket},
	} {
		if uid, err := parsePCBList(pcbList(tt.rows...), c, s); uid != tt.want || err != tt.err {
			t.Errorf("%s: %d, %v", name, uid, err)
		}
	}
	if uid, err := parsePCBList(pcbList(pcbRow{client, server, connected, 1}, pcbRow{client, server, connected, 2}), c, s); err == nil {
		t.Errorf("twice: %d", uid)
	}
	c6, s6 := netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::1]:9911")
	if uid, err := parsePCBList(pcbList(pcbRow{s6.String(), c6.String(), connected, 501}, pcbRow{c6.String(), s6.String(), connected, 502}), c6, s6); uid != 502 || err != nil {
		t.Errorf("IPv6: %d, %v", uid, err)
	}
	// A socket of IPv6 that is connected to an address of IPv4 is known by that.
	mapped := pcbList(pcbRow{client, server, connected, 502})
	mapped[pcbHeaderLen+pcbFamily] = pcbIPv6
	for _, at := range []int{pcbForeignAddress, pcbLocalAddress} {
		mapped[pcbHeaderLen+at+10], mapped[pcbHeaderLen+at+11] = 0xff, 0xff
	}
	if uid, err := parsePCBList(mapped, c, s); uid != 502 || err != nil {
		t.Errorf("mapped: %d, %v", uid, err)
	}
	// The list is whole only with the header at its end.
	list := pcbList(ours, pcbRow{client, server, connected, 502})
	for i := range list {
		if uid, err := parsePCBList(list[:i], c, s); err == nil && i < len(list)-pcbHeaderLen+8 {
			t.Errorf("cut to %d bytes: %d", i, uid)
		}
	}
	row := pcbHeaderLen + (len(list)-2*pcbHeaderLen)/2 // the second one
	for _, at := range [][2]int{{16, 20}, {60, 64}, {76, 80}} {
		for i := (row + at[0]) * 8; i < (row+at[1])*8; i++ {
			x := slices.Clone(list)
			x[i/8] ^= 1 << (i % 8)
			if uid, err := parsePCBList(x, c, s); err != errNoSocket {
				t.Errorf("bit %d flipped: %d, %v", i-row*8, uid, err)
			}
		}
	}
	for at, to := range map[int]uint32{row: 0, row + 1: 1 << 30, row + 104: 8, 0: 1 << 31} { // lengths that cannot be
		x := slices.Clone(list)
		binary.LittleEndian.PutUint32(x[at&^3:], to)
		if uid, err := parsePCBList(x, c, s); err == nil {
			t.Errorf("length %d at %d: %d", to, at, uid)
		}
	}
}

// Whatever a system gives, it is no reason to fall over.
func FuzzTables(f *testing.F) {
	c, s := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:9911")
	f.Add(tcpTable(false, tcpRow{c.String(), s.String(), 5, 1234}))
	f.Add(tcpTable(true, tcpRow{"[::1]:40000", "[::1]:9911", 5, 1234}))
	f.Add(pcbList(pcbRow{c.String(), s.String(), 2, 502}))
	f.Fuzz(func(t *testing.T, table []byte) {
		for _, parse := range []func([]byte, netip.AddrPort, netip.AddrPort) (uint32, error){parseTCPTable, parsePCBList} {
			for _, six := range []bool{false, true} {
				client, server := c, s
				if six {
					client, server = netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::1]:9911")
				}
				if id, err := parse(table, client, server); err != nil && id != 0 {
					t.Errorf("%d, %v", id, err)
				}
			}
		}
	})
}
