package mfa_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// newAutoWorld is a world whose user's device is to be found.
func newAutoWorld(t *testing.T) *harness.MFAWorld {
	t.Helper()
	m := harness.NewMFAWorld(t)
	m.Env["AWS_ENDPOINT_URL_IAM"] = m.STS.URL()
	harness.Must(t, m.Write(".aws/config", ""))
	config := strings.ReplaceAll(m.Read(t, ".config/sts-helper/config.toml"), "source_profile", "mfa_serial = \"auto\"\nsource_profile")
	harness.Must(t, m.Write(".config/sts-helper/config.toml", config))
	return m
}

// The device is looked up once, by one of all processes, and a hit asks nothing.
func TestDeviceIsFound(t *testing.T) {
	t.Parallel()
	const n = 40
	m := newAutoWorld(t)
	tt := harness.NewTerminal(t)
	results := m.CrowdOn(t, tt, n, "--profile r$((i % 8))", func(session int) {
		tt.Await("device "+m.Device.SerialNumber, 1)
		tt.Await(harness.Prompt, 1)
		harness.AwaitAsleep(t, session, n)
		tt.Type(m.Code() + "\n")
	})
	for _, r := range results {
		m.Creds(t, r)
	}
	m.Calls(t, 1, harness.Roles, 1, 0)
	if n := m.STS.Count("ListMFADevices"); n != 1 {
		t.Errorf("%d calls of ListMFADevices, want 1", n)
	}
	// The device found and the same device named are the same token.
	before := m.STS.Count("")
	m.Creds(t, m.Run(t, "--profile", "dev"))
	m.Creds(t, m.Run(t, "--source-profile", "base", "--mfa-serial", m.Device.SerialNumber))
	if got := m.STS.Count(""); got != before {
		t.Errorf("%d more calls on hits", got-before)
	}
}

// A device that STS does not know any more is forgotten, and looked up when it is next wanted.
func TestDeviceThatIsGoneIsLookedUpAnew(t *testing.T) {
	t.Parallel()
	m := newAutoWorld(t)
	m.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Op: "GetSessionToken", Times: 1, Status: 403, Code: "AccessDenied",
		Message: "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."})
	if r := m.Run(t, "--profile", "dev", "--mfa-code", m.WrongCode(0)); r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "check the serial number") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	m.Creds(t, m.Run(t, "--profile", "dev", "--duration", "2h", "--mfa-code", m.Code()))
	if n := m.STS.Count("ListMFADevices"); n != 2 {
		t.Errorf("%d calls of ListMFADevices, want 2", n)
	}
}

func TestDeviceOfARotatedKeyIsLookedUpAnew(t *testing.T) {
	t.Parallel()
	m := newAutoWorld(t)
	clock := m.Movable(t)
	m.Creds(t, m.Run(t, "--profile", "dev", "--mfa-code", m.Code()))
	clock.NextStep(t)
	id, secret := m.STS.AddKey(m.User)
	harness.Must(t, m.Write(".aws/credentials", "[base]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n"))
	tt := harness.NewTerminal(t)
	j := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	tt.Await(harness.Prompt, 1)
	if n := m.STS.Count("ListMFADevices"); n != 2 {
		t.Errorf("%d calls of ListMFADevices, want one a key", n)
	}
	tt.Type(m.Code() + "\n")
	m.Creds(t, j.Result(t))
	m.SentOnce(t)
}

func TestDeviceCannotBeFound(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		prepare func(m *harness.MFAWorld)
		code    int
		says    []string
	}{
		{"two devices", func(m *harness.MFAWorld) { m.STS.AddMFADevice(m.User, "second") }, harness.ExitConfig, []string{"2 MFA devices", "mfa/alice", "mfa/second", "--mfa-serial"}},
		{"a key and a device", func(m *harness.MFAWorld) {
			m.STS.AddMFA(m.User, emulator.MFADevice{SerialNumber: "arn:aws:iam::" + harness.Account + ":u2f/user/alice/key-ABC"})
		}, harness.ExitInteraction, []string{"sts-helper login dev"}}, // the device that shows codes is found
		{"not allowed", func(m *harness.MFAWorld) {
			m.STS.SetUserPolicy(m.User, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}`)
		}, harness.ExitDenied, []string{"AccessDenied", "iam:ListMFADevices", "mfa_serial"}},
		{"no server there", func(m *harness.MFAWorld) { m.Env["AWS_ENDPOINT_URL_IAM"] = "http://127.0.0.1:1" }, harness.ExitUnreachable, []string{"127.0.0.1:1", "mfa_serial"}},
		{"a redirect", func(m *harness.MFAWorld) {
			elsewhere := httptest.NewServer(http.RedirectHandler(m.STS.URL(), http.StatusTemporaryRedirect))
			t.Cleanup(elsewhere.Close)
			m.Env["AWS_ENDPOINT_URL_IAM"] = elsewhere.URL
			m.Env["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1"
		}, harness.ExitUnreachable, []string{"IAM at 127.0.0.1"}},
		{"plain http elsewhere", func(m *harness.MFAWorld) { m.Env["AWS_ENDPOINT_URL_IAM"] = "http://192.0.2.1/" }, harness.ExitConfig, []string{"use https"}},
		{"huge", func(m *harness.MFAWorld) {
			m.STS.Fault(emulator.Fault{Kind: emulator.HugeError, Op: "ListMFADevices", Size: 1 << 20})
		}, harness.ExitUnreachable, []string{"cannot be read"}},
		{"down", func(m *harness.MFAWorld) {
			m.STS.Fault(emulator.Fault{Kind: emulator.InternalFailure, Op: "ListMFADevices"})
		}, harness.ExitUnreachable, []string{"does not work"}},
		{"keys of a program", func(m *harness.MFAWorld) {
			harness.Must(t, m.Write(".aws/credentials", ""))
			harness.Must(t, m.Write(".aws/config", "[profile base]\ncredential_process = echo nothing\n"))
		}, harness.ExitConfig, []string{"access key of an IAM user", "mfa_serial"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := newAutoWorld(t)
			tc.prepare(m)
			r := m.Run(t, "--profile", "dev")
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
				t.Fatalf("exit %d, want %d; %q", r.Code, tc.code, r.Stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("it does not say %q: %s", want, r.Stderr)
				}
			}
			if n := m.STS.Count("GetSessionToken"); n != 0 {
				t.Errorf("%d calls of STS", n)
			}
			if n := m.STS.Count("ListMFADevices"); n != 0 && tc.name == "a redirect" {
				t.Error("the redirect was followed")
			}
		})
	}
	t.Run("no device", func(t *testing.T) {
		w := harness.NewWorld(t)
		w.Env["AWS_ENDPOINT_URL_IAM"] = w.STS.URL()
		r := w.Run(t, "--source-profile", "base", "--mfa-serial", "auto")
		if r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "no MFA device that shows codes") {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
	})
}
