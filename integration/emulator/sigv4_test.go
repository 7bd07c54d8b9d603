package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const wrongSignature = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

func TestSignatureIsRecomputed(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	w := wire{e: e, creds: keys(alice)}
	session := w.call(t, params("GetSessionToken")).creds(t)
	w.creds = session
	who := params("GetCallerIdentity")
	if a := w.call(t, who); a.status != 200 {
		t.Fatalf("unbroken request: %d %s", a.status, a.message)
	}
	// Every bit of the signature, the date, the token and the body counts.
	header := func(name string, i int, bit byte) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			v := []byte(r.Header.Get(name))
			if name == "Authorization" {
				i += strings.Index(string(v), "Signature=") + len("Signature=")
			}
			v[i] ^= bit
			r.Header.Set(name, string(v))
			return r
		}
	}
	refused := func(what string, w wire) {
		t.Helper()
		if a := w.call(t, who); a.status == 200 {
			t.Errorf("%s: accepted", what)
		}
	}
	for i := range 64 {
		for _, bit := range []byte{1, 2, 4} {
			w.after = header("Authorization", i, bit)
			refused("signature", w)
		}
	}
	for i := range len("20060102T150405Z") {
		w.after = header("X-Amz-Date", i, 1)
		refused("date", w)
	}
	for i := 0; i < len(session.SessionToken)-1; i += 7 {
		w.after = header("X-Amz-Security-Token", i, 1)
		refused("token", w)
	}
	for i := range len(who.Encode()) {
		w.after = func(r *http.Request) *http.Request {
			b, _ := io.ReadAll(r.Body)
			b[i] ^= 1
			r.Body = io.NopCloser(strings.NewReader(string(b)))
			return r
		}
		refused("body", w)
	}
	if e.Succeeded("GetCallerIdentity") != 1 {
		t.Errorf("%d calls succeeded", e.Succeeded("GetCallerIdentity"))
	}
}

func TestSignatureRefusals(t *testing.T) {
	e := start(t, emulator.World{})
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	e.SetNow(func() time.Time { return now })
	alice, bob := e.AddUser(account, "alice"), e.AddUser(account, "bob")
	base := wire{e: e, creds: keys(alice)}
	session := base.call(t, params("GetSessionToken", "DurationSeconds", "900")).creds(t)
	other := base.call(t, params("GetSessionToken")).creds(t)

	drop := func(h string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request { r.Header.Del(h); return r }
	}
	rewrite := func(old, new string) func(*http.Request) *http.Request {
		return func(r *http.Request) *http.Request {
			a := r.Header.Get("Authorization")
			if !strings.Contains(a, old) {
				t.Errorf("%q is not in %q", old, a)
			}
			r.Header.Set("Authorization", strings.Replace(a, old, new, 1))
			return r
		}
	}
	tests := []struct {
		name    string
		change  func(*wire)
		status  int
		code    string
		message string
	}{
		{"unsigned", func(w *wire) { w.plain = true }, 403, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{"unknown key", func(w *wire) { w.creds.AccessKeyID = "AKIAIOSFODNN7EXAMPLE" }, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"wrong secret", func(w *wire) { w.creds.SecretAccessKey = bob.SecretAccessKey }, 403, "SignatureDoesNotMatch", wrongSignature},
		{"long-term key with a token", func(w *wire) { w.creds.SessionToken = session.SessionToken }, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"session without its token", func(w *wire) { w.creds = session; w.creds.SessionToken = "" }, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"session with another's token", func(w *wire) { w.creds = session; w.creds.SessionToken = other.SessionToken }, 403, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"session with another's secret", func(w *wire) { w.creds = session; w.creds.SecretAccessKey = other.SecretAccessKey }, 403, "SignatureDoesNotMatch", wrongSignature},
		{"no date", func(w *wire) { w.after = drop("X-Amz-Date") }, 400, "IncompleteSignature", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."},
		{"no signature", func(w *wire) { w.after = rewrite("Signature=", "Sgn=") }, 400, "IncompleteSignature", "Authorization header requires 'Signature' parameter."},
		{"other algorithm", func(w *wire) { w.after = rewrite("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1") }, 400, "IncompleteSignature", "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1'."},
		{"short scope", func(w *wire) { w.after = rewrite("/aws4_request", "") }, 400, "IncompleteSignature",
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + alice.AccessKeyID + "/20261123/us-east-1/sts'"},
		{"terminator", func(w *wire) { w.after = rewrite("aws4_request", "aws5_request") }, 403, "SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		{"service", func(w *wire) { w.service = "sqs" }, 403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'sts'. "},
		{"region", func(w *wire) { w.region = "US_EAST" }, 403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. "},
		{"scope region changed", func(w *wire) { w.after = rewrite("us-east-1", "us-east-2") }, 403, "SignatureDoesNotMatch", wrongSignature},
		{"scope day", func(w *wire) { w.after = rewrite("20261123", "20261122") }, 403, "SignatureDoesNotMatch",
			"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261122' != '20261123', from '20261123T120000Z'."},
		{"five minutes slow", func(w *wire) { w.at = now.Add(-5 * time.Minute) }, 200, "", ""},
		{"a second more", func(w *wire) { w.at = now.Add(-5*time.Minute - time.Second) }, 403, "SignatureDoesNotMatch",
			"Signature expired: 20261123T115459Z is now earlier than 20261123T115500Z (20261123T120000Z - 5 min.)"},
		{"five minutes fast", func(w *wire) { w.at = now.Add(5 * time.Minute) }, 200, "", ""},
		{"a second more fast", func(w *wire) { w.at = now.Add(5*time.Minute + time.Second) }, 403, "SignatureDoesNotMatch",
			"Signature not yet current: 20261123T120501Z is still later than 20261123T120500Z (20261123T120000Z + 5 min.)"},
		{"host not signed", func(w *wire) { w.after = rewrite(";host;", ";") }, 403, "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"date not signed", func(w *wire) { w.after = rewrite(";x-amz-date", "") }, 403, "SignatureDoesNotMatch", "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
		{"token not signed", func(w *wire) { w.creds = session; w.after = rewrite(";x-amz-security-token", "") }, 403, "SignatureDoesNotMatch",
			"'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
		{"other host", func(w *wire) {
			w.after = func(r *http.Request) *http.Request { r.Host = "sts.amazonaws.com"; return r }
		}, 403, "SignatureDoesNotMatch", wrongSignature},
		{"content type changed", func(w *wire) {
			w.after = func(r *http.Request) *http.Request {
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				return r
			}
		}, 403, "SignatureDoesNotMatch", wrongSignature},
		{"not a form", func(w *wire) {
			w.before = func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }
		}, 404, "UnknownOperationException", `Content-Type "application/json" is not application/x-www-form-urlencoded`},
		{"other path", func(w *wire) { w.before = func(r *http.Request) { r.URL.Path = "/sts" } }, 404, "UnknownOperationException", "There is no resource /sts"},
		{"repeated parameter", func(w *wire) { w.body = "Action=GetCallerIdentity&Version=2011-06-15&Action=GetCallerIdentity" }, 400, "MalformedInput", "parameter Action is given 2 times"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := base
			tt.change(&w)
			w.call(t, params("GetCallerIdentity")).want(t, tt.status, tt.code, tt.message)
		})
	}
	t.Run("expired session", func(t *testing.T) {
		w := wire{e: e, creds: session}
		now = now.Add(900*time.Second - time.Millisecond)
		w.call(t, params("GetCallerIdentity")).want(t, 200, "", "")
		now = now.Add(time.Millisecond)
		w.call(t, params("GetCallerIdentity")).want(t, 403, "ExpiredToken", "The security token included in the request is expired")
		w.creds.SecretAccessKey = other.SecretAccessKey
		w.call(t, params("GetCallerIdentity")).want(t, 403, "SignatureDoesNotMatch", wrongSignature)
	})
}

func TestFixedRegion(t *testing.T) {
	e := start(t, emulator.World{Region: "eu-central-1"})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice")), region: "eu-central-1"}
	w.call(t, params("GetCallerIdentity")).want(t, 200, "", "")
	w.region = "us-east-1"
	w.call(t, params("GetCallerIdentity")).want(t, 403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region. ")
}

// A presigned GetCallerIdentity is how tokens for EKS and for Vault are made.
func TestPresigned(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	presign := func(mangle func(string) string) answer {
		t.Helper()
		r, _ := http.NewRequest("GET", e.URL()+"/?"+params("GetCallerIdentity").Encode()+"&X-Amz-Expires=60", nil)
		r.Header.Set("X-K8s-Aws-Id", "cluster one")
		sum := sha256.Sum256(nil)
		link, header, err := v4.NewSigner().PresignHTTP(context.Background(), keys(alice), r, hex.EncodeToString(sum[:]), "sts", "us-east-1", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r, _ = http.NewRequest("GET", mangle(link), nil)
		r.Header = header
		return send(t, r)
	}
	same := func(s string) string { return s }
	if a := presign(same); a.status != 200 || a.field(t, "Arn") != alice.ARN {
		t.Errorf("%d %s %s", a.status, a.code, a.message)
	}
	presign(func(s string) string { return strings.Replace(s, "X-Amz-Expires=60", "X-Amz-Expires=600", 1) }).want(t, 403, "SignatureDoesNotMatch", wrongSignature)
	e.SetNow(func() time.Time { return time.Now().Add(62 * time.Second) })
	presign(same).want(t, 400, "RequestExpired", "Request has expired.")
}
