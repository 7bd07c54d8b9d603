//go:build (linux && !otheros) || darwin || windows

package imds_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
	"github.com/sts-helper/sts-helper/integration/harness/overlap"
)

const otherUID = 12345

func TestMain(m *testing.M) {
	if order := os.Getenv("IMDS_TEST_AS"); order != "" {
		if err := otherUser(order); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Every address of 127.0.0.0/8 is on the loopback device.
	imds.SetECSAddress(netip.MustParseAddr("127.9.0.2"))
	overlap.Tests()
	os.Exit(m.Run())
}

// order is what the process of the other user is to do.
type order struct {
	Addr, Bearer, Token string
	Conns               int
	Workers             int
	Sandbox             bool // in namespaces of its own
	Show                bool // one request of each kind, and show the answers
}

// report is what it saw.
type report struct {
	User        string
	Conns       int64
	Bytes       int64
	NotDialed   int64 // connections that the kernel did not make
	Seconds     float64
	Sample      string
	Answers     []string
	SlowHeaders int64
}

// otherUser is the other user's process. It has every secret; only its user is wrong. The order is in a file, and the
// report goes beside it: not every system gives another user's process a pipe.
func otherUser(file string) error {
	var o order
	data, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	if err != nil {
		return err
	}
	head := " HTTP/1.1\r\nHost: " + o.Addr + "\r\n"
	requests := []string{
		"GET /credentials/dev" + head + "Authorization: " + o.Bearer + "\r\nConnection: close\r\n\r\n",
		"GET " + rolePath + head + "X-aws-ec2-metadata-token: " + o.Token + "\r\nConnection: close\r\n\r\n",
		"PUT /latest/api/token" + head + "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n\r\n",
		"GET /healthz" + head + "Connection: close\r\n\r\n",
	}
	r := report{User: whoAmI()}
	begin := time.Now()
	if o.Show {
		for _, q := range requests {
			b, _ := raw(o.Addr, q)
			r.Answers = append(r.Answers, b)
		}
	} else {
		var left atomic.Int64
		left.Store(int64(o.Conns))
		var wg sync.WaitGroup
		var once sync.Once
		for range o.Workers {
			wg.Go(func() {
				buf := make([]byte, 4096)
				for {
					n := left.Add(-1)
					if n < 0 {
						return
					}
					c, err := net.DialTimeout("tcp", o.Addr, 5*time.Second)
					if err != nil {
						atomic.AddInt64(&r.NotDialed, 1) // reset before the dial was over, mostly
						continue
					}
					atomic.AddInt64(&r.Conns, 1)
					q := requests[n%int64(len(requests))]
					switch {
					case n%500 == 0: // slow headers
						atomic.AddInt64(&r.SlowHeaders, 1)
						for i := range 20 {
							if _, err := io.WriteString(c, q[i:i+1]); err != nil {
								break
							}
							time.Sleep(20 * time.Millisecond)
						}
					case n%4 == 1: // connect, send, close
						_, _ = io.WriteString(c, q)
						_ = c.Close()
						continue
					case n%4 == 2: // connect, send, half close
						_, _ = io.WriteString(c, q)
						_ = c.(*net.TCPConn).CloseWrite()
					case n%4 == 3: // connect, and say nothing
					default:
						_, _ = io.WriteString(c, q)
					}
					_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
					for {
						k, err := c.Read(buf)
						if k > 0 {
							atomic.AddInt64(&r.Bytes, int64(k))
							once.Do(func() { r.Sample = string(buf[:k]) })
						}
						if err != nil {
							break
						}
					}
					_ = c.Close()
				}
			})
		}
		wg.Wait()
	}
	r.Seconds = time.Since(begin).Seconds()
	data, err = json.Marshal(r)
	if err != nil {
		return err
	}
	return os.WriteFile(file+".report", data, 0o644)
}

// as has the test binary run by another user, in a directory that both can use, since that user cannot read where the
// binary is. uid is who it is where users have numbers.
func as(t *testing.T, uid uint32, o order) report {
	t.Helper()
	if !imds.PeerCheckSupported {
		t.Skip("users are told apart here only with the build tag peercheck")
	}
	dir := commonDir(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	copied, file := filepath.Join(dir, "other.exe"), filepath.Join(dir, "order")
	data, err := json.Marshal(o)
	if err == nil {
		err = os.WriteFile(copied, self, 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	runAs(t, uid, copied, file, o.Sandbox)
	var r report
	if data, err = os.ReadFile(file + ".report"); err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.User == "" || r.User == whoAmI() && uid != uint32(os.Geteuid()) {
		t.Fatalf("the other user is this one: %q", r.User)
	}
	return r
}

// TestOtherUserGetsNothing floods the server from another user's process that holds every token, while the
// owner goes on asking.
func TestOtherUserGetsNothing(t *testing.T) {
	conns := 100_000
	if testing.Short() {
		conns = 10_000
	}
	s := build(t, config(newFake(time.Hour)))
	addr := serve(t, s, "127.0.0.1:0")
	tok := session(t, addr)

	stop := make(chan struct{})
	var took []time.Duration
	var asked, answered int
	var wg sync.WaitGroup
	wg.Go(func() {
		request := "GET /credentials/dev HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: " + bearer + "\r\nConnection: close\r\n\r\n"
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
			begin := time.Now()
			asked++
			// A new connection each time, as a new process would make it.
			if b, err := raw(addr, request); err == nil && strings.HasPrefix(b, "HTTP/1.1 200") {
				answered++
				took = append(took, time.Since(begin))
			}
		}
	})
	r := as(t, otherUID, order{Addr: addr, Bearer: bearer, Token: tok, Conns: conns, Workers: 64})
	close(stop)
	wg.Wait()
	if r.Bytes != 0 {
		t.Errorf("the other user got %d bytes: %.200q", r.Bytes, r.Sample)
	}
	if r.Conns+r.NotDialed != int64(conns) || r.Conns < int64(conns)/10 {
		t.Errorf("only %d of %d connections were made", r.Conns, conns)
	}
	slices.Sort(took)
	if asked == 0 || answered*100 < asked*99 {
		t.Fatalf("the owner was answered %d times of %d", answered, asked)
	}
	soon := 0
	for _, d := range took {
		if d < 100*time.Millisecond {
			soon++
		}
	}
	at := func(p int) time.Duration { return took[min(len(took)-1, len(took)*p/1000)] }
	t.Logf("other user: %d connections made and %d refused at once in %.1f s (%.0f a second), %d with slow headers, %d bytes", r.Conns, r.NotDialed, r.Seconds, float64(conns)/r.Seconds, r.SlowHeaders, r.Bytes)
	t.Logf("owner: %d of %d answered, %.2f%% under 100 ms; p50 %v, p99 %v, p99.9 %v, longest %v", answered, asked, 100*float64(soon)/float64(asked), at(500), at(990), at(999), took[len(took)-1])
}

func TestOtherUserThroughEachDoor(t *testing.T) {
	for _, on := range []string{"127.0.0.1:0", "[::1]:0"} {
		addr := serve(t, build(t, config(newFake(time.Hour))), on)
		r := as(t, otherUID, order{Addr: addr, Bearer: bearer, Token: session(t, addr), Show: true})
		for i, a := range r.Answers {
			if a != "" {
				t.Errorf("%s, request %d: %.100q", on, i, a)
			}
		}
		if runtime.GOOS == "windows" {
			continue // where users have no numbers to be let in by
		}
		// A user who is let in gets credentials, but not with a session token of another user.
		c := config(newFake(time.Hour))
		c.AllowUIDs = []uint32{otherUID}
		addr = serve(t, build(t, c), on)
		r = as(t, otherUID, order{Addr: addr, Bearer: bearer, Token: session(t, addr), Show: true})
		for i, want := range []string{"HTTP/1.1 200 ", "HTTP/1.1 401 ", "HTTP/1.1 200 ", "HTTP/1.1 "} {
			if !strings.HasPrefix(r.Answers[i], want) {
				t.Errorf("%s, let in, request %d: %.60q", on, i, r.Answers[i])
			}
		}
		// And without the check everybody does.
		c = config(newFake(time.Hour))
		c.NoPeerCheck = true
		addr = serve(t, build(t, c), on)
		r = as(t, otherUID, order{Addr: addr, Bearer: bearer, Token: session(t, addr), Show: true})
		for i := range r.Answers[:3] {
			if !strings.HasPrefix(r.Answers[i], "HTTP/1.1 200 ") {
				t.Errorf("%s, no check, request %d: %.60q", on, i, r.Answers[i])
			}
		}
	}
}

// TestOwnerOfSocket looks at what the system says in each state of a connection.
func TestOwnerOfSocket(t *testing.T) {
	for _, on := range []string{"127.0.0.1:0", "[::1]:0", "[::ffff:127.0.0.1]:0"} {
		network := "tcp"
		if strings.Contains(on, "ffff") {
			network = "tcp6"
			on = "[::]:0" // an IPv6 socket that takes IPv4
		}
		ln, err := net.Listen(network, on)
		if network == "tcp6" {
			ln, err = net.Listen("tcp", ":0")
		}
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		to := ln.Addr().String()
		if network == "tcp6" {
			to = fmt.Sprintf("127.0.0.1:%d", ln.Addr().(*net.TCPAddr).Port)
		}
		dial := func() (net.Conn, net.Conn) {
			t.Helper()
			c, err := net.Dial("tcp", to)
			if err != nil {
				t.Fatal(err)
			}
			a, err := ln.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c, a
		}
		owner := func(a net.Conn) (uint32, error) { return imds.Owner(a.RemoteAddr(), a.LocalAddr()) }

		c, a := dial()
		if uid, err := owner(a); err != nil || uid != uint32(os.Geteuid()) {
			t.Errorf("%s connected: %d %v", on, uid, err)
		}
		_ = c.(*net.TCPConn).CloseWrite()
		if uid, err := owner(a); err != nil || uid != uint32(os.Geteuid()) {
			t.Errorf("%s half closed: %d %v", on, uid, err)
		}
		_ = c.Close()
		if uid, err := owner(a); err == nil && (runtime.GOOS != "windows" || uid != uint32(os.Geteuid())) { // who had it there
			t.Errorf("%s closed: it is said to be %d's", on, uid)
		}
		_ = a.Close()
		c, a = dial()
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
		if uid, err := owner(a); err == nil {
			t.Errorf("%s reset: it is said to be %d's", on, uid)
		}
		_ = a.Close()
		// Nobody's: the kernel would offer the listener, if it were asked less exactly.
		nobody := &net.TCPAddr{IP: a.LocalAddr().(*net.TCPAddr).IP, Port: ln.Addr().(*net.TCPAddr).Port}
		if uid, err := imds.Owner(nobody, &net.TCPAddr{IP: nobody.IP, Port: 1}); err == nil {
			t.Errorf("%s listener: it is said to be %d's connection", on, uid)
		}
	}
}
