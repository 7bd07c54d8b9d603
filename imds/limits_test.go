package imds_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// TestConnectionLimit: at the limit the longest idle connection makes room; where all are in use, one more is
// closed unread.
func TestConnectionLimit(t *testing.T) {
	const limit = 8
	c := config(newFake(time.Hour))
	c.MaxConnsPerUID = limit
	busy, free, refused := make(chan bool, 2*limit), make(chan bool), make(chan string, 100)
	c.Observe = func(e imds.Event) {
		switch {
		case e.Kind == imds.EventConn:
			refused <- e.Guard
		case e.Route == "health": // the answer waits, and the connection is in use
			busy <- true
			<-free
		}
	}
	s := build(t, c)
	addr := serve(t, s, "127.0.0.1:0")
	idle := func(n int) { // the server may count a connection as idle after its answer was read
		for s.Idle() != n {
			time.Sleep(time.Millisecond)
		}
	}
	type conn struct {
		net.Conn
		r *bufio.Reader
	}
	get := func(c conn, path string) {
		t.Helper()
		if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: "+addr+"\r\nAuthorization: "+bearer+"\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	answered := func(c conn) bool {
		resp, err := http.ReadResponse(c.r, nil)
		if err != nil {
			return false
		}
		_, err = io.Copy(io.Discard, resp.Body)
		return err == nil && resp.StatusCode == 200
	}
	dial := func() conn {
		t.Helper()
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return conn{c, bufio.NewReader(c)}
	}
	var held []conn
	for range limit {
		c := dial()
		get(c, "/credentials/dev")
		if !answered(c) {
			t.Fatal("no answer below the limit")
		}
		held = append(held, c)
		idle(len(held))
	}
	// The first is used again, so the second is the longest idle one.
	get(held[0], "/credentials/dev")
	if !answered(held[0]) {
		t.Fatal("no answer on an idle connection")
	}
	idle(limit)
	more := dial()
	get(more, "/credentials/dev")
	if !answered(more) {
		t.Error("one more than the limit is not answered, with idle ones about")
	}
	if _, err := held[1].r.ReadByte(); err != io.EOF {
		t.Errorf("the longest idle connection: %v", err)
	}
	held[1] = more

	for _, c := range held {
		get(c, "/healthz")
	}
	for range held {
		<-busy
	}
	if got, err := raw(addr, "GET /healthz HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n"); err != nil || got != "" {
		t.Errorf("one too many, all in use: %.40q %v", got, err)
	}
	if guard := <-refused; guard != "limit" || len(refused) > 0 {
		t.Errorf("refused by %q, and %d more", guard, len(refused))
	}
	close(free)
	for i, c := range held {
		if !answered(c) {
			t.Errorf("connection %d was disturbed", i)
		}
	}
}

// TestSlowClients: who does not finish the headers is cut off, without an answer that holds anything.
func TestSlowClients(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits for the endpoint's time limits")
	}
	t.Parallel()
	addr := serve(t, build(t, config(newFake(time.Hour))), "127.0.0.1:0")
	var wg sync.WaitGroup
	whole := "GET /healthz HTTP/1.1\r\nHost: " + addr + "\r\n\r\n"
	part := "GET /credentials/dev HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: " + bearer + "\r\n"
	wg.Go(func() { // one header line at a time does not make the time longer
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, whole+part)
		begin := time.Now()
		for time.Since(begin) < 5*time.Second {
			if _, err := io.WriteString(c, "X-Slow: 1\r\n"); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Error("slow headers are read for ever")
	})
	wg.Go(func() { // the second request of a connection has no more time than the first
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, _ = io.WriteString(c, whole)
		if n, err := c.Read(make([]byte, 4096)); n == 0 {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		_, _ = io.WriteString(c, "GET ") // net/http takes fewer than four bytes for idling
		if b, err := io.ReadAll(c); strings.Contains(string(b), canary) || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("half a second request: %.40q, %v", b, err)
		}
	})
	for _, part := range []string{"", "G", part} {
		wg.Go(func() {
			if got, err := raw(addr, part); err != nil || strings.Contains(got, canary) {
				t.Errorf("%q: %.40q, %v", part, got, err)
			}
		})
	}
	wg.Wait()
}
