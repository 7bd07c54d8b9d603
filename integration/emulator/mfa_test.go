package emulator_test

import (
	"encoding/base32"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const (
	badCode   = "MultiFactorAuthentication failed with invalid MFA one time pass code."
	badSerial = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
)

// The vectors of RFC 6238, appendix B, cut to six digits.
func TestCodesOfTheRFC(t *testing.T) {
	e := emulator.New(emulator.World{})
	d := e.AddMFA(e.AddUser(account, "alice"), emulator.MFADevice{Name: "x", Secret: base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))})
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := d.Code(time.Unix(at, 0)); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
}

func withCode(d *emulator.MFADevice, code string) url.Values {
	return params("GetSessionToken", "SerialNumber", d.SerialNumber, "TokenCode", code)
}

// wrong is a code that is right at no time near t.
func wrong(d *emulator.MFADevice, t time.Time) string {
	for _, c := range []string{"000000", "111111", "222222", "333333"} {
		if c != d.Code(t) && c != d.Code(t.Add(-30*time.Second)) && c != d.Code(t.Add(30*time.Second)) {
			return c
		}
	}
	panic("four codes at once")
}

func TestMFACodes(t *testing.T) {
	e := start(t, emulator.World{MFALockout: 4})
	now := time.Unix(1800000000, 0)
	e.SetNow(func() time.Time { return now })
	alice, bob := e.AddUser(account, "alice"), e.AddUser(account, "bob")
	d, his := e.AddMFADevice(alice, "alice"), e.AddMFADevice(bob, "bob")
	e.AddRole(account, "mfa", emulator.RequireMFA())
	w := wire{e: e, creds: keys(alice)}

	first := w.call(t, withCode(d, d.Code(now)))
	first.want(t, 200, "", "")
	if id, _ := e.Lookup(first.creds(t).AccessKeyID); !id.MFA {
		t.Error("the session does not know of its code")
	}
	w.call(t, withCode(d, d.Code(now))).want(t, 403, "AccessDenied", badCode) // used
	w.call(t, withCode(his, his.Code(now))).want(t, 403, "AccessDenied", badSerial)
	w.call(t, params("GetSessionToken", "SerialNumber", "arn:aws:iam::111122223333:mfa/none", "TokenCode", "123456")).want(t, 403, "AccessDenied", badSerial)
	half := "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
	w.call(t, params("GetSessionToken", "SerialNumber", d.SerialNumber)).want(t, 403, "AccessDenied", half)
	w.call(t, params("GetSessionToken", "TokenCode", "123456")).want(t, 403, "AccessDenied", half)
	if e.RejectedCodes() != 3 {
		t.Errorf("%d codes rejected, want 3", e.RejectedCodes())
	}
	// The code of the step before is still taken, older and newer ones are not.
	now = now.Add(90 * time.Second)
	w.call(t, withCode(d, d.Code(now.Add(-60*time.Second)))).want(t, 403, "AccessDenied", badCode)
	w.call(t, withCode(d, d.Code(now.Add(30*time.Second)))).want(t, 403, "AccessDenied", badCode)
	w.call(t, withCode(d, d.Code(now.Add(-30*time.Second)))).want(t, 200, "", "")
	// Roles: the code in the call, or in the session the caller came by.
	role := params("AssumeRole", "RoleArn", roleARN("mfa"), "RoleSessionName", "me")
	(wire{e: e, creds: first.creds(t)}).call(t, role).want(t, 200, "", "")
	role.Set("SerialNumber", d.SerialNumber)
	role.Set("TokenCode", d.Code(now))
	session := w.call(t, role).creds(t)
	w.call(t, role).want(t, 403, "AccessDenied", badCode)
	if id, _ := e.Lookup(session.AccessKeyID); !id.MFA {
		t.Error("the role session does not know of its code")
	}
	again := params("AssumeRole", "RoleArn", roleARN("mfa"), "RoleSessionName", "me")
	(wire{e: e, creds: session}).call(t, again).want(t, 403, "AccessDenied",
		"User: arn:aws:sts::"+account+":assumed-role/mfa/me is not authorized to perform: sts:AssumeRole on resource: "+roleARN("mfa"))
	now = now.Add(30 * time.Second)
	role.Set("TokenCode", d.Code(now))
	(wire{e: e, creds: session}).call(t, role).want(t, 403, "AccessDenied", badSerial) // a role has no device
	// Three wrong ones in a row lock the device: the right one fails too.
	for range 3 {
		w.call(t, withCode(d, wrong(d, now))).want(t, 403, "AccessDenied", badCode)
	}
	now = now.Add(30 * time.Second)
	w.call(t, withCode(d, d.Code(now))).want(t, 403, "AccessDenied", badCode)
	if s := e.MFA(d); !s.Locked || s.InARow != 5 || s.Used != 3 {
		t.Errorf("%+v", s)
	}
	e.ResetMFA(d)
	w.call(t, withCode(d, d.Code(now))).want(t, 200, "", "")
	if s := e.MFA(d); s.Locked || s.InARow != 0 || s.Used != 4 {
		t.Errorf("%+v", s)
	}
}

// A crowd with one code: one is served, whichever comes first.
func TestOneCodeServesOnce(t *testing.T) {
	e := start(t, emulator.World{MFALockout: -1})
	alice := e.AddUser(account, "alice")
	d := e.AddMFADevice(alice, "alice")
	now := time.Now()
	e.SetNow(func() time.Time { return now })
	w := wire{e: e, creds: keys(alice)}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { w.call(t, withCode(d, d.Code(now))) })
	}
	wg.Wait()
	if e.Count("GetSessionToken") != 100 || e.Succeeded("GetSessionToken") != 1 || e.RejectedCodes() != 99 {
		t.Errorf("%d calls, %d tokens, %d rejected", e.Count("GetSessionToken"), e.Succeeded("GetSessionToken"), e.RejectedCodes())
	}
}
