package emulator_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// workload asks Roles Anywhere with a signature that can be broken in one place.
type workload struct {
	key         crypto.Signer
	cert, chain []byte // PEM
	body        map[string]any
	region      string
	at          time.Time
	serial      string
	unsigned    string // a header left out of the signature
	algorithm   string
	after       func(*http.Request)
}

func der(p []byte) []byte { b, _ := pem.Decode(p); return b.Bytes }

type sessionAnswer struct {
	status        int
	kind          string
	CredentialSet []struct {
		Credentials     struct{ AccessKeyID, SecretAccessKey, SessionToken, Expiration string }
		AssumedRoleUser struct{ Arn string }
	}
}

func (w workload) send(t testing.TB, e *emulator.Emulator) sessionAnswer {
	t.Helper()
	cert, err := x509.ParseCertificate(der(w.cert))
	if err != nil {
		t.Fatal(err)
	}
	if w.region == "" {
		w.region = "eu-west-1"
	}
	if w.at.IsZero() {
		w.at = e.Now()
	}
	if w.serial == "" {
		w.serial = cert.SerialNumber.String()
	}
	if w.algorithm == "" {
		w.algorithm = "AWS4-X509-ECDSA-SHA256"
		if _, ok := w.key.(*rsa.PrivateKey); ok {
			w.algorithm = "AWS4-X509-RSA-SHA256"
		}
	}
	body, _ := json.Marshal(w.body)
	r, err := http.NewRequest("POST", e.URL()+"/sessions", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	date := w.at.UTC().Format("20060102T150405Z")
	headers := map[string]string{"content-type": "application/json", "host": r.Host, "x-amz-date": date, "x-amz-x509": base64.StdEncoding.EncodeToString(cert.Raw)}
	if w.chain != nil {
		headers["x-amz-x509-chain"] = base64.StdEncoding.EncodeToString(der(w.chain))
	}
	var names []string
	for n, v := range headers {
		if n != w.unsigned {
			names = append(names, n)
		}
		if n != "host" {
			r.Header.Set(n, v)
		}
	}
	slices.Sort(names)
	var canonical strings.Builder
	canonical.WriteString("POST\n/sessions\n\n")
	for _, n := range names {
		canonical.WriteString(n + ":" + headers[n] + "\n")
	}
	signed := strings.Join(names, ";")
	hash := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:]) }
	canonical.WriteString("\n" + signed + "\n" + hash(string(body)))
	scope := date[:8] + "/" + w.region + "/rolesanywhere/aws4_request"
	sum := sha256.Sum256([]byte(w.algorithm + "\n" + date + "\n" + scope + "\n" + hash(canonical.String())))
	sig, err := w.key.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", w.algorithm+" Credential="+w.serial+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(sig))
	if w.after != nil {
		w.after(r)
	}
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := sessionAnswer{status: res.StatusCode, kind: res.Header.Get("X-Amzn-Errortype")}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestRolesAnywhere(t *testing.T) {
	e := start(t, emulator.World{})
	role := e.AddRole(account, "workload", emulator.Trust("rolesanywhere.amazonaws.com"))
	untrusting := e.AddRole(account, "untrusting")
	unlisted := e.AddRole(account, "unlisted", emulator.Trust("rolesanywhere.amazonaws.com"))
	anchor := e.AddTrustAnchor(account, "eu-west-1", role.ARN, untrusting.ARN)
	stranger := e.AddTrustAnchor(other, "eu-west-1")
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	body := func(kv ...any) map[string]any {
		m := map[string]any{"trustAnchorArn": anchor.ARN, "profileArn": anchor.ProfileARN, "roleArn": role.ARN, "durationSeconds": 900}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i].(string)] = kv[i+1]
		}
		return m
	}
	until := time.Now().Add(time.Hour)
	ecCert, _ := anchor.Issue("web", ec.Public(), until, false)
	rsCert, chain := anchor.Issue("batch", rs.Public(), until, true)
	ended, _ := anchor.Issue("old", ec.Public(), time.Now().Add(-time.Minute), false)
	foreign, _ := stranger.Issue("web", ec.Public(), until, false)

	for _, w := range []workload{{key: ec, cert: ecCert}, {key: rs, cert: rsCert, chain: chain}} {
		w.body = body("roleSessionName", "host-1")
		a := w.send(t, e)
		if a.status != 201 || len(a.CredentialSet) != 1 {
			t.Fatalf("%+v", a)
		}
		c := a.CredentialSet[0].Credentials
		who, err := client(e, c.AccessKeyID, c.SecretAccessKey, c.SessionToken).GetCallerIdentity(context.Background(), nil)
		if err != nil || !strings.HasSuffix(*who.Arn, ":assumed-role/workload/host-1") {
			t.Errorf("%v %v", who, err)
		}
		if at, err := time.Parse(time.RFC3339, c.Expiration); err != nil || time.Until(at) > 15*time.Minute {
			t.Errorf("%s %v", c.Expiration, err)
		}
	}

	for name, tt := range map[string]struct {
		w      workload
		status int
		kind   string
	}{
		"chain left out":   {workload{key: rs, cert: rsCert}, 403, "AccessDeniedException"},
		"ended":            {workload{key: ec, cert: ended}, 403, "AccessDeniedException"},
		"another anchor's": {workload{key: ec, cert: foreign}, 403, "AccessDeniedException"},
		"another key":      {workload{key: rs, cert: ecCert, algorithm: "AWS4-X509-ECDSA-SHA256"}, 403, "SignatureDoesNotMatch"},
		"algorithm":        {workload{key: ec, cert: ecCert, algorithm: "AWS4-X509-RSA-SHA256"}, 403, "AccessDeniedException"},
		"serial":           {workload{key: ec, cert: ecCert, serial: "1"}, 403, "AccessDeniedException"},
		"old signature":    {workload{key: ec, cert: ecCert, at: time.Now().Add(-6 * time.Minute)}, 403, "SignatureDoesNotMatch"},
		"region":           {workload{key: ec, cert: ecCert, region: "eu-west-2"}, 403, "AccessDeniedException"},
		"x509 unsigned":    {workload{key: ec, cert: ecCert, unsigned: "x-amz-x509"}, 403, "SignatureDoesNotMatch"},
		"type unsigned":    {workload{key: ec, cert: ecCert, unsigned: "content-type"}, 403, "SignatureDoesNotMatch"},
		"changed after":    {workload{key: ec, cert: ecCert, after: func(r *http.Request) { r.URL.RawQuery = "a=b" }}, 403, "SignatureDoesNotMatch"},
		"no anchor":        {workload{key: ec, cert: ecCert, body: body("trustAnchorArn", "x")}, 404, "ResourceNotFoundException"},
		"no profile":       {workload{key: ec, cert: ecCert, body: body("profileArn", "x")}, 404, "ResourceNotFoundException"},
		"role not listed":  {workload{key: ec, cert: ecCert, body: body("roleArn", unlisted.ARN)}, 403, "AccessDeniedException"},
		"role not trusting": {workload{key: ec, cert: ecCert, body: body("roleArn", untrusting.ARN)}, 403,
			"AccessDeniedException"},
		"too long": {workload{key: ec, cert: ecCert, body: body("durationSeconds", 43201)}, 400, "ValidationException"},
	} {
		if tt.w.body == nil {
			tt.w.body = body()
		}
		if a := tt.w.send(t, e); a.status != tt.status || a.kind != tt.kind {
			t.Errorf("%s: %d %s", name, a.status, a.kind)
		}
	}
}
