//go:build !otheros

package main

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// listeningOn is the socket that listens on an address, or on every address of its port; nil where
// there is none. It is not known where the kernel's tables are not there to be read.
func listeningOn(a netip.AddrPort) (found *listener, known bool) {
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		known = true
		for lines := bufio.NewScanner(f); lines.Scan() && found == nil; {
			local, uid, inode, ok := parseListener(lines.Text())
			if ok && local.Port() == a.Port() && (local.Addr() == a.Addr().Unmap() || local.Addr().IsUnspecified() || a.Addr().IsUnspecified()) {
				found = &listener{uid: uid}
				found.pid, found.program = processWith("socket:[" + inode + "]")
			}
		}
		_ = f.Close()
	}
	return found, known
}

// parseListener reads a line of /proc/net/tcp or tcp6, see proc_net_tcp in the kernel's documentation:
// the number, the local and the remote address, the state, queues, timer, retransmits, user, time-out
// and inode. Only those of sockets that listen are ok.
func parseListener(line string) (local netip.AddrPort, uid uint32, inode string, ok bool) {
	const listen = "0A"
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listen {
		return local, 0, "", false
	}
	address, port, _ := strings.Cut(f[1], ":")
	b, err := hex.DecodeString(address)
	p, perr := strconv.ParseUint(port, 16, 16)
	u, uerr := strconv.ParseUint(f[7], 10, 32)
	if err != nil || perr != nil || uerr != nil || len(b)%4 != 0 {
		return local, 0, "", false
	}
	// Each four bytes are a number of the machine's.
	for i := 0; i < len(b); i += 4 {
		binary.BigEndian.PutUint32(b[i:], binary.NativeEndian.Uint32(b[i:]))
	}
	addr, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(addr.Unmap(), uint16(p)), uint32(u), f[9], ok
}

// processWith is a process that has the socket open, of those whose files this user may look at.
func processWith(socket string) (pid int, program string) {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, f := range files {
		if to, err := os.Readlink(f); err != nil || to != socket {
			continue
		}
		process := filepath.Dir(filepath.Dir(f))
		pid, _ = strconv.Atoi(filepath.Base(process))
		exe, err := os.Readlink(filepath.Join(process, "exe"))
		if err != nil {
			exe = "unknown program"
		}
		return pid, strings.TrimSuffix(filepath.Base(exe), " (deleted)")
	}
	return 0, ""
}
