package sts_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/sts"
)

// Ten seconds in all: a late "busy" leaves less than five for the second attempt.
func TestTimeInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int32
		tr := pipe(t, func(c net.Conn) {
			if calls.Add(1) == 1 {
				time.Sleep(4900 * time.Millisecond)
				io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
			}
			io.Copy(io.Discard, c)
		})
		start := time.Now()
		_, e := ask(t, client(t, sts.Options{Endpoint: "http://127.0.0.1:1", Transport: tr}), plain, keys())
		if took := time.Since(start); e == nil || took != 10*time.Second || calls.Load() != 2 {
			t.Errorf("%v after %s and %d calls", e, took, calls.Load())
		}
		synctest.Wait()
	})
}

// A handshake that never ends takes three seconds, sends nothing, and is tried again, code or not.
func TestHandshakeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dials atomic.Int32
		c := client(t, sts.Options{Endpoint: "https://127.0.0.1:1"})
		c.SetDial(func(context.Context, string, string) (net.Conn, error) {
			dials.Add(1)
			server, client := net.Pipe()
			go io.Copy(io.Discard, server)
			return client, nil
		})
		start := time.Now()
		_, e := ask(t, c, withCode, keys())
		if took := time.Since(start); took < 6*time.Second || took > 6500*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if e == nil || e.Class != sts.Unreachable || e.Sent() || dials.Load() != 2 || !strings.Contains(e.Error(), "handshake") {
			t.Errorf("%v after %d", e, dials.Load())
		}
		// The caller's time ends it, without a second attempt.
		dials.Store(0)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, e = askContext(t, ctx, c, withCode, keys()); e == nil || e.Sent() || dials.Load() != 1 || time.Since(start) > 8*time.Second {
			t.Errorf("%v after %d", e, dials.Load())
		}
		time.Sleep(10 * time.Second)
	})
}
