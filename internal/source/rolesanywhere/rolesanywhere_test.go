package rolesanywhere_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
	"github.com/sts-helper/sts-helper/internal/source/rolesanywhere"
)

const account = "111122223333"

var transport = &http.Transport{DisableKeepAlives: true}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func file(t *testing.T, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pem")
	if err := os.WriteFile(path, slices.Concat(parts...), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestCreateSession(t *testing.T) {
	e := emulator.New(emulator.World{})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	role := e.AddRole(account, "workload", emulator.Trust("rolesanywhere.amazonaws.com"))
	anchor := e.AddTrustAnchor(account, "eu-west-1", role.ARN)
	rs := must(rsa.GenerateKey(rand.Reader, 2048))
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p521 := must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))
	for name, tt := range map[string]struct {
		signer crypto.Signer
		key    []byte
		below  bool // an intermediate authority
		one    bool // certificate and chain in one file
	}{
		"RSA in PKCS #1":          {rs, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rs)), false, false},
		"RSA in PKCS #8":          {rs, block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(rs))), true, false},
		"ECDSA in SEC 1":          {p256, slices.Concat(block("EC PARAMETERS", nil), block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(p256)))), true, true},
		"ECDSA in PKCS #8, P-521": {p521, block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(p521))), false, false},
	} {
		cert, chain := anchor.Issue(name, tt.signer.Public(), time.Now().Add(time.Hour), tt.below)
		certFile, chainFile := file(t, cert), ""
		switch {
		case tt.one:
			certFile = file(t, cert, chain)
		case chain != nil:
			chainFile = file(t, chain)
		}
		id, err := rolesanywhere.Load(certFile, file(t, tt.key), chainFile)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if left := time.Until(id.NotAfter()); left > time.Hour || left < 50*time.Minute {
			t.Errorf("%s: ends in %s", name, left)
		}
		r := rolesanywhere.Request{TrustAnchorARN: anchor.ARN, ProfileARN: anchor.ProfileARN, RoleARN: role.ARN}
		c, err := rolesanywhere.CreateSession(context.Background(), transport, e.URL(), "test", id, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		who, _ := e.Lookup(c.AccessKeyID)
		if !e.Owns(c.AccessKeyID, c.SecretAccessKey, c.SessionToken) || who.RoleSessionName == "" || c.AccountID != account || time.Until(c.Expires) > time.Hour {
			t.Errorf("%s: %v of %+v", name, c, who)
		}
		r.RoleARN = "arn:aws:iam::" + account + ":role/other"
		if _, err = rolesanywhere.CreateSession(context.Background(), transport, e.URL(), "test", id, r); oauth.CodeOf(err) != "AccessDeniedException" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	e := emulator.New(emulator.World{})
	anchor := e.AddTrustAnchor(account, "eu-west-1")
	key, stranger := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	certPEM, chainPEM := anchor.Issue("x", key.Public(), time.Now().Add(time.Hour), true)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, fine := file(t, certPEM), file(t, block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(key))))
	canary := []byte("CANARY")
	for name, tt := range map[string]struct{ cert, key, chain, want string }{
		"no certificate":     {fine, fine, "", "holds no PEM certificate"},
		"a broken one":       {file(t, block("CERTIFICATE", canary)), fine, "", "certificate 1 cannot be read"},
		"a missing one":      {cert + "x", fine, "", "no such file"},
		"no key":             {cert, cert, "", "holds no PEM private key"},
		"a broken key":       {cert, file(t, block("PRIVATE KEY", canary)), "", "cannot be read"},
		"an encrypted key":   {cert, file(t, block("ENCRYPTED PRIVATE KEY", canary)), "", "is encrypted"},
		"old encryption":     {cert, file(t, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "AES"}, Bytes: canary})), "", "is encrypted"},
		"another kind":       {cert, file(t, block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ed)))), "", "neither RSA nor ECDSA"},
		"another key":        {cert, file(t, block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(stranger)))), "", "is not the key of"},
		"a chain too long":   {cert, fine, file(t, slices.Repeat(chainPEM, 6)), "at most 5"},
		"a directory as key": {cert, t.TempDir(), "", "not a regular file"},
	} {
		_, err := rolesanywhere.Load(tt.cert, tt.key, tt.chain)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	r := rolesanywhere.Request{TrustAnchorARN: "arn:aws-cn:rolesanywhere:cn-north-1:111122223333:trust-anchor/x"}
	if got := rolesanywhere.Endpoint(r.Region()); got != "https://rolesanywhere.cn-north-1.amazonaws.com.cn" {
		t.Error(got)
	}
}
