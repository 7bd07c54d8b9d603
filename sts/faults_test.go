package sts_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/smithy-go"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

var (
	plain    = sts.Request{Operation: token.GetSessionToken}
	withCode = sts.Request{Operation: token.GetSessionToken, SerialNumber: "arn:aws:iam::111122223333:mfa/alice", TokenCode: code}
)

// hijack takes the connection over.
func hijack(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter) {
	c, rw, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	return c, rw
}

func reset(w http.ResponseWriter, _ *http.Request) {
	c, _ := hijack(w)
	c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

// raw answers with bytes as they are.
func raw(s string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, rw := hijack(w)
		rw.WriteString(s)
		rw.Flush()
		c.Close()
	}
}

func header(key, value string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { w.Header().Set(key, value); h(w, r) }
}

func page(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(status)
		io.WriteString(w, "<!DOCTYPE html><html><body>Please log in CANARY</body></html>")
	}
}

func without(change func(*said)) http.HandlerFunc {
	s := good(plain)
	change(&s)
	return answers(200, s.xml(token.GetSessionToken))
}

func at(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

// Whatever goes wrong: the class, what the user reads, how often it was sent without a code,
// and that it was sent once with one.
func TestFaults(t *testing.T) {
	t.Parallel()
	whole := good(plain).xml(token.GetSessionToken)
	for name, c := range map[string]struct {
		h     http.HandlerFunc
		class sts.Class
		text  string
		calls int // without a code
	}{
		"reset":               {reset, sts.Unreachable, "", 1},
		"closed":              {raw(""), sts.Unreachable, "closed", 1},
		"not HTTP":            {raw("SSH-2.0-CANARY\r\n\r\n"), sts.Unreachable, "the connection broke", 1},
		"cut":                 {raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + whole), sts.Unreachable, "before the answer was complete", 1},
		"cut in a chunk":      {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n<Get"), sts.Unreachable, "before the answer was complete", 1},
		"500":                 {answers(500, refusal("InternalFailure", "We have trouble.")), sts.Unavailable, "InternalFailure", 1},
		"502 page":            {page(502), sts.Unavailable, "bad gateway", 1},
		"503":                 {answers(503, refusal("ServiceUnavailable", "Later.")), sts.Unavailable, "ServiceUnavailable: Later;", 2},
		"503 page":            {page(503), sts.Unavailable, "service unavailable", 2},
		"503 empty":           {answers(503, ""), sts.Unavailable, "service unavailable", 2},
		"throttle":            {answers(400, refusal("Throttling", "Rate exceeded")), sts.Throttled, "Throttling: Rate exceeded", 2},
		"429":                 {answers(429, ""), sts.Throttled, "too many requests", 2},
		"503 throttle":        {answers(503, refusal("RequestLimitExceeded", "x")), sts.Throttled, "RequestLimitExceeded", 2},
		"denied":              {answers(403, refusal("AccessDenied", "User: x is not authorized to perform: sts:GetSessionToken")), sts.Denied, "AccessDenied: User: x is", 1},
		"html":                {page(200), sts.BadAnswer, "web page", 1},
		"html error":          {page(403), sts.BadAnswer, "status 403 and a web page", 1},
		"json error":          {answers(400, `{"message":"CANARY"}`), sts.BadAnswer, "not the XML", 1},
		"error without code":  {answers(400, `<ErrorResponse><x/></ErrorResponse>`), sts.BadAnswer, "cannot be read", 1},
		"redirect":            {header("Location", "http://portal.example/login\u202e?x", answers(302, "")), sts.BadAnswer, `redirect (302) to "http://portal.example/login`, 1},
		"redirect, post":      {header("Location", "/", answers(307, "")), sts.BadAnswer, "redirect (307)", 1},
		"proxy":               {answers(407, ""), sts.Unreachable, "the proxy answered 407", 1},
		"gzip":                {header("Content-Encoding", "gzip", answers(200, whole)), sts.BadAnswer, "compressed", 1},
		"204":                 {answers(204, ""), sts.BadAnswer, "status 204", 1},
		"201":                 {answers(201, whole), sts.BadAnswer, "status 201", 1},
		"empty":               {answers(200, ""), sts.BadAnswer, "empty", 1},
		"malformed":           {answers(200, whole[:len(whole)-40]), sts.BadAnswer, "not the XML", 1},
		"entity":              {answers(200, strings.Replace(whole, secret, "&CANARYentity;", 1)), sts.BadAnswer, "not the XML", 1},
		"more after the end":  {answers(200, whole+"<x/>"), sts.BadAnswer, "not the XML", 1},
		"two answers":         {answers(200, whole+whole), sts.BadAnswer, "not the XML", 1},
		"no last tag":         {answers(200, strings.TrimSuffix(whole, "</GetSessionTokenResponse>")), sts.BadAnswer, "not the XML", 1},
		"wrong last tag":      {answers(200, strings.TrimSuffix(whole, "GetSessionTokenResponse>")+"Other>"), sts.BadAnswer, "not the XML", 1},
		"doctype":             {answers(200, `<!DOCTYPE x [<!ENTITY a "b">]>`+whole), sts.BadAnswer, "not the XML", 1},
		"deep":                {answers(200, strings.Repeat("<GetSessionTokenResponse>", 5000)), sts.BadAnswer, "nested", 1},
		"twice":               {answers(200, strings.Replace(whole, "<Credentials>", "<Credentials></Credentials><Credentials>", 1)), sts.BadAnswer, "twice", 1},
		"secret twice":        {answers(200, strings.Replace(whole, "<SessionToken>", "<sessiontoken>CANARY</sessiontoken><SessionToken>", 1)), sts.BadAnswer, "twice", 1},
		"another operation":   {answers(200, strings.ReplaceAll(whole, "GetSessionToken", "AssumeRole")), sts.BadAnswer, "not the XML", 1},
		"no result":           {answers(200, "<GetSessionTokenResponse></GetSessionTokenResponse>"), sts.BadAnswer, "", 1},
		"no credentials":      {answers(200, said{}.xml(token.GetSessionToken)), sts.BadAnswer, "no credentials", 1},
		"empty credentials":   {answers(200, said{Expires: " "}.xml(token.GetSessionToken)), sts.BadAnswer, "", 1},
		"no session token":    {without(func(s *said) { s.Session = "" }), sts.BadAnswer, "session token is missing", 1},
		"no secret":           {without(func(s *said) { s.Secret = "" }), sts.BadAnswer, "secret access key is missing", 1},
		"no key id":           {without(func(s *said) { s.KeyID = "" }), sts.BadAnswer, "access key id is missing", 1},
		"no end":              {without(func(s *said) { s.Expires = "" }), sts.BadAnswer, "when they end", 1},
		"end is not a time":   {without(func(s *said) { s.Expires = "soon CANARY" }), sts.BadAnswer, "cannot be read", 1},
		"expired":             {without(func(s *said) { s.Expires = at(-time.Hour) }), sts.BadAnswer, "ended at", 1},
		"ends at once":        {without(func(s *said) { s.Expires = at(59 * time.Second) }), sts.BadAnswer, "end at", 1},
		"ends too late":       {without(func(s *said) { s.Expires = at(12*time.Hour + 6*time.Minute) }), sts.BadAnswer, "12h was asked for", 1},
		"ends in 9999":        {without(func(s *said) { s.Expires = "9999-12-31T23:59:59Z" }), sts.BadAnswer, "was asked for", 1},
		"ended in year 1":     {without(func(s *said) { s.Expires = "0001-01-01T00:00:00Z" }), sts.BadAnswer, "", 1},
		"key with a newline":  {without(func(s *said) { s.KeyID = "ASIACANARY\u202e&#10;CANARYCANARY" }), sts.BadAnswer, "access key id is missing or malformed", 1},
		"secret with a blank": {without(func(s *said) { s.Secret = "CANARY CANARY" }), sts.BadAnswer, "secret access key", 1},
		"another account":     {without(func(s *said) { s.KeyID = keyID("ASIA", other) }), sts.BadAnswer, "another identity", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && c.calls > 1 {
				t.Skip("long: waits before it tries again")
			}
			f := serve(t, c.h)
			cl := client(t, sts.Options{Endpoint: f.URL})
			_, e := ask(t, cl, plain, keys())
			if e == nil || e.Class != c.class || !strings.Contains(e.Error(), c.text) || e.Unsent {
				t.Errorf("%+v", e)
			}
			if f.count() != c.calls {
				t.Errorf("sent %d times, want %d", f.count(), c.calls)
			}
			if !strings.HasPrefix(e.Error(), "GetSessionToken at "+strings.TrimPrefix(f.URL, "http://")+": ") {
				t.Errorf("it does not say what was tried: %s", e)
			}
			before := f.count()
			if _, e = ask(t, cl, withCode, keys()); e == nil || e.Class != c.class || !e.Sent() {
				t.Errorf("with a code: %v", e)
			}
			if n := f.count() - before; n != 1 {
				t.Errorf("a code was sent %d times", n)
			}
		})
	}
}

// A second attempt that works is a success.
func TestBusyOnce(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	f := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1) == 1 {
			answers(400, refusal("Throttling", "Rate exceeded"))(w, r)
			return
		}
		echo(plain)(w, r)
	})
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys()); e != nil || f.count() != 2 {
		t.Errorf("%v after %d", e, f.count())
	}
}

// 300 MB cost no memory, whether announced or not.
func TestHugeAnswers(t *testing.T) { // alone: it measures what the process allocates
	const size = 300 << 20
	var written atomic.Int64
	for _, status := range []int{200, 400, 503} {
		for _, announced := range []bool{true, false} {
			f := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if announced {
					w.Header().Set("Content-Length", fmt.Sprint(size))
				}
				w.WriteHeader(status)
				chunk := []byte(strings.Repeat("CANARY", 10<<10))
				for n := 0; n < size; n += len(chunk) {
					if _, err := w.Write(chunk); err != nil {
						return
					}
					written.Add(int64(len(chunk)))
				}
			})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), withCode, keys())
			runtime.ReadMemStats(&after)
			if e == nil || status < 500 && (e.Class != sts.BadAnswer || !strings.Contains(e.Error(), "256 KiB")) || status == 503 && e.Class != sts.Unavailable {
				t.Errorf("%d: %v", status, e)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
				t.Errorf("%d, announced %v: %d bytes were allocated", status, announced, n)
			}
			f.Close()
		}
	}
	if n := written.Load(); n > size/4 {
		t.Errorf("%d bytes were taken", n)
	}
}

func TestHugeHeader(t *testing.T) {
	t.Parallel()
	f := serve(t, header("X-Big", strings.Repeat("CANARY", 20<<10), echo(plain)))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys()); e == nil || e.Class != sts.Unreachable {
		t.Errorf("%v", e)
	}
}

// An answer of the largest size is taken.
func TestLargestAnswer(t *testing.T) {
	t.Parallel()
	whole := good(plain).xml(token.GetSessionToken)
	f := serve(t, answers(200, whole+strings.Repeat(" ", 256<<10-len(whole))))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys()); e != nil {
		t.Error(e)
	}
}

// pipe runs a server and a client in a bubble, on connections in memory: its time is not ours.
func pipe(t *testing.T, handle func(net.Conn)) *http.Transport {
	return &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		server, client := net.Pipe()
		go func() {
			defer server.Close()
			if _, err := http.ReadRequest(bufio.NewReader(server)); err == nil {
				handle(server)
			}
		}()
		return client, nil
	}}
}

// A server that is silent, or slow for ever, costs five seconds and no more; and one call.
func TestHangAndDrip(t *testing.T) {
	for name, handle := range map[string]func(net.Conn){
		"hang": func(c net.Conn) { io.Copy(io.Discard, c) },
		"drip": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
			for {
				if _, err := c.Write([]byte("<")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		},
		"drip in the header": func(c net.Conn) {
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var calls atomic.Int32
			tr := pipe(t, func(c net.Conn) { calls.Add(1); handle(c) })
			cl := client(t, sts.Options{Endpoint: "http://127.0.0.1:1", Transport: tr})
			start := time.Now()
			_, e := ask(t, cl, plain, keys())
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("%s: took %s", name, took)
			}
			if e == nil || e.Class != sts.Unreachable || !errors.Is(e, os.ErrDeadlineExceeded) || errors.Is(e, context.DeadlineExceeded) || e.Unsent {
				t.Errorf("%s: %+v", name, e)
			}
			if calls.Load() != 1 {
				t.Errorf("%s: %d calls", name, calls.Load())
			}
			// The caller's own time, and the caller's own word, are told from ours.
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if _, e = askContext(t, ctx, cl, plain, keys()); e == nil || e.Class != sts.Unreachable || !errors.Is(e, context.DeadlineExceeded) || e.Final() {
				t.Errorf("%s: %+v", name, e)
			}
			ctx, cancel = context.WithCancel(context.Background())
			time.AfterFunc(time.Second, cancel)
			if _, e = askContext(t, ctx, cl, plain, keys()); e == nil || e.Class != sts.Canceled || !errors.Is(e, context.Canceled) {
				t.Errorf("%s: %+v", name, e)
			}
			time.Sleep(time.Second) // the server notices
		})
	}
}

// failing is a transport of which it is unknown whether it sent anything.
type failing struct{ calls *atomic.Int32 }

func (f failing) RoundTrip(*http.Request) (*http.Response, error) {
	f.calls.Add(1)
	return nil, errors.New("CANARY broke")
}

// A transport that is not ours is never believed to have sent nothing.
func TestOtherTransports(t *testing.T) {
	t.Parallel()
	for _, r := range []sts.Request{plain, withCode} {
		var calls atomic.Int32
		_, e := ask(t, client(t, sts.Options{Transport: failing{&calls}}), r, keys())
		if e == nil || e.Class != sts.Unreachable || !e.Sent() || calls.Load() != 1 {
			t.Errorf("%v after %d", e, calls.Load())
		}
	}
}

// errors.As finds STS's own error, with what may be shown.
func TestAPIError(t *testing.T) {
	t.Parallel()
	f := serve(t, header("X-Amzn-Requestid", "c6104cbe", answers(403, refusal("AccessDenied", "no \u202e&#10;\u0085way"))))
	_, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), plain, keys())
	var api smithy.APIError
	if !errors.As(e, &api) || api.ErrorCode() != "AccessDenied" || api.ErrorMessage() != `no \u202e\x0a\u0085way` || e.HTTPStatus != 403 || e.RequestID != "c6104cbe" || !strings.Contains(e.Error(), "(request c6104cbe)") {
		t.Errorf("%+v", e)
	}
}
