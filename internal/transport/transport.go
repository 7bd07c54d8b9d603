// Package transport makes the HTTP transports for requests to AWS and to identity providers.
package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"time"
)

// maxHeader bounds the header of an answer, in bytes.
const maxHeader = 64 << 10

// Roots are the certificates of a PEM bundle, nil for nil: then the system's are trusted. It is an
// error where there is none in the bundle.
func Roots(bundle []byte) (*x509.CertPool, error) {
	if bundle == nil {
		return nil, nil
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(bundle) {
		return roots, errors.New("no certificate in PEM in the CA bundle")
	}
	return roots, nil
}

// New is a transport for a request or a few: HTTP/1.1, TLS 1.2 and later, no kept connections, no compression,
// proxies as the environment says. Connecting may take as long as connect, and so may the TLS handshake.
// HTTP/2 would only add set-up, and requests that it sends again by itself.
func New(roots *x509.CertPool, connect time.Duration) *http.Transport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  proxy(roots),
		DialContext:            (&net.Dialer{Timeout: connect, KeepAlive: -1}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    connect,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeader,
		Protocols:              protocols,
	}
}
