package emulator

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// totpStep is the time a code stands for (RFC 6238, the default that AWS uses).
const totpStep = 30 * time.Second

const (
	badCode   = "MultiFactorAuthentication failed with invalid MFA one time pass code."
	badSerial = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
	halfMFA   = "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
)

// MFADevice is a virtual or hardware TOTP device of one user.
type MFADevice struct {
	Name string `json:"name,omitempty"`
	// SerialNumber is an ARN for a virtual device, made from Name if empty, or the
	// number printed on a hardware one.
	SerialNumber string `json:"serial_number,omitempty"`
	// Secret is the TOTP seed in base32, as a QR code carries it; made if empty.
	Secret string `json:"secret,omitempty"`

	seed    []byte
	owner   *User
	used    map[int64]bool // time steps whose code was taken
	inARow  int            // wrong codes since the last right one
	refused int
}

// AddMFADevice gives a user a virtual device.
func (e *Emulator) AddMFADevice(u *User, name string) *MFADevice {
	return e.AddMFA(u, MFADevice{Name: name})
}

// AddMFA gives a user a device with a chosen serial number or secret.
func (e *Emulator) AddMFA(u *User, d MFADevice) *MFADevice {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.addDevice(u, d)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return p
}

func (e *Emulator) addDevice(u *User, d MFADevice) (*MFADevice, error) {
	if d.SerialNumber == "" {
		if d.Name == "" {
			return nil, fmt.Errorf("user %q: an MFA device without name and serial number", u.Name)
		}
		d.SerialNumber = "arn:aws:iam::" + u.Account + ":mfa/" + d.Name
	}
	if e.devices[d.SerialNumber] != nil {
		return nil, fmt.Errorf("two MFA devices with serial number %s", d.SerialNumber)
	}
	if d.Secret == "" {
		var b [20]byte
		rand.Read(b[:])
		d.Secret = base32.StdEncoding.EncodeToString(b[:])
	}
	seed, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.TrimRight(strings.ToUpper(d.Secret), "="))
	if err != nil {
		return nil, fmt.Errorf("MFA device %s: secret is not base32", d.SerialNumber)
	}
	d.seed, d.owner, d.used = seed, u, map[int64]bool{}
	p := &d
	e.devices[p.SerialNumber] = p
	u.devices = append(u.devices, p)
	return p, nil
}

// Code is what the device shows at a time: six digits.
func (d *MFADevice) Code(t time.Time) string {
	return totp(d.seed, t.Unix()/int64(totpStep/time.Second))
}

// totp is RFC 6238 over RFC 4226 with HMAC-SHA-1 and six digits.
func totp(seed []byte, step int64) string {
	h := hmac.New(sha1.New, seed)
	binary.Write(h, binary.BigEndian, step)
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1000000)
}

// checkMFA judges SerialNumber and TokenCode of a request, if it has them, and burns
// the code. A code of this time step or the one before is taken, once.
func (e *Emulator) checkMFA(c *call) (given bool, err *apiError) {
	serial, code := c.form.Get("SerialNumber"), c.form.Get("TokenCode")
	if serial == "" && code == "" {
		return false, nil
	}
	if serial == "" || code == "" {
		return false, denied(halfMFA)
	}
	d := e.devices[serial]
	if d == nil || d.owner != c.who.user {
		e.rejected++
		return false, denied(badSerial)
	}
	if e.lockout < 0 || d.inARow < e.lockout {
		step := c.now.Unix() / int64(totpStep/time.Second)
		for _, s := range []int64{step, step - 1} {
			if hmac.Equal([]byte(totp(d.seed, s)), []byte(code)) && !d.used[s] {
				d.used[s] = true
				d.inARow = 0
				return true, nil
			}
		}
	}
	d.inARow++
	d.refused++
	e.rejected++
	return false, denied(badCode)
}

// RejectedCodes counts the requests whose MFA code or serial number was refused.
func (e *Emulator) RejectedCodes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rejected
}

// MFAState is what became of a device.
type MFAState struct {
	Used     int  // codes taken
	Rejected int  // codes refused
	InARow   int  // codes refused since the last one taken
	Locked   bool // no code is taken any more
}

// MFA says what became of a device.
func (e *Emulator) MFA(d *MFADevice) MFAState {
	e.mu.Lock()
	defer e.mu.Unlock()
	return MFAState{Used: len(d.used), Rejected: d.refused, InARow: d.inARow, Locked: e.lockout >= 0 && d.inARow >= e.lockout}
}

// ResetMFA forgets the wrong codes of a device, so that it is no longer locked.
func (e *Emulator) ResetMFA(d *MFADevice) {
	e.mu.Lock()
	defer e.mu.Unlock()
	d.inARow = 0
}
