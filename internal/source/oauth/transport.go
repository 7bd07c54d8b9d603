package oauth

import (
	"net/http"
	"time"

	"github.com/sts-helper/sts-helper/internal/transport"
)

// NewTransport is a transport for a few requests. caBundle are the certificates, PEM, that are trusted
// instead of the system's; nil means those. A bundle without any trusts none.
func NewTransport(caBundle []byte) *http.Transport {
	roots, _ := transport.Roots(caBundle)
	t := transport.New(roots, 5*time.Second)
	t.ResponseHeaderTimeout = 10 * time.Second
	return t
}
