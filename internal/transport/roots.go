package transport

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"sync"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// fallbackRoots lets Mozilla's certificates be trusted where the system has none, as in an empty
// container image. They are linked, and parsed in that case alone.
var fallbackRoots = sync.OnceFunc(func() {
	if system, err := x509.SystemCertPool(); err == nil && !system.Equal(x509.NewCertPool()) {
		return
	}
	roots := x509.NewCertPool()
	for r := range bundle.Roots() {
		cert, err := x509.ParseCertificate(r.Certificate)
		switch {
		case err != nil:
		case r.Constraint != nil:
			roots.AddCertWithConstraint(cert, r.Constraint)
		default:
			roots.AddCert(cert)
		}
	}
	x509.SetFallbackRoots(roots)
})

// proxy is the proxy that the environment names. A request that needs roots is seen here first.
func proxy(roots *x509.CertPool) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if roots == nil && r.URL.Scheme == "https" {
			fallbackRoots()
		}
		return http.ProxyFromEnvironment(r)
	}
}
