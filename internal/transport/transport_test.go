package transport_test

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/transport"
)

// A bundle replaces the system's certificates, and one without any is an error that trusts none.
func TestRoots(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }))
	defer server.Close()
	for name, c := range map[string]struct {
		bundle   []byte
		err, get bool // fails
	}{
		"the server's": {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), false, false},
		"none":         {nil, false, true},
		"empty":        {[]byte{}, true, true},
		"damaged":      {[]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), true, true},
	} {
		roots, err := transport.Roots(c.bundle)
		if (err != nil) != c.err {
			t.Errorf("%s: %v", name, err)
		}
		if (roots == nil) != (c.bundle == nil) || c.err && !roots.Equal(x509.NewCertPool()) {
			t.Errorf("%s: %v", name, roots)
		}
		resp, err := (&http.Client{Transport: transport.New(roots, 10*time.Second)}).Get(server.URL)
		if (err != nil) != c.get {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			if body, _ := io.ReadAll(resp.Body); string(body) != "HTTP/1.1" || !resp.Close {
				t.Errorf("%s: %s, kept %v", name, body, !resp.Close)
			}
			_ = resp.Body.Close()
		}
	}
}
