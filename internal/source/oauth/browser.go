package oauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// CallbackPath is the path of the redirect, which Identity Center registers and compares.
const CallbackPath = "/oauth/callback"

// RegisteredRedirect is the redirect as a client registers it, without the port (RFC 8252,
// section 7.3).
const RegisteredRedirect = "http://127.0.0.1" + CallbackPath

// PKCE is the proof that the program that trades a code for tokens is the one that asked for it (RFC 7636).
type PKCE struct{ Verifier string }

// NewPKCE makes a proof of 256 random bits.
func NewPKCE() PKCE {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return PKCE{base64.RawURLEncoding.EncodeToString(b[:])}
}

// Challenge is what the browser shows of the proof.
func (p PKCE) Challenge() string {
	sum := sha256.Sum256([]byte(p.Verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Callback waits on loopback for a browser that was sent back with a code.
type Callback struct {
	// State is what the browser must bring back.
	State string

	listener net.Listener
	server   *http.Server
	answer   chan callbackAnswer
}

type callbackAnswer struct {
	code string
	err  error
}

// Listen begins to wait on a free port of 127.0.0.1. Close it.
func Listen() (*Callback, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the browser: %w", err)
	}
	c := &Callback{State: rand.Text(), listener: l, answer: make(chan callbackAnswer, 1)}
	c.server = &http.Server{Handler: http.HandlerFunc(c.serve), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		MaxHeaderBytes: 16 << 10}
	c.server.SetKeepAlivesEnabled(false)
	go func() { _ = c.server.Serve(l) }() // ends with Close
	return c, nil
}

// Redirect is the URL to which the browser shall be sent back.
func (c *Callback) Redirect() string { return "http://" + c.listener.Addr().String() + CallbackPath }

// Close stops waiting. A browser that is being answered is answered first.
func (c *Callback) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if c.server.Shutdown(ctx) != nil {
		_ = c.server.Close()
	}
}

// ErrRefused is a login that the user refused in the browser.
var ErrRefused = errors.New("the login was refused in the browser")

// Wait waits for the browser. Requests that do not bring the state are refused and change
// nothing, from any sender.
func (c *Callback) Wait(ctx context.Context) (code string, err error) {
	select {
	case a := <-c.answer:
		return a.code, a.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (c *Callback) serve(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if r.Method != http.MethodGet || r.URL.Path != CallbackPath || r.Host != c.listener.Addr().String() {
		http.NotFound(w, r)
		return
	}
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(c.State)) != 1 {
		page(w, http.StatusBadRequest, "This login is not one that is waiting here.")
		return
	}
	a := callbackAnswer{code: q.Get("code")}
	text := "You are logged in. You can close this window."
	switch {
	case q.Get("error") == "access_denied":
		a, text = callbackAnswer{err: ErrRefused}, "The login was refused. You can close this window."
	case a.code == "":
		a.err = fmt.Errorf("the browser came back without a code: %s", display.Quote(q.Get("error")))
		text = "The login failed. The program that asked for it says why."
	}
	// The answer is on its way before the program goes on, and may end.
	page(w, http.StatusOK, text)
	select {
	case c.answer <- a:
	default: // the browser came back twice
	}
}

func page(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!DOCTYPE html>\n<html lang=en><head><title>sts-helper</title></head><body><p>%s</p></body></html>\n", text)
	_ = http.NewResponseController(w).Flush()
}

// AuthorizeURL is a page of the service with a query.
func AuthorizeURL(base string, kv ...string) string {
	q := url.Values{}
	for i := 0; i < len(kv); i += 2 {
		q.Set(kv[i], kv[i+1])
	}
	return base + "?" + q.Encode()
}
