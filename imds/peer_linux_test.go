//go:build !otheros

package imds_test

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// TestDiagAnswerMustBeAboutTheQuestion: an answer is believed only if it repeats every bit of the addresses.
func TestDiagAnswerMustBeAboutTheQuestion(t *testing.T) {
	client, server := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:9911")
	m := make([]byte, 16+72)
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], 20) // SOCK_DIAG_BY_FAMILY
	b := m[16:]
	b[0], b[1] = syscall.AF_INET, 1 // established
	binary.BigEndian.PutUint16(b[4:], client.Port())
	binary.BigEndian.PutUint16(b[6:], server.Port())
	copy(b[8:], client.Addr().AsSlice())
	copy(b[24:], server.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[64:], otherUID)
	binary.NativeEndian.PutUint32(b[68:], 777)
	if uid, err := imds.ParseDiag(m, client, server); err != nil || uid != otherUID {
		t.Fatalf("%d %v", uid, err)
	}
	for _, at := range [][2]int{{4, 8}, {8, 12}, {24, 28}} { // ports, source, destination
		for i := at[0] * 8; i < at[1]*8; i++ {
			b[i/8] ^= 1 << (i % 8)
			if uid, err := imds.ParseDiag(m, client, server); err == nil {
				t.Errorf("bit %d flipped: %d", i, uid)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
	for name, spoil := range map[string]func([]byte){
		"listening": func(b []byte) { b[1] = 10 },
		"closed":    func(b []byte) { clear(b[68:72]) },
		"root's, and closed": func(b []byte) {
			clear(b[64:72])
		},
	} {
		x := slices.Clone(m)
		spoil(x[16:])
		if uid, err := imds.ParseDiag(x, client, server); err == nil {
			t.Errorf("%s: %d", name, uid)
		}
	}
	for i := range m {
		if uid, err := imds.ParseDiag(m[:i], client, server); err == nil {
			t.Errorf("cut to %d bytes: %d", i, uid)
		}
	}
}

// TestIMDSWithPeerCheck: where the kernel tells users apart, nothing need be permitted or warned of.
func TestIMDSWithPeerCheck(t *testing.T) {
	var log bytes.Buffer
	c := config(newFake(time.Hour))
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for _, c.IMDSWithoutPeerCheck = range []bool{false, true} {
		build(t, c)
	}
	if log.Len() != 0 {
		t.Errorf("it warns: %s", &log)
	}
}
