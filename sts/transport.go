package sts

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/transport"
	"github.com/sts-helper/sts-helper/token"
)

// newTransport is the transport of a client that is not given one. A proxy that refuses is a [proxyError].
func newTransport(roots *x509.CertPool, proxy func(*http.Request) (*url.URL, error)) *http.Transport {
	t := transport.New(roots, connectTime)
	if proxy != nil {
		t.Proxy = proxy
	}
	t.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
		if resp.StatusCode != http.StatusOK {
			return &proxyError{status: resp.StatusCode}
		}
		return nil
	}
	return t
}

// proxyError is a proxy that would not make the connection.
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy answered %d %s", e.status, http.StatusText(e.status))
}

// badAnswer is an answer that is refused before the SDK reads it.
type badAnswer struct{ text string }

func (e *badAnswer) Error() string { return e.text }

// exchange is one request and its answer, as the SDK's HTTP client. It reads the whole answer
// within bounds before the SDK sees any of it, and remembers what the SDK forgets.
type exchange struct {
	transport http.RoundTripper
	ours      bool // the transport is newTransport's, whose traces can be trusted
	operation token.Operation

	started   bool // the SDK got as far as sending
	connected bool // a connection to STS, or to the proxy of a plain request, was there to send on
	status    int  // 0 until an answer began
	requestID string
	skew      time.Duration // STS's clock less ours, whole seconds; 0 where it did not say
	arrived   time.Time     // of the whole answer
	err       error
}

// unsent reports whether it is certain that no byte of the request left this machine.
func (x *exchange) unsent() bool { return !x.started || x.ours && !x.connected && x.status == 0 }

// Do makes one round trip: redirects, cookies and retries are what http.Client adds, and unwanted.
func (x *exchange) Do(req *http.Request) (*http.Response, error) {
	x.started = true
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { x.connected = true },
	})
	resp, err := x.transport.RoundTrip(req.WithContext(ctx))
	if err != nil {
		x.err = err
		return nil, err
	}
	defer resp.Body.Close()
	x.status = resp.StatusCode
	x.requestID = display.Clip(resp.Header.Get("X-Amzn-Requestid"), 64)
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil && resp.Header.Get("Age") == "" {
		x.skew = date.Sub(time.Now().Round(0)).Round(time.Second)
	}
	body, err := readBody(resp)
	x.arrived = time.Now()
	if err == nil {
		err = x.inspect(resp, body)
	}
	if err != nil {
		x.err = err
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	return resp, nil
}

// readBody reads an answer whole, and not a byte beyond the limit and one.
func readBody(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if len(body) > maxBody {
		return nil, &badAnswer{fmt.Sprintf("an answer of more than %d KiB", maxBody>>10)}
	}
	return body, err
}

// inspect refuses what no STS sends. Answers of 500 and above are left to the caller: whatever
// they hold, STS is not available.
func (x *exchange) inspect(resp *http.Response, body []byte) error {
	switch {
	case x.status >= 300 && x.status < 400:
		return &badAnswer{fmt.Sprintf("a redirect (%d) to %s", x.status, display.Quote(withoutQuery(resp.Header.Get("Location"))))}
	case x.status == http.StatusProxyAuthRequired:
		return &proxyError{status: x.status}
	case x.status >= 500 || x.status == http.StatusTooManyRequests:
		return nil
	}
	if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return &badAnswer{"a compressed answer (" + display.Quote(e) + "), which was not asked for"}
	}
	if x.status < 400 {
		if x.status != http.StatusOK {
			return &badAnswer{fmt.Sprintf("status %d", x.status)}
		}
		return inspectXML(body, string(x.operation)+"Response", resp.Header.Get("Content-Type"))
	}
	if err := inspectXML(body, "ErrorResponse", resp.Header.Get("Content-Type")); err != nil {
		return &badAnswer{fmt.Sprintf("status %d and %s", x.status, err)}
	}
	return nil
}

// reason says of a failed round trip what failed, without repeating bytes that came over the wire.
func reason(err error) string {
	var (
		dns   *net.DNSError
		op    *net.OpError
		proxy *proxyError
		bad   *badAnswer
		cert  *tls.CertificateVerificationError
		rec   tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &bad):
		return bad.text
	case errors.As(err, &proxy):
		return proxy.Error()
	case errors.As(err, &dns):
		switch {
		case dns.IsNotFound:
			return "no such host " + display.Quote(dns.Name)
		case dns.IsTimeout:
			return "looking up " + display.Quote(dns.Name) + " took too long"
		}
		return "looking up " + display.Quote(dns.Name) + " did not work"
	case errors.As(err, &cert):
		return "its certificate is not trusted: " + display.Clip(cert.Err.Error(), 200)
	case errors.As(err, &rec):
		return "it does not speak TLS"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete"
	case errors.As(err, &op):
		what := op.Op
		switch what {
		case "dial":
			what = "connecting"
		case "read":
			what = "waiting for the answer"
		case "write":
			what = "sending the request"
		case "proxyconnect":
			what = "connecting to the proxy"
		case "remote error", "local error": // crypto/tls, of alerts
			what = "TLS"
		}
		if op.Timeout() {
			return what + " took too long"
		}
		return what + ": " + display.Innermost(op.Err)
	case err.Error() == "net/http: TLS handshake timeout": // net/http has no exported error for it
		return "the TLS handshake took too long"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer in time"
	}
	return "the connection broke"
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// withoutQuery is an address as far as it says where it leads: what a login page is given behind that may
// be good for a session there.
func withoutQuery(location string) string {
	if i := strings.IndexAny(location, "?#"); i >= 0 {
		location = location[:i]
	}
	if scheme, rest, ok := strings.Cut(location, "//"); ok {
		host, path, _ := strings.Cut(rest, "/")
		location = scheme + "//" + host[strings.LastIndexByte(host, '@')+1:] + "/" + path
	}
	return location
}
