//go:build !otheros

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// Sockets that listen, on one address or on all, are found with their process; others are not.
func TestListeningOn(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0", "127.0.0.2:0"} {
		ln, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("%s: %v", address, err)
			continue
		}
		a := ln.Addr().(*net.TCPAddr).AddrPort()
		ask := netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		if a.Addr().IsUnspecified() {
			ask = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), a.Port())
		}
		found, known := listeningOn(ask)
		if !known || found == nil || int(found.uid) != os.Geteuid() || found.pid != os.Getpid() || found.program != filepath.Base(exe) || !found.ours() {
			t.Errorf("%s: %v, known %v", address, found, known)
		}
		if stale(ask.String()) {
			t.Errorf("%s: stale", address)
		}
		_ = ln.Close()
		if found, _ := listeningOn(ask); found != nil || !stale(ask.String()) {
			t.Errorf("%s, closed: %v", address, found)
		}
	}
	if (listener{uid: 4242}).ours() {
		t.Error("another user's is ours")
	}
}

func TestParseListener(t *testing.T) {
	// As the kernel shows an address: each four bytes as a number of the machine's.
	shown := func(address string) string {
		b := netip.MustParseAddr(address).AsSlice()
		for i := 0; i < len(b); i += 4 {
			binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
		}
		return fmt.Sprintf("%X", b)
	}
	for line, want := range map[string]string{
		"   0: " + shown("127.0.0.1") + ":26B7 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100 0 0 10 0":                   "127.0.0.1:9911",
		"   0: " + shown("::1") + ":26B7 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123 1 0 100 0 0 10 0": "[::1]:9911",
		"   0: 0100007F:26B7 0100007F:1234 01 00000000:00000000 00:00000000 00000000  1000        0 123":                                                      "",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode":                                                    "",
		"   0: 0100007:26B7 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 123":                                                       "",
		"": "",
	} {
		a, uid, inode, ok := parseListener(line)
		if ok != (want != "") || ok && (a.String() != want || uid != 1000 || inode != "123") {
			t.Errorf("%q: %v, %d, %s, %v", line, a, uid, inode, ok)
		}
	}
}

func TestAddressesOf(t *testing.T) {
	for text, want := range map[string]string{
		"": "[]",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9911/credentials/dev\nAWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9911\n": "[127.0.0.1:9911 127.0.0.1:9911]",
		"# why\nAWS_CONTAINER_CREDENTIALS_FULL_URI=\"http://[::1]:80/credentials/dev\"\n":                                                     "[[::1]:80]",
		"{\n  \"AWS_EC2_METADATA_SERVICE_ENDPOINT\": \"http://127.0.0.1:9911/\"\n}\n":                                                         "[127.0.0.1:9911]",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/credentials/dev\n":                                                                           "[]",
	} {
		if got := fmt.Sprint(addressesOf([]byte(text))); got != want {
			t.Errorf("%q: %s", text, got)
		}
	}
}
