package emulator

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Emulator is one STS with its world. Its methods may be called from any goroutine,
// before, during and after Start.
type Emulator struct {
	clock atomic.Pointer[func() time.Time]

	mu       sync.Mutex // guards the world and what became of it
	region   string
	lockout  int
	accounts map[string]*Account
	users    []*User
	keys     map[string]*longTermKey // by access key id
	keyDelay int                     // see SetKeyDelay

	keysTakeMFA bool
	roles       map[string]*Role // by ARN
	sessions    map[string]*session
	devices     map[string]*MFADevice // by serial number
	oidc        map[string]*OIDCProvider
	saml        map[string]*SAMLProvider
	managed     map[string]Document
	center      *identityCenter // nil for none
	signin      signin
	anchors     []*TrustAnchor
	jobs        []*GitHubJob
	rejected    int // MFA codes refused

	minimumToken int // bytes of a session token

	browserUser string // see SetBrowserUser

	admin     bool
	caPEM     []byte
	listener  net.Listener
	server    *http.Server
	url       string
	closed    chan struct{}
	closeOnce sync.Once

	book   book
	faults faults
}

// New makes an emulator of the given world. It panics if the world contradicts
// itself; [Open] returns the error.
func New(w World) *Emulator {
	e, err := Open(w)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return e
}

// Open is New for a world that comes from a file.
func Open(w World) (*Emulator, error) {
	e := &Emulator{
		region:   w.Region,
		lockout:  w.MFALockout,
		accounts: map[string]*Account{},
		keys:     map[string]*longTermKey{},
		roles:    map[string]*Role{},
		sessions: map[string]*session{},
		devices:  map[string]*MFADevice{},
		oidc:     map[string]*OIDCProvider{},
		saml:     map[string]*SAMLProvider{},
		managed:  builtinPolicies(),
		signin:   signin{codes: map[string]*loginCode{}, proofs: map[string]bool{}},
		closed:   make(chan struct{}),

		minimumToken: w.MinimumTokenSize,
	}
	if e.lockout == 0 {
		e.lockout = 10
	}
	e.book.init()
	e.faults.init()
	e.SetNow(time.Now)
	if err := e.load(w); err != nil {
		return nil, err
	}
	return e, nil
}

// SetNow replaces the clock by which signatures, sessions and codes are judged.
// Delays and time limits of the server itself go by the real clock.
func (e *Emulator) SetNow(now func() time.Time) { e.clock.Store(&now) }

// Now is the emulator's time.
func (e *Emulator) Now() time.Time { return (*e.clock.Load())().Round(0) }

// Start listens on a free port of 127.0.0.1, plain HTTP.
func (e *Emulator) Start() error { return e.Listen("127.0.0.1:0", false) }

// StartTLS is Start with HTTPS, under a certificate for 127.0.0.1, ::1 and localhost
// from an authority of its own; see [Emulator.CAPEM].
func (e *Emulator) StartTLS() error { return e.Listen("127.0.0.1:0", true) }

// Listen serves on an address, which must be a loopback one.
func (e *Emulator) Listen(addr string, secure bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("listen address %q is not loopback: the emulator's keys are for tests only", addr)
	}
	var config *tls.Config
	var caPEM []byte
	scheme := "http://"
	if secure {
		if config, caPEM, err = selfSigned(time.Now()); err != nil {
			return err
		}
		scheme = "https://"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	srv := &http.Server{
		Handler:           http.HandlerFunc(e.serve),
		ReadHeaderTimeout: 30 * time.Second,
		ErrorLog:          log.New(noHandshakes{os.Stderr}, "sts-emulator: ", 0),
	}
	e.mu.Lock()
	if e.server != nil {
		e.mu.Unlock()
		l.Close()
		return fmt.Errorf("already listening on %s", e.URL())
	}
	e.listener, e.server, e.url, e.caPEM = l, srv, scheme+l.Addr().String(), caPEM
	e.mu.Unlock()
	if secure {
		l = tls.NewListener(l, config)
	}
	go srv.Serve(l) // ends with Close
	return nil
}

// URL is where it listens, such as http://127.0.0.1:40000, without a final slash.
func (e *Emulator) URL() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.url
}

// CAPEM is the certificate authority to trust after StartTLS, for AWS_CA_BUNDLE.
func (e *Emulator) CAPEM() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.caPEM
}

// Close stops listening, cuts every connection and lets everything go that hangs.
func (e *Emulator) Close() {
	e.closeOnce.Do(func() { close(e.closed) })
	e.mu.Lock()
	srv := e.server
	e.mu.Unlock()
	if srv != nil {
		srv.Close()
	}
}

// noHandshakes drops what net/http says about clients that do not trust our
// certificate: tests provoke exactly that.
type noHandshakes struct{ w io.Writer }

func (n noHandshakes) Write(b []byte) (int, error) {
	if containsFold(string(b), "TLS handshake error") {
		return len(b), nil
	}
	return n.w.Write(b)
}
