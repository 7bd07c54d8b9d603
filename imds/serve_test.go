package imds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

func TestListen(t *testing.T) {
	c := config(newFake(time.Hour))
	c.Aliases = []netip.Addr{netip.MustParseAddr("127.9.9.9")} // loopback anyway, but so that the field is read
	closed := build(t, c)
	c.AllowNonLoopback = true
	open := build(t, c)
	for addr, want := range map[string][2]bool{
		"127.0.0.1:0": {true, true}, "[::1]:0": {true, true}, "localhost:0": {true, true}, "127.0.0.2:0": {true, true}, "[::ffff:127.0.0.1]:0": {true, true},
		"0.0.0.0:0": {false, true}, "[::]:0": {false, true}, ":0": {false, true},
		"": {}, "127.0.0.1": {}, "evil.example:0": {}, "192.0.2.1:0": {}, "127.0.0.1:x": {},
	} {
		for i, s := range []*imds.Server{closed, open} {
			ln, err := s.Listen(t.Context(), addr)
			if err == nil {
				_ = ln.Close()
			}
			if errors.Is(err, syscall.EADDRNOTAVAIL) && addr == "127.0.0.2:0" {
				continue // macOS gives its loopback device one address
			}
			if (err == nil) != want[i] {
				t.Errorf("%q, open %v: %v", addr, i == 1, err)
			}
		}
	}
}

// TestServeRefusesOpenListeners: a listener that came from elsewhere is held to the same rule.
func TestServeRefusesOpenListeners(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		addr := "0.0.0.0:0"
		if network == "unix" {
			addr = t.TempDir() + "/s"
		}
		ln, err := net.Listen(network, addr)
		if err != nil && network == "unix" && runtime.GOOS == "windows" {
			continue // a Windows before 1803, or Wine
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := build(t, config(newFake(time.Hour))).Serve(t.Context(), ln); err == nil {
			t.Errorf("%s is served", addr)
		}
		if _, err := ln.Accept(); err == nil {
			t.Errorf("%s is still open", addr)
		}
	}
}

// TestOpenListener: container paths only, with their bearer token, under the address's own name.
func TestOpenListener(t *testing.T) {
	c := config(newFake(time.Hour))
	c.AllowNonLoopback = true
	c.Hosts = []string{"gateway.internal", "other.internal:81"}
	s := build(t, c)
	ln, err := s.Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, ln)
	port := ln.Addr().(*net.TCPAddr).Port
	addr := fmt.Sprintf("127.0.0.1:%d", port)
	for _, x := range []struct {
		request, host string
		want          int
	}{
		{"GET /credentials/dev", addr, 200}, {"GET /credentials/dev", "gateway.internal", 200}, {"GET /credentials/dev", fmt.Sprintf("gateway.internal:%d", port), 200},
		{"GET /credentials/dev", "other.internal:81", 200}, {"GET /credentials/dev", fmt.Sprintf("other.internal:%d", port), 403}, {"GET /credentials/dev", "evil.example", 403},
		{"GET /credentials/dev", fmt.Sprintf("0.0.0.0:%d", port), 403},
		{"PUT /latest/api/token", addr, 404}, {"GET /latest/meta-data/", addr, 404}, {"GET /healthz", addr, 200}, {"GET /", addr, 404},
	} {
		got, err := raw(addr, x.request+" HTTP/1.1\r\nHost: "+x.host+"\r\nAuthorization: "+bearer+"\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n\r\n")
		if err != nil || !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", x.want)) {
			t.Errorf("%s, Host %s: %.40q %v, want %d", x.request, x.host, got, err, x.want)
		}
	}
}

// TestAliases: an address that the configuration names counts as loopback, and no other.
func TestAliases(t *testing.T) {
	alias := netip.MustParseAddr("169.254.169.254")
	for _, with := range []bool{true, false} {
		c := config(newFake(time.Hour))
		c.NoPeerCheck = true // the kernel knows no such connection
		if with {
			c.Aliases = []netip.Addr{alias}
		}
		s := build(t, c)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		serveOn(t, s, remoteListener{ln, net.TCPAddrFromAddrPort(netip.AddrPortFrom(alias, 4000))})
		got, err := raw(ln.Addr().String(), "GET /healthz HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n")
		if err != nil || strings.HasPrefix(got, "HTTP/1.1 200") != with {
			t.Errorf("alias %v: %.40q %v", with, got, err)
		}
	}
}

// TestLog: what is in the log and the events, and what never is.
func TestLog(t *testing.T) {
	var mu sync.Mutex
	var buf bytes.Buffer
	var events []imds.Event
	p := newFake(time.Hour)
	c := config(p)
	c.Logger = slog.New(slog.NewJSONHandler(lockedWriter{&mu, &buf}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c.Observe = func(e imds.Event) { mu.Lock(); events = append(events, e); mu.Unlock() }
	s := build(t, c)
	addr := serve(t, s, "127.0.0.1:0")
	tok := session(t, addr)
	do(t, "GET", addr, "/credentials/dev?q=CANARY-query", "Authorization", bearer, "User-Agent", "CANARY-agent")
	do(t, "GET", addr, rolePath, "X-aws-ec2-metadata-token", tok)
	do(t, "GET", addr, "/credentials/dev", "Authorization", bearer, "Origin", "http://CANARY-origin")
	do(t, "GET", addr, "/"+strings.Repeat("CANARY-long", 30))
	_, _ = raw(addr, "GET http://user:CANARY-password@"+addr+"/credentials/dev HTTP/1.1\r\nHost: "+addr+"\r\nConnection: close\r\n\r\n")
	p.fail(fmt.Errorf("the reason is known"))
	s.Refresh("dev")
	for s.Status()[0].Err == nil {
		time.Sleep(time.Millisecond)
	}
	do(t, "GET", addr, "/healthz")
	mu.Lock()
	defer mu.Unlock()
	log := buf.String()
	for _, secret := range []string{"CANARY-", bearer, tok} {
		if strings.Contains(log, secret) {
			t.Errorf("%.12q is in the log:\n%s", secret, log)
		}
	}
	for _, want := range []string{`"path":"/credentials/dev"`, `"guard":"browser"`, `"status":403`, `"guard":"form"`, `"profile":"dev"`, "the reason is known", `"took":`} {
		if !strings.Contains(log, want) {
			t.Errorf("%s is not in the log:\n%s", want, log)
		}
	}
	if imds.PeerCheckSupported && runtime.GOOS != "windows" && !strings.Contains(log, fmt.Sprintf(`"uid":%d`, os.Geteuid())) {
		t.Errorf("the user is not in the log:\n%s", log)
	}
	seen := map[string]bool{}
	for _, e := range events {
		seen[fmt.Sprint(e.Kind, e.Route, e.Status, e.Guard, e.Err != nil)] = true
	}
	for _, want := range []string{"fetch0false", "fetch0true", "requestcontainer200false", "requestmetadata200false", "requesttoken200false", "requesthealth200false", "requestother403browserfalse"} {
		if !seen[want] {
			t.Errorf("no event %s among %v", want, seen)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w lockedWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(b)
}

// TestNothingGrows: many requests leave no goroutine, descriptor or memory behind. IMDS_SOAK=1 makes it a
// million.
func TestNothingGrows(t *testing.T) {
	if testing.Short() {
		t.Skip("long: fifty thousand requests")
	}
	n := 50_000
	if os.Getenv("IMDS_SOAK") != "" {
		n = 1_000_000
	}
	p := newFake(time.Hour)
	s := build(t, config(p))
	ln, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before := runtime.NumGoroutine()
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, ln) }()
	addr := ln.Addr().String()
	tok := session(t, addr)
	load := func(n int) {
		tr := &http.Transport{MaxIdleConnsPerHost: 8, Proxy: nil}
		defer tr.CloseIdleConnections()
		c := &http.Client{Transport: tr}
		var wg sync.WaitGroup
		for w := range 8 {
			wg.Go(func() {
				for i := range n / 8 {
					path, k, v := "/credentials/dev", "Authorization", bearer
					method := "GET"
					switch (i + w) % 4 {
					case 1:
						path, k, v = rolePath, "X-aws-ec2-metadata-token", tok
					case 2:
						method, path, k, v = "PUT", "/latest/api/token", ttlHeader, "21600"
					case 3:
						v = "wrong"
					}
					req, _ := http.NewRequest(method, "http://"+addr+path, nil)
					req.Header.Set(k, v)
					req.Close = i%100 == 0
					resp, err := c.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			})
		}
		wg.Wait()
	}
	measure := func() (mem uint64, goroutines int) {
		for range 50 { // connections that were closed take a moment to end
			time.Sleep(10 * time.Millisecond)
			if runtime.NumGoroutine() <= before+10 {
				break
			}
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, runtime.NumGoroutine()
	}
	load(n / 10)
	mem, gor := measure()
	load(n)
	mem2, gor2 := measure()
	t.Logf("%d requests: heap %d KiB before, %d KiB after; goroutines %d, %d", n, mem>>10, mem2>>10, gor, gor2)
	if mem2 > mem+2<<20 || gor2 > gor {
		t.Errorf("heap %d -> %d KiB, goroutines %d -> %d", mem>>10, mem2>>10, gor, gor2)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	client.CloseIdleConnections()
	for range 100 {
		time.Sleep(10 * time.Millisecond)
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	b := make([]byte, 1<<16)
	t.Errorf("%d goroutines stay:\n%s", runtime.NumGoroutine()-before, b[:runtime.Stack(b, true)])
}
