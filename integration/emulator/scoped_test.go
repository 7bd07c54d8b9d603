package emulator_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// allow is a policy that allows the actions, and to narrow further.
func allow(actions ...string) string {
	list := `"sts:GetScopedCredentials"`
	for _, a := range actions {
		list += `,"` + a + `"`
	}
	return doc(`{"Effect":"Allow","Action":[` + list + `],"Resource":"*"}`)
}

// sessions are temporary credentials of every kind that there is.
func sessions(t *testing.T, e *emulator.Emulator) map[string]aws.Credentials {
	t.Helper()
	alice := e.AddUser(account, "alice")
	e.AddRole(account, "all")
	get := func(op string, kv ...string) aws.Credentials {
		return wire{e: e, creds: keys(alice)}.call(t, params(op, kv...)).creds(t)
	}
	d := e.AddMFADevice(alice, "alice")
	return map[string]aws.Credentials{
		"session":          get("GetSessionToken"),
		"session with MFA": get("GetSessionToken", "SerialNumber", d.SerialNumber, "TokenCode", d.Code(e.Now())),
		"federated":        get("GetFederationToken", "Name", "Bob", "Policy", string(emulator.AllowAll)),
		"role":             get("AssumeRole", "RoleArn", roleARN("all"), "RoleSessionName", "me", "SourceIdentity", "ada", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "ops"),
	}
}

// s3 sends a request to the emulated S3.
func (w wire) s3(t testing.TB, method, path string) answer {
	t.Helper()
	w.service = "s3"
	w.before = func(r *http.Request) {
		r.Method, r.URL.Path, r.Body, r.ContentLength = method, path, nil, 0
		r.Header.Del("Content-Type")
		r.Header.Set("X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	}
	return send(t, w.request(t, url.Values{}))
}

// Scoped credentials are the same principal's, and may do what every policy on the way allows.
func TestScopedCredentials(t *testing.T) {
	e := start(t, emulator.World{})
	for kind, parent := range sessions(t, e) {
		t.Run(kind, func(t *testing.T) {
			who, _ := e.Lookup(parent.AccessKeyID)
			w := wire{e: e, creds: parent}
			a := w.call(t, params("GetScopedCredentials", "Policy", allow("ec2:*", "s3:GetObject"), "ScopedSessionDescription", "a test"))
			if a.field(t, "Arn") != who.ARN || a.field(t, "ScopedSessionId") != who.UserID || a.field(t, "ScopedPoliciesCount") != "1" {
				t.Error(a.body)
			}
			child := a.creds(t)
			id, _ := e.Lookup(child.AccessKeyID)
			if id.Expiration != who.Expiration || id.Operation != "GetScopedCredentials" || id.Description != "a test" || id.SourceIdentity != who.SourceIdentity || id.Tags["Team"] != who.Tags["Team"] {
				t.Errorf("%+v of %+v", id, who)
			}
			if got := (wire{e: e, creds: child}).call(t, params("GetCallerIdentity")).field(t, "Arn"); got != who.ARN {
				t.Errorf("it is %s", got)
			}
			grandchild := wire{e: e, creds: child}.call(t, params("GetScopedCredentials", "Policy", allow("ec2:DescribeImages", "s3:*"))).creds(t)
			for _, tt := range []struct {
				creds                     aws.Credentials
				zones, images, read, list bool
			}{{parent, true, true, true, true}, {child, true, true, true, false}, {grandchild, false, true, true, false}} {
				w := wire{e: e, creds: tt.creds, service: "ec2"}
				for op, ok := range map[string]bool{"DescribeAvailabilityZones": tt.zones, "DescribeImages": tt.images} {
					if a := w.call(t, params(op, "Version", "2016-11-15")); (a.status == 200) != ok || !ok && a.code != "UnauthorizedOperation" {
						t.Errorf("%s: %d %s", op, a.status, a.message)
					}
				}
				for path, ok := range map[string]bool{"/bucket/key": tt.read, "/bucket": tt.list} {
					if a := w.s3(t, "GET", path); (a.status == 200) != ok || !ok && (a.status != 403 || !strings.Contains(a.body, "<Code>AccessDenied</Code>")) {
						t.Errorf("%s: %d %s", path, a.status, a.body)
					}
				}
			}
		})
	}
}

func TestScopedRefusals(t *testing.T) {
	e := start(t, emulator.World{})
	parents := sessions(t, e)
	w := wire{e: e, creds: parents["role"]}
	narrow := params("GetScopedCredentials", "Policy", allow("ec2:*"))
	// Layers: three, and any number of those without a policy.
	for n := 1; n <= 3; n++ {
		a := w.call(t, narrow)
		if got := a.field(t, "ScopedPoliciesCount"); got != strconv.Itoa(n) {
			t.Errorf("%s policies, want %d", got, n)
		}
		w.creds = a.creds(t)
	}
	a := w.call(t, params("GetScopedCredentials", "DurationSeconds", "60"))
	if a.field(t, "ScopedPoliciesCount") != "3" {
		t.Error(a.body)
	}
	w.call(t, narrow).want(t, 403, "AccessDenied", "The session already has the maximum of 3 scope-down policies.")
	// Lifetimes.
	w.creds = parents["role"]
	end, _ := e.Lookup(w.creds.AccessKeyID)
	left := int(end.Expiration.Sub(e.Now()) / time.Second)
	w.call(t, params("GetScopedCredentials", "DurationSeconds", strconv.Itoa(left+1))).want(t, 400, "InsufficientSessionLifetime",
		"The requested DurationSeconds exceeds the remaining lifetime of the calling session.")
	short := w.call(t, params("GetScopedCredentials", "DurationSeconds", "1")).creds(t)
	if id, _ := e.Lookup(short.AccessKeyID); id.Expiration.Sub(id.Issued) > time.Second {
		t.Errorf("lives %s", id.Expiration.Sub(id.Issued))
	}
	w.call(t, params("GetScopedCredentials")).want(t, 400, "ValidationError", "Either Policy or DurationSeconds must be specified.")
	w.call(t, params("GetScopedCredentials", "Policy", `{"Statement":[}`)).want(t, 400, "MalformedPolicyDocument", "This policy contains invalid Json")
	// Callers.
	alice := e.Users()[0]
	for name, creds := range map[string]aws.Credentials{"user": keys(alice), "root": keys(e.AddRoot(account))} {
		if a := (wire{e: e, creds: creds}).call(t, narrow); a.status != 403 || a.code != "AccessDenied" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	// Who may not narrow what is narrowed already.
	w.creds = w.call(t, params("GetScopedCredentials", "Policy", doc(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`))).creds(t)
	w.call(t, narrow).want(t, 403, "AccessDenied", "User: arn:aws:sts::"+account+":assumed-role/all/me is not authorized to perform: sts:GetScopedCredentials on resource: *")
	// The global endpoint.
	w.creds = parents["role"]
	w.before = func(r *http.Request) { r.Host = "sts.amazonaws.com" }
	if a := w.call(t, narrow); a.code != "InvalidAction" {
		t.Error(a.body)
	}
}

// A session token can be made as long as the longest that AWS makes, by a request or for all of them.
func TestMinimumTokenSize(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	a := w.call(t, params("GetSessionToken", "MinimumSessionTokenSize", "2048"))
	if len(a.field(t, "SessionToken")) != 2048 || a.field(t, "SessionTokenUtilization") != "50" {
		t.Error(a.body)
	}
	e.SetMinimumTokenSize(4096)
	a = w.call(t, params("GetSessionToken"))
	if len(a.field(t, "SessionToken")) != 4096 || a.field(t, "SessionTokenSize") != "4096" || a.field(t, "SessionTokenUtilization") != "100" {
		t.Error(a.body)
	}
	(wire{e: e, creds: a.creds(t)}).call(t, params("GetCallerIdentity"))
}

// A policy of GetScopedCredentials takes its place in the token beside those that are in it already.
func TestScopedSize(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: sessions(t, e)["role"]}
	var actions []string
	for _, s := range []string{"acm", "athena", "backup", "batch", "cloudtrail", "codebuild", "config", "dax", "dms", "ecr"} {
		actions = append(actions, s+":Create"+strings.ToUpper(s)+"Thing", s+":Delete"+strings.ToUpper(s)+"Other")
	}
	w.creds = w.call(t, params("GetScopedCredentials", "Policy", allow(actions...))).creds(t)
	if a := w.call(t, params("GetScopedCredentials", "Policy", allow(actions...))); a.status != 400 || a.code != "PackedPolicyTooLarge" || !strings.Contains(a.message, " of 4096 bytes") {
		t.Error(a.body)
	}
}

// A web identity token says who the caller is, to those it is for, where the account has it enabled.
func TestGetWebIdentityToken(t *testing.T) {
	e := start(t, emulator.World{})
	parents := sessions(t, e)
	ask := params("GetWebIdentityToken", "Audience.member.1", "https://example.com", "Audience.member.2", "other", "SigningAlgorithm", "ES384", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "ops")
	w := wire{e: e, creds: parents["role"]}
	if a := w.call(t, ask); a.status != 403 || a.code != "OutboundWebIdentityFederationDisabledException" {
		t.Error(a.body)
	}
	e.SetAccount(emulator.Account{ID: account, OutboundFederation: true})
	a := w.call(t, ask)
	claims := jwtClaims(t, a.field(t, "WebIdentityToken"))
	for _, want := range []string{`"sub":"` + roleARN("all") + `"`, `"aud":["https://example.com","other"]`, `"Team":"ops"`} {
		if !strings.Contains(claims, want) {
			t.Errorf("%s lacks %s", claims, want)
		}
	}
	for _, kind := range []string{"session", "federated"} {
		if a := (wire{e: e, creds: parents[kind]}).call(t, ask); a.status != 403 {
			t.Errorf("%s: %d", kind, a.status)
		}
	}
	ask.Set("DurationSeconds", "3600")
	w.creds = w.call(t, params("GetScopedCredentials", "DurationSeconds", "1800")).creds(t)
	if a := w.call(t, ask); a.code != "SessionDurationEscalationException" {
		t.Error(a.body)
	}
	ask.Set("DurationSeconds", "300")
	ask.Set("SigningAlgorithm", "HS256")
	if a := w.call(t, ask); a.code != "ValidationError" {
		t.Error(a.body)
	}
}

// jwtClaims is the payload of a JWT.
func jwtClaims(t *testing.T, jwt string) string {
	t.Helper()
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", jwt)
	}
	b, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
