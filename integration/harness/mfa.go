package harness

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// Roles is how many roles an MFAWorld has.
const Roles = 8

// MFAWorld is a world whose user has an MFA device, and eight roles that only take callers
// who have shown a code: the entries r0 to r7, beside "dev", the session itself.
type MFAWorld struct {
	*World
	Device *emulator.MFADevice
}

// NewMFAWorld is a new world with a device.
func NewMFAWorld(t *testing.T) *MFAWorld {
	t.Helper()
	w := NewWorld(t)
	m := &MFAWorld{w, w.STS.AddMFADevice(w.User, "alice")}
	Must(t, w.Write(".aws/config", "[profile base]\nmfa_serial = "+m.Device.SerialNumber+"\n"))
	var config strings.Builder
	config.WriteString("[profile.dev]\nsource_profile = \"base\"\n")
	for i := range Roles {
		r := w.STS.AddRole(Account, fmt.Sprintf("role%d", i), emulator.RequireMFA())
		fmt.Fprintf(&config, "[profile.r%d]\nsource_profile = \"base\"\nrole_arn = %q\n", i, r.ARN)
	}
	Must(t, w.Write(".config/sts-helper/config.toml", config.String()))
	return m
}

// Code is what the device shows now, by the clock of STS.
func (m *MFAWorld) Code() string { return m.Device.Code(m.STS.Now()) }

// WrongCode is a code that is not the device's, of this time or about it. The helper takes a code for one that
// was sent already where ten bits of their digests agree (internal/mfa, Device.WasSent), so codes with another n
// and those of the device differ in these too.
func (m *MFAWorld) WrongCode(n int) string {
	seen := map[uint16]bool{}
	for s := -3; s <= 3; s++ {
		seen[m.mark(m.Device.Code(m.STS.Now().Add(time.Duration(s)*30*time.Second)))] = true
	}
	for i := 271828; ; i++ {
		code := fmt.Sprintf("%06d", i)
		if mark := m.mark(code); seen[mark] {
			continue
		} else if seen[mark] = true; n == 0 {
			return code
		}
		n--
	}
}

// mark is what the helper keeps of a code.
func (m *MFAWorld) mark(code string) uint16 {
	device := sha256.Sum256([]byte("sts-helper/mfa/1\n" + m.Device.SerialNumber))
	sum := sha256.Sum256(fmt.Appendf(nil, "mfa-%x\n%s", device, code))
	return binary.BigEndian.Uint16(sum[:]) & 0x3ff
}

// SentOnce fails the test where a code was sent twice.
func (m *MFAWorld) SentOnce(t *testing.T) {
	t.Helper()
	sent := map[string]bool{}
	for _, r := range m.STS.Requests() {
		if r.TokenCode == "" {
			continue
		}
		if sent[r.TokenCode] {
			t.Errorf("a code was sent twice, the second time with %s", r.Operation)
		}
		sent[r.TokenCode] = true
	}
}

// Calls fails the test unless STS counts so many calls of each kind and codes.
func (m *MFAWorld) Calls(t *testing.T, sessions, assumed, codes, rejected int) {
	t.Helper()
	n, a, used := m.STS.Count("GetSessionToken"), m.STS.Count("AssumeRole"), m.STS.MFA(m.Device).Used
	if n != sessions || a != assumed || used != codes || m.STS.RejectedCodes() != rejected {
		t.Errorf("%d GetSessionToken, %d AssumeRole, %d codes used, %d rejected; want %d, %d, %d, %d",
			n, a, used, m.STS.RejectedCodes(), sessions, assumed, codes, rejected)
	}
}

// Login starts a login on a terminal of its own.
func (m *MFAWorld) Login(t *testing.T, args ...string) (*Terminal, *Job) {
	t.Helper()
	tt := NewTerminal(t)
	return tt, Start(t, tt, m.Command(t, append([]string{"login"}, args...)...))
}
