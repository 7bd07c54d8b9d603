package integration_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// newAutoWorld is a world whose user's device is to be found.
func newAutoWorld(t *testing.T) *mfaWorld {
	t.Helper()
	m := newMFAWorld(t)
	m.Env["AWS_ENDPOINT_URL_IAM"] = m.sts.URL()
	must(t, m.Write(".aws/config", ""))
	config := strings.ReplaceAll(m.read(t, ".config/sts-helper/config.toml"), "source_profile", "mfa_serial = \"auto\"\nsource_profile")
	must(t, m.Write(".config/sts-helper/config.toml", config))
	return m
}

// The device is looked up once, by one of all processes, and a hit asks nothing.
func TestDeviceIsFound(t *testing.T) {
	const n = 40
	m := newAutoWorld(t)
	tt := newTerminal(t)
	results := m.crowdOn(t, tt, n, "--profile r$((i % 8))", func(session int) {
		tt.sees("device "+m.device.SerialNumber, 1)
		tt.sees(prompt, 1)
		gathered(t, session, n)
		tt.types(m.code() + "\n")
	})
	for _, r := range results {
		m.creds(t, r)
	}
	m.calls(t, 1, roles, 1, 0)
	if n := m.sts.Count("ListMFADevices"); n != 1 {
		t.Errorf("%d calls of ListMFADevices, want 1", n)
	}
	// The device found and the same device named are the same token.
	before := m.sts.Count("")
	m.creds(t, m.run(t, "--profile", "dev"))
	m.creds(t, m.run(t, "--source-profile", "base", "--mfa-serial", m.device.SerialNumber))
	if got := m.sts.Count(""); got != before {
		t.Errorf("%d more calls on hits", got-before)
	}
}

// A device that STS does not know any more is forgotten, and looked up when it is next wanted.
func TestDeviceThatIsGoneIsLookedUpAnew(t *testing.T) {
	m := newAutoWorld(t)
	m.sts.Fault(emulator.Fault{Kind: emulator.Refuse, Op: "GetSessionToken", Times: 1, Status: 403, Code: "AccessDenied",
		Message: "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."})
	if r := m.run(t, "--profile", "dev", "--mfa-code", m.wrong(0)); r.Code != exitDenied || !strings.Contains(r.Stderr, "check the serial number") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.creds(t, m.run(t, "--profile", "dev", "--duration", "2h", "--mfa-code", m.code()))
	if n := m.sts.Count("ListMFADevices"); n != 2 {
		t.Errorf("%d calls of ListMFADevices, want 2", n)
	}
}

func TestDeviceOfARotatedKeyIsLookedUpAnew(t *testing.T) {
	t.Parallel()
	m := newAutoWorld(t)
	m.creds(t, m.run(t, "--profile", "dev", "--mfa-code", m.code()))
	id, secret := m.sts.AddKey(m.user)
	must(t, m.Write(".aws/credentials", "[base]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n"))
	tt := newTerminal(t)
	j := tt.start(t, m.command(t, "--profile", "dev"))
	tt.sees(prompt, 1)
	if n := m.sts.Count("ListMFADevices"); n != 2 {
		t.Errorf("%d calls of ListMFADevices, want one a key", n)
	}
	tt.types(m.code() + "\n")
	m.creds(t, j.result(t))
	m.once(t)
}

func TestDeviceCannotBeFound(t *testing.T) {
	for _, tc := range []struct {
		name    string
		prepare func(m *mfaWorld)
		code    int
		says    []string
	}{
		{"two devices", func(m *mfaWorld) { m.sts.AddMFADevice(m.user, "second") }, exitConfig, []string{"2 MFA devices", "mfa/alice", "mfa/second", "--mfa-serial"}},
		{"a key and a device", func(m *mfaWorld) {
			m.sts.AddMFA(m.user, emulator.MFADevice{SerialNumber: "arn:aws:iam::" + account + ":u2f/user/alice/key-ABC"})
		}, exitHuman, []string{"sts-helper login dev"}}, // the device that shows codes is found
		{"not allowed", func(m *mfaWorld) {
			m.sts.SetUserPolicy(m.user, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
		}, exitDenied, []string{"AccessDenied", "iam:ListMFADevices", "mfa_serial"}},
		{"nobody there", func(m *mfaWorld) { m.Env["AWS_ENDPOINT_URL_IAM"] = "http://127.0.0.1:1" }, exitUnreachable, []string{"127.0.0.1:1", "mfa_serial"}},
		{"a redirect", func(m *mfaWorld) {
			elsewhere := httptest.NewServer(http.RedirectHandler(m.sts.URL(), http.StatusTemporaryRedirect))
			t.Cleanup(elsewhere.Close)
			m.Env["AWS_ENDPOINT_URL_IAM"] = elsewhere.URL
			m.Env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1"
		}, exitUnreachable, []string{"IAM at 127.0.0.1"}},
		{"plain http elsewhere", func(m *mfaWorld) { m.Env["AWS_ENDPOINT_URL_IAM"] = "http://192.0.2.1/" }, exitConfig, []string{"must be https"}},
		{"huge", func(m *mfaWorld) {
			m.sts.Fault(emulator.Fault{Kind: emulator.HugeError, Op: "ListMFADevices", Size: 1 << 20})
		}, exitUnreachable, []string{"cannot be read"}},
		{"down", func(m *mfaWorld) {
			m.sts.Fault(emulator.Fault{Kind: emulator.InternalFailure, Op: "ListMFADevices"})
		}, exitUnreachable, []string{"does not work"}},
		{"keys of a program", func(m *mfaWorld) {
			must(t, m.Write(".aws/credentials", ""))
			must(t, m.Write(".aws/config", "[profile base]\ncredential_process = echo nothing\n"))
		}, exitConfig, []string{"access key of an IAM user", "mfa_serial"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newAutoWorld(t)
			tc.prepare(m)
			r := m.run(t, "--profile", "dev")
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
				t.Fatalf("exit %d, want %d; %q", r.Code, tc.code, r.Stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("it does not say %q: %s", want, r.Stderr)
				}
			}
			if n := m.sts.Count("GetSessionToken"); n != 0 {
				t.Errorf("%d calls of STS", n)
			}
			if n := m.sts.Count("ListMFADevices"); n != 0 && tc.name == "a redirect" {
				t.Error("the redirect was followed")
			}
		})
	}
	t.Run("no device", func(t *testing.T) {
		w := newWorld(t)
		w.Env["AWS_ENDPOINT_URL_IAM"] = w.sts.URL()
		r := w.run(t, "--source-profile", "base", "--mfa-serial", "auto")
		if r.Code != exitConfig || !strings.Contains(r.Stderr, "no MFA device that shows codes") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	})
}
