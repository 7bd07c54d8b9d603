package oauth

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"
)

// NewTransport is a transport for a few requests: HTTP/1.1, no kept connections, proxies as the
// environment says. caBundle are the certificates, PEM, that are trusted instead of the
// system's; nil means those. A bundle without any trusts none.
func NewTransport(caBundle []byte) *http.Transport {
	var roots *x509.CertPool
	if caBundle != nil {
		roots = x509.NewCertPool()
		roots.AppendCertsFromPEM(caBundle)
	}
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: -1}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  10 * time.Second,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 64 << 10,
		Protocols:              p,
	}
}
