package emulator_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// admin makes one call of the admin API and decodes the answer.
func admin(t testing.TB, e *emulator.Emulator, method, path, body string, out any) int {
	t.Helper()
	r, _ := http.NewRequest(method, e.URL()+"/_emulator/"+path, strings.NewReader(body))
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if out != nil {
		if err := json.Unmarshal(b, out); err != nil {
			t.Fatalf("%s %s: %v\n%s", method, path, err, b)
		}
	}
	return res.StatusCode
}

func TestAdmin(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	d := e.AddMFADevice(alice, "phone")
	oidc, saml := e.AddOIDCProvider(account, "https://idp.example.com", "sts.amazonaws.com"), e.AddSAMLProvider(account, "corp")
	e.AddRole(account, "web", emulator.Trust(oidc.ARN, saml.ARN))
	w := wire{e: e, creds: keys(alice)}

	if admin(t, e, "GET", "counts", "", nil) == 200 {
		t.Fatal("open before it was enabled")
	}
	e.ResetCounts()
	e.EnableAdmin()
	var totp struct {
		Code        string `json:"code"`
		SecondsLeft int    `json:"seconds_left"`
	}
	if admin(t, e, "GET", "totp?device=phone", "", &totp); totp.Code != d.Code(e.Now()) && totp.SecondsLeft > 1 {
		t.Errorf("%+v", totp)
	}
	if admin(t, e, "GET", "totp?device=none", "", nil) != 400 {
		t.Error("a code of no device")
	}
	if s := admin(t, e, "POST", "fault", `{"kind":"503","op":"GetSessionToken","times":1}`, nil); s != 200 {
		t.Error(s)
	}
	for _, bad := range []string{`{"kind":"hiccup"}`, `{"kind":"500","tmies":1}`, `{"kind":"delay","delay":"soon"}`, `[]`} {
		if s := admin(t, e, "POST", "fault", bad, nil); s != 400 {
			t.Errorf("%s: %d", bad, s)
		}
	}
	w.call(t, params("GetSessionToken")).want(t, 503, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
	issued := w.call(t, params("GetSessionToken", "SerialNumber", d.SerialNumber, "TokenCode", d.Code(e.Now()))).creds(t)
	var counts struct {
		Requests  map[string]int `json:"requests"`
		Succeeded map[string]int `json:"succeeded"`
		Rejected  int            `json:"rejected_codes"`
	}
	if admin(t, e, "GET", "counts", "", &counts); counts.Requests["GetSessionToken"] != 2 || counts.Succeeded["GetSessionToken"] != 1 || counts.Rejected != 0 {
		t.Errorf("%+v", counts)
	}
	var log []emulator.Request
	if admin(t, e, "GET", "requests", "", &log); len(log) != 2 || log[0].Fault != "503" || !log[1].MFA || log[1].Issued != issued.AccessKeyID || log[1].TokenCode != "" {
		t.Errorf("%+v", log)
	}
	var id emulator.Identity
	if admin(t, e, "GET", "lookup?access_key_id="+issued.AccessKeyID, "", &id); id.User != "alice" || !id.MFA {
		t.Errorf("%+v", id)
	}
	var world emulator.Description
	if admin(t, e, "GET", "world", "", &world); len(world.Users) != 1 || world.Users[0].SecretAccessKey != alice.SecretAccessKey || world.Env["AWS_ENDPOINT_URL_STS"] != e.URL() {
		t.Errorf("%+v", world)
	}
	var token struct{ Token, Assertion string }
	admin(t, e, "GET", "webidentity?sub=s&aud=sts.amazonaws.com&ttl=5m&provider="+url.QueryEscape(oidc.ARN), "", &token)
	wire{e: e, plain: true}.call(t, params("AssumeRoleWithWebIdentity", "RoleArn", roleARN("web"), "RoleSessionName", "me", "WebIdentityToken", token.Token)).want(t, 200, "", "")
	admin(t, e, "GET", "saml?session=me&role="+url.QueryEscape(roleARN("web"))+"&provider="+url.QueryEscape(saml.ARN), "", &token)
	wire{e: e, plain: true}.call(t, params("AssumeRoleWithSAML", "RoleArn", roleARN("web"), "PrincipalArn", saml.ARN, "SAMLAssertion", token.Assertion)).want(t, 200, "", "")

	admin(t, e, "POST", "clock?offset=13h", "", nil)
	wire{e: e, creds: issued}.call(t, params("GetCallerIdentity")).want(t, 403, "ExpiredToken", "The security token included in the request is expired")
	admin(t, e, "POST", "clock?offset=0", "", nil)
	if off := time.Until(e.Now()); off > time.Minute || off < -time.Minute {
		t.Errorf("the clock is %s off", off)
	}
	admin(t, e, "POST", "gate?op=GetCallerIdentity", "", nil)
	if admin(t, e, "POST", "gate?op=GetCallerIdentity", "", nil) != 400 {
		t.Error("two gates")
	}
	got := make(chan answer)
	go func() { got <- w.call(t, params("GetCallerIdentity")) }()
	if err := e.WaitInFlight(t.Context(), "GetCallerIdentity", 1); err != nil {
		t.Fatal(err)
	}
	admin(t, e, "POST", "release?op=GetCallerIdentity", "", nil)
	(<-got).want(t, 200, "", "")
	admin(t, e, "POST", "clear?counts=1", "", nil)
	if e.Count("") != 0 || len(e.Requests()) != 0 {
		t.Errorf("%d counted after clearing", e.Count(""))
	}
	if admin(t, e, "GET", "nothing", "", nil) != 404 {
		t.Error("a call that does not exist")
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.Host = "evil.example:80" },
		func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1") },
	} {
		r, _ := http.NewRequest("GET", e.URL()+"/_emulator/world", nil)
		change(r)
		res, err := plainClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != 403 {
			t.Errorf("from a browser: %d", res.StatusCode)
		}
	}
}

func TestWorldAsData(t *testing.T) {
	var w emulator.World
	err := json.Unmarshal([]byte(`{
		"users": [
			{"account": "111122223333", "name": "alice", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "CANARYalice",
			 "policy": {"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}},
			 "mfa_devices": [{"serial_number": "GAHT12345678", "secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"}]},
			{"account": "111122223333", "root": true}],
		"roles": [{"account": "111122223333", "name": "r", "trusted": ["111122223333"], "policy": "{\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}}"}]
	}`), &w)
	if err != nil {
		t.Fatal(err)
	}
	e := start(t, w)
	u := e.Users()
	if len(u) != 2 || u[0].AccessKeyID != "AKIAIOSFODNN7EXAMPLE" || u[1].ARN != "arn:aws:iam::111122223333:root" || len(e.Devices(u[0])) != 1 {
		t.Fatalf("%+v", u)
	}
	d := e.Devices(u[0])[0]
	(wire{e: e, creds: keys(u[0])}).call(t, params("AssumeRole", "RoleArn", roleARN("r"), "RoleSessionName", "me", "SerialNumber", "GAHT12345678", "TokenCode", d.Code(e.Now()))).want(t, 200, "", "")

	for name, bad := range map[string]emulator.World{
		"account":  {Users: []emulator.User{{Account: "1", Name: "a"}}},
		"name":     {Users: []emulator.User{{Account: account}}},
		"policy":   {Users: []emulator.User{{Account: account, Name: "a", Policy: "{"}}},
		"path":     {Roles: []emulator.Role{{Account: account, Name: "a", Path: "x"}}},
		"maximum":  {Roles: []emulator.Role{{Account: account, Name: "a", MaxSessionDuration: 60}}},
		"same key": {Users: []emulator.User{{Account: account, Name: "a", AccessKeyID: "AKIA1"}, {Account: account, Name: "b", AccessKeyID: "AKIA1"}}},
		"secret":   {Users: []emulator.User{{Account: account, Name: "a", MFADevices: []emulator.MFADevice{{Name: "x", Secret: "1"}}}}},
		"issuer":   {OIDCProviders: []emulator.OIDCProvider{{Account: account, URL: "http://x"}}},
	} {
		if _, err := emulator.Open(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
