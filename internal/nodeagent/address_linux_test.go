package nodeagent

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The addresses are on a device of their own and can be listened on; once more changes nothing.
func TestAddAddresses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make namespaces")
	}
	runtime.LockOSThread() // and the thread is thrown away with the namespace
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip(err)
	}
	addrs := []netip.Addr{netip.MustParseAddr("169.254.170.23"), netip.MustParseAddr("fd00:ec2::23")}
	defer func(kind string) { deviceKind = kind }(deviceKind)
	for _, kind := range []string{"there is no such kind", "dummy", "ifb", "bridge"} { // a kernel may lack dummies
		deviceKind = kind
		for range 2 {
			on, err := AddAddresses(addrs)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			d, err := net.InterfaceByName(on)
			if err != nil || d.Flags&net.FlagUp == 0 {
				t.Fatalf("%s: %+v, %v", kind, d, err)
			}
			has, err := d.Addrs()
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"169.254.170.23/32", "fd00:ec2::23/128"} {
				n := 0
				for _, a := range has {
					if a.String() == want {
						n++
					}
				}
				if n != 1 {
					t.Errorf("%s: %s has %v", kind, on, has)
				}
			}
			for _, a := range addrs {
				ln, err := net.Listen("tcp", netip.AddrPortFrom(a, 80).String())
				if err != nil {
					t.Errorf("%s: %v", kind, err)
					continue
				}
				_ = ln.Close()
			}
			if kind == "there is no such kind" && on != "lo" || kind == "bridge" && on != device {
				t.Errorf("%s: on %s", kind, on)
			}
		}
	}
}

// A node without IPv6 is told so, and not to be root, which it is.
func TestAddAddressesWithoutIPv6(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to make namespaces")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip(err)
	}
	for _, on := range []string{"all", "default"} {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+on+"/disable_ipv6", []byte("1"), 0); err != nil {
			t.Skip(err)
		}
	}
	if _, err := AddAddresses([]netip.Addr{netip.MustParseAddr("169.254.170.23")}); err != nil {
		t.Error(err)
	}
	_, err := AddAddresses([]netip.Addr{netip.MustParseAddr("fd00:ec2::23")})
	if err == nil || errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "IPv6 is switched off there (sysctl net.ipv6.conf.") {
		t.Errorf("%v", err)
	}
}
