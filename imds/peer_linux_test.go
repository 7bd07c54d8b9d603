package imds_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

const otherUID = 12345

func TestMain(m *testing.M) {
	if os.Getenv("IMDS_TEST_AS") != "" {
		otherUser()
		return
	}
	// Every address of 127.0.0.0/8 is on the loopback device.
	imds.SetECSAddress(netip.MustParseAddr("127.9.0.2"))
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
	UID         int
	Conns       int64
	Bytes       int64
	NotDialed   int64 // connections that the kernel did not make
	Seconds     float64
	Sample      string
	Answers     []string
	SlowHeaders int64
}

// otherUser is the other user's process. It has every secret; only its uid is wrong.
func otherUser() {
	var o order
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		panic(err)
	}
	head := " HTTP/1.1\r\nHost: " + o.Addr + "\r\n"
	requests := []string{
		"GET /credentials/dev" + head + "Authorization: " + o.Bearer + "\r\nConnection: close\r\n\r\n",
		"GET " + rolePath + head + "X-aws-ec2-metadata-token: " + o.Token + "\r\nConnection: close\r\n\r\n",
		"PUT /latest/api/token" + head + "X-aws-ec2-metadata-token-ttl-seconds: 60\r\nConnection: close\r\n\r\n",
		"GET /healthz" + head + "Connection: close\r\n\r\n",
	}
	r := report{UID: os.Getuid()}
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
	_ = json.NewEncoder(os.Stdout).Encode(r)
}

// as runs the test binary as another user, who cannot read where it is: it gets a copy.
func as(t *testing.T, uid uint32, o order) report {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test becomes another user, and needs to be run by root")
	}
	dir, err := os.MkdirTemp("", "imds-other-user-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	exe := filepath.Join(dir, "other")
	if err := os.WriteFile(exe, self, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	in, _ := json.Marshal(o)
	cmd := exec.Command(exe)
	cmd.Dir = "/"
	cmd.Env = []string{"IMDS_TEST_AS=" + strconv.Itoa(int(uid))}
	cmd.Stdin = strings.NewReader(string(in))
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: false}}
	if o.Sandbox { // of the server's user, as a rootless container has it
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(uid), HostID: int(uid), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(uid), HostID: int(uid), Size: 1}}
		cmd.SysProcAttr.Credential.NoSetGroups = true
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %.200q", err, out)
	}
	if r.UID != int(uid) {
		t.Fatalf("the other user is %d", r.UID)
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

// TestOwnerOfSocket looks at what the kernel says in each state of a connection.
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
		if uid, err := owner(a); err == nil {
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

// TestDiagAnswerMustBeAboutTheQuestion: an answer is believed only if it repeats every bit of the addresses.
func TestDiagAnswerMustBeAboutTheQuestion(t *testing.T) {
	client, server := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:9911")
	m := make([]byte, 16+72)
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], 20) // SOCK_DIAG_BY_FAMILY
	b := m[16:]
	b[0], b[1] = syscall.AF_INET, 1 // established
	binary.BigEndian.PutUint16(b[4:], client.Port())
	binary.BigEndian.PutUint16(b[6:], server.Port())
	copy(b[8:], client.Addr().AsSlice())
	copy(b[24:], server.Addr().AsSlice())
	binary.NativeEndian.PutUint32(b[64:], otherUID)
	binary.NativeEndian.PutUint32(b[68:], 777)
	if uid, err := imds.ParseDiag(m, client, server); err != nil || uid != otherUID {
		t.Fatalf("%d %v", uid, err)
	}
	for _, at := range [][2]int{{4, 8}, {8, 12}, {24, 28}} { // ports, source, destination
		for i := at[0] * 8; i < at[1]*8; i++ {
			b[i/8] ^= 1 << (i % 8)
			if uid, err := imds.ParseDiag(m, client, server); err == nil {
				t.Errorf("bit %d flipped: %d", i, uid)
			}
			b[i/8] ^= 1 << (i % 8)
		}
	}
	for name, spoil := range map[string]func([]byte){
		"listening": func(b []byte) { b[1] = 10 },
		"closed":    func(b []byte) { clear(b[68:72]) },
		"root's, and closed": func(b []byte) {
			clear(b[64:72])
		},
	} {
		x := slices.Clone(m)
		spoil(x[16:])
		if uid, err := imds.ParseDiag(x, client, server); err == nil {
			t.Errorf("%s: %d", name, uid)
		}
	}
	for i := range m {
		if uid, err := imds.ParseDiag(m[:i], client, server); err == nil {
			t.Errorf("cut to %d bytes: %d", i, uid)
		}
	}
}

// TestIMDSWithPeerCheck: where the kernel tells users apart, nothing need be permitted or warned of.
func TestIMDSWithPeerCheck(t *testing.T) {
	var log bytes.Buffer
	c := config(newFake(time.Hour))
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	for _, c.IMDSWithoutPeerCheck = range []bool{false, true} {
		build(t, c)
	}
	if log.Len() != 0 {
		t.Errorf("it warns: %s", &log)
	}
}
