package display_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/internal/display"
)

func TestCause(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "token")
	_, open := os.Open(missing)
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	get := func(err error) error { return &url.Error{Op: "Get", URL: "http://127.0.0.1:1/", Err: err} }
	sdk := func(err error) error {
		return fmt.Errorf("operation error STS: AssumeRole, get identity: %w", fmt.Errorf("failed to load credentials, %w", err))
	}
	for _, c := range []struct {
		err              error
		cause, innermost string
	}{
		{nil, "", ""},
		{errors.New("plain"), "plain", "plain"},
		{sdk(open), "open " + missing + ": no such file or directory", "no such file or directory"},
		{sdk(get(refused)), "dial tcp 127.0.0.1:1: connect: connection refused", "connection refused"},
		{sdk(&net.DNSError{Err: "no such host", Name: "sts.example", IsNotFound: true}), "lookup sts.example: no such host", "lookup sts.example: no such host"},
		{sdk(get(io.EOF)), `Get "http://127.0.0.1:1/": EOF`, "EOF"},
		{sdk(get(context.DeadlineExceeded)), `Get "http://127.0.0.1:1/": context deadline exceeded`, "context deadline exceeded"},
		{sdk(get(&net.OpError{Op: "read", Net: "tcp", Addr: refused.Addr, Err: os.ErrDeadlineExceeded})), "read tcp 127.0.0.1:1: i/o timeout", "i/o timeout"},
		{sdk(&os.LinkError{Op: "rename", Old: "a", New: "b", Err: syscall.EXDEV}), "rename a b: " + syscall.EXDEV.Error(), syscall.EXDEV.Error()},
		{sdk(errors.New("two\nlines\x1b[2J")), `two lines\x1b[2J`, `two lines\x1b[2J`},
		{sdk(fs.ErrNotExist), "file does not exist", "file does not exist"},
	} {
		if got := display.Cause(c.err); got != c.cause {
			t.Errorf("Cause(%v) = %q, want %q", c.err, got, c.cause)
		}
		if got := display.Innermost(c.err); got != c.innermost {
			t.Errorf("Innermost(%v) = %q, want %q", c.err, got, c.innermost)
		}
	}
}

// The types that Cause knows by their methods are those that net/http really returns.
func TestCauseOfRealConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	_, err = http.Get("http://" + address)
	if got := display.Cause(err); !strings.Contains(got, address) || strings.Contains(got, "Get") {
		t.Errorf("Cause(%v) = %q", err, got)
	}
}

// Passwords in URLs are not repeated.
func TestCauseHidesPasswords(t *testing.T) {
	for in, want := range map[string]string{
		`parse "http://user:CANARY@ host": invalid character " " in host name`: `parse "http://...@ host": invalid character " " in host name`,
		"https://a:CANARY@b/c and http://CANARY@d":                             "https://...@b/c and http://...@d",
		"https://a/b@c: refused":                                               "https://a/b@c: refused",
		"a@b://":                                                               "a@b://",
	} {
		if got := display.Cause(errors.New(in)); got != want {
			t.Errorf("%s: %s", in, got)
		}
		if got := display.Innermost(errors.New(in)); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
