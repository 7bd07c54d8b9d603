package transport_test

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"

	"github.com/sts-helper/sts-helper/internal/transport"
)

// authorities are those that AWS's certificates are issued below: https://www.amazontrust.com/repository/.
var authorities = []string{"Amazon Root CA 1", "Amazon Root CA 2", "Amazon Root CA 3", "Amazon Root CA 4", "Starfield Services Root Certificate Authority - G2"}

const asChild = "TRANSPORT_ROOTS_CHILD"

// Where the system has no certificates, those of the bundle are trusted, from the first request that
// needs any; where it has some, nothing else is.
func TestFallbackRoots(t *testing.T) {
	if os.Getenv(asChild) != "" {
		child(t)
		return
	}
	if runtime.GOOS != "linux" {
		t.Skip("SSL_CERT_FILE stands for the system's certificates on Linux and BSD")
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	own := filepath.Join(t.TempDir(), "own.pem")
	if err := os.WriteFile(own, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ file, want string }{
		"no certificates": {"/nonexistent", "server unknown, authorities known"},
		"its own":         {own, "server known, authorities unknown"},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFallbackRoots$", "-test.v")
		cmd.Env = append(os.Environ(), asChild+"="+server.URL, "SSL_CERT_FILE="+tt.file, "SSL_CERT_DIR=/nonexistent")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func child(t *testing.T) {
	known := func(ok bool) string {
		if ok {
			return "known"
		}
		return "unknown"
	}
	resp, err := (&http.Client{Transport: transport.New(nil, time.Minute)}).Get(os.Getenv(asChild))
	if err == nil {
		_ = resp.Body.Close()
	} else if !strings.Contains(err.Error(), "unknown authority") {
		t.Fatal(err)
	}
	found := 0
	for r := range bundle.Roots() {
		cert, perr := x509.ParseCertificate(r.Certificate)
		if perr != nil {
			t.Fatal(perr)
		}
		for _, name := range authorities {
			if cert.Subject.CommonName == name {
				if _, verr := cert.Verify(x509.VerifyOptions{}); verr == nil {
					found++
				}
			}
		}
	}
	if found != 0 && found != len(authorities) {
		t.Errorf("%d of %d authorities", found, len(authorities))
	}
	t.Logf("server %s, authorities %s", known(err == nil), known(found > 0))
}
