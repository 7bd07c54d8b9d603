//go:build !otheros

package imds_test

import (
	"net"
	"testing"

	"github.com/sts-helper/sts-helper/imds"
)

func BenchmarkPeerCheck(b *testing.B) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	for b.Loop() {
		if _, err := imds.Owner(c.LocalAddr(), c.RemoteAddr()); err != nil {
			b.Fatal(err)
		}
	}
}
