package sts_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/sts"
)

// certificate is one for 127.0.0.1 and sts.invalid that signs itself, for TLS and as a bundle.
func certificate(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"sts.invalid"}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// serveTLS is serve over TLS, and counts connections.
func serveTLS(t *testing.T, cfg *tls.Config, h http.HandlerFunc) (*fake, *atomic.Int32) {
	f, conns := &fake{}, new(atomic.Int32)
	f.Server = httptest.NewUnstartedServer(f.counting(h))
	f.TLS = cfg
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	f.StartTLS()
	t.Cleanup(f.Close)
	return f, conns
}

func TestTLS(t *testing.T) {
	t.Parallel()
	valid, bundle := certificate(t, time.Now().Add(time.Hour))
	expired, old := certificate(t, time.Now().Add(-time.Hour))
	for name, c := range map[string]struct {
		cfg    *tls.Config
		bundle []byte
		text   string // "" means that it works
		conns  int32
	}{
		"trusted":     {&tls.Config{Certificates: []tls.Certificate{valid}}, bundle, "", 1},
		"self-signed": {&tls.Config{Certificates: []tls.Certificate{valid}}, nil, "certificate is not trusted", 1},
		"other CA":    {&tls.Config{Certificates: []tls.Certificate{valid}}, old, "certificate is not trusted", 1},
		"expired":     {&tls.Config{Certificates: []tls.Certificate{expired}}, old, "certificate has expired", 1},
		"TLS 1.1":     {&tls.Config{Certificates: []tls.Certificate{valid}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, bundle, "TLS: ", 2},
		"TLS 1.2":     {&tls.Config{Certificates: []tls.Certificate{valid}, MaxVersion: tls.VersionTLS12}, bundle, "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f, conns := serveTLS(t, c.cfg, echo(withCode))
			_, e := ask(t, client(t, sts.Options{Endpoint: f.URL, CABundle: c.bundle}), withCode, keys())
			if conns.Load() != c.conns {
				t.Errorf("%d connections", conns.Load())
			}
			if c.text == "" {
				if e != nil || f.count() != 1 {
					t.Errorf("%v", e)
				}
				return
			}
			if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), c.text) || e.Sent() || e.Final() || f.count() != 0 {
				t.Errorf("%v after %d", e, f.count())
			}
		})
	}

	t.Run("plain server", func(t *testing.T) {
		f := serve(t, echo(withCode))
		_, e := ask(t, client(t, sts.Options{Endpoint: "https" + strings.TrimPrefix(f.URL, "http")}), withCode, keys())
		if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), "TLS") || e.Sent() {
			t.Errorf("%v", e)
		}
	})
	t.Run("closed in the handshake", func(t *testing.T) {
		addr, conns := listen(t, func(c net.Conn) { c.Close() })
		_, e := ask(t, client(t, sts.Options{Endpoint: "https://" + addr}), withCode, keys())
		if e == nil || e.Class != sts.Unreachable || e.Sent() || conns.Load() != 2 {
			t.Errorf("%v after %d", e, conns.Load())
		}
	})
}

// listen counts connections and gives each to handle.
func listen(t *testing.T, handle func(net.Conn)) (addr string, conns *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	conns = new(atomic.Int32)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Add(1)
			go handle(c)
		}
	}()
	return l.Addr().String(), conns
}

// No listener: tried twice, with a code too, for none was sent.
func TestNoListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close() // nothing listens there now
	var lines strings.Builder
	o := sts.Options{Endpoint: "http://" + l.Addr().String(), Log: debugTo(&lines)}
	_, e := ask(t, client(t, o), withCode, keys())
	if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), "connecting: connection refused; check the network") || e.Sent() {
		t.Errorf("%v", e)
	}
	if n := strings.Count(lines.String(), "sts call failed"); n != 2 {
		t.Errorf("%d attempts: %s", n, lines.String())
	}
	var op *net.OpError
	if !errors.As(e, &op) || strings.Contains(lines.String(), "CANARY") || strings.Contains(lines.String(), code) {
		t.Errorf("%#v %s", e.Err, lines.String())
	}
	o.Endpoint = "https://sts.invalid"
	_, e = ask(t, client(t, o), withCode, keys())
	if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), "sts.invalid") || e.Sent() {
		t.Errorf("%v", e)
	}
	// Canceled before it began: nothing is tried, and nothing was sent.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f := serve(t, echo(withCode))
	if _, e = askContext(t, ctx, client(t, sts.Options{Endpoint: f.URL}), withCode, keys()); e == nil || e.Class != sts.Canceled || e.Sent() || f.count() != 0 {
		t.Errorf("%+v", e)
	}
}

// connect is a proxy that makes every connection to one address.
func connect(t *testing.T, to string, status string) (*url.URL, *atomic.Int32) {
	addr, conns := listen(t, func(c net.Conn) {
		defer c.Close()
		br := bufio.NewReader(c)
		r, err := http.ReadRequest(br)
		if err != nil || r.Method != http.MethodConnect {
			return
		}
		io.WriteString(c, "HTTP/1.1 "+status+"\r\nX: CANARY\r\n\r\n")
		if !strings.HasPrefix(status, "200") {
			return
		}
		up, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer up.Close()
		go io.Copy(up, br)
		io.Copy(c, up)
	})
	return &url.URL{Scheme: "http", Host: addr, User: url.UserPassword("u", "CANARY")}, conns
}

func TestProxy(t *testing.T) {
	t.Parallel()
	cert, bundle := certificate(t, time.Now().Add(time.Hour))
	f, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, echo(withCode))
	via := func(u *url.URL) sts.Options {
		return sts.Options{Endpoint: "https://sts.invalid", CABundle: bundle, Proxy: http.ProxyURL(u)}
	}
	u, conns := connect(t, f.Listener.Addr().String(), "200 OK")
	if _, e := ask(t, client(t, via(u)), withCode, keys()); e != nil || conns.Load() != 1 || f.count() != 1 {
		t.Errorf("%v", e)
	}
	// A proxy that refuses: STS got nothing, so it is tried again.
	u, conns = connect(t, "", "407 CANARY wanted")
	_, e := ask(t, client(t, via(u)), withCode, keys())
	if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), "the proxy answered 407 Proxy Authentication Required") || e.Sent() || conns.Load() != 2 {
		t.Errorf("%v after %d", e, conns.Load())
	}
	// A proxy that is not there.
	_, e = ask(t, client(t, via(&url.URL{Scheme: "http", Host: "127.0.0.1:1", User: url.UserPassword("u", "CANARY")})), withCode, keys())
	if e == nil || e.Class != sts.Unreachable || !strings.Contains(e.Error(), "proxy") || e.Sent() {
		t.Errorf("%v", e)
	}
	// A proxy's address that cannot be read is not repeated: it may hold a password.
	bad := via(nil)
	bad.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New(`invalid proxy address "u:CANARY@x"`) }
	if _, e = ask(t, client(t, bad), withCode, keys()); e == nil || e.Class != sts.Unreachable || e.Sent() {
		t.Errorf("%v", e)
	}
}

// The environment's proxy is used. net/http reads it once in a process, so this is another one.
func TestProxyFromEnvironment(t *testing.T) {
	t.Parallel()
	const child = "STS_TEST_PROXY_BUNDLE"
	if bundle := os.Getenv(child); bundle != "" {
		_, e := ask(t, client(t, sts.Options{Endpoint: "https://sts.invalid", CABundle: []byte(bundle)}), withCode, keys())
		if e != nil {
			t.Fatal(e)
		}
		return
	}
	cert, bundle := certificate(t, time.Now().Add(time.Hour))
	f, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{cert}}, echo(withCode))
	u, conns := connect(t, f.Listener.Addr().String(), "200 OK")
	cmd := exec.Command(os.Args[0], "-test.run=^TestProxyFromEnvironment$")
	cmd.Env = append(os.Environ(), child+"="+string(bundle), "HTTPS_PROXY="+u.String(), "NO_PROXY=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if conns.Load() != 1 || f.count() != 1 {
		t.Errorf("%d connections to the proxy, %d requests", conns.Load(), f.count())
	}
}
