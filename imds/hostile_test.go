package imds_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// vector is one hostile request as it goes over the wire. {HOST} stands for the right Host, {PORT} for the
// port, {AUTH} and {TOKEN} for secrets that are right: what is wrong is only what the vector is about.
type vector struct {
	name  string
	guard string // the guard that it is for, if one guard alone stands in its way
	raw   string
	want  []int // statuses; 0 is a connection that is closed without an answer
}

// good requests, to be spoiled: the line, and the headers that make it good.
var good = []struct{ name, method, path, header string }{
	{"container", "GET", "/credentials/dev", "Authorization: {AUTH}\r\n"},
	{"role", "GET", rolePath, "X-aws-ec2-metadata-token: {TOKEN}\r\n"},
	{"extended", "GET", strings.Replace(rolePath, "credentials/", "credentials-extended/", 1), "X-aws-ec2-metadata-token: {TOKEN}\r\n"},
	{"token", "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n"},
}

func hostileVectors() []vector {
	var vs []vector
	add := func(guard, name, raw string, want ...int) {
		vs = append(vs, vector{name, guard, raw, want})
	}
	const end = "Connection: close\r\n\r\n"
	for _, g := range good {
		line := g.method + " " + g.path + " HTTP/1.1\r\n"
		host := "Host: {HOST}\r\n"

		for _, h := range []string{
			"evil.example", "evil.example:{PORT}", "127.0.0.1.evil.example", "127.0.0.1.evil.example:{PORT}", "localhost.evil.example:{PORT}",
			"127.0.0.1:1", "127.0.0.1:80", "localhost:1", "[::1]:1", "localhost.", "localhost.:{PORT}", "LOCALHOST", "Localhost:{PORT}",
			"127.1", "127.0.0.2", "127.0.0.2:{PORT}", "0.0.0.0:{PORT}", "0:{PORT}", "2130706433:{PORT}", "0x7f000001:{PORT}", "017700000001:{PORT}",
			"::1", "[::]:{PORT}", "[::ffff:127.0.0.1]:{PORT}", "[0:0:0:0:0:0:0:1]:{PORT}", "10.0.2.2:{PORT}", "host.docker.internal:{PORT}",
			"169.254.169.254.nip.io", "169.254.169.253", "169.254.170.23", "127.0.0.1:{PORT}:{PORT}", "127.0.0.1:{PORT}.evil.example",
			"127.0.0.1:", "127.0.0.1:0{PORT}", "127.0.0.1:+{PORT}", "localhost,evil.example", "metadata.google.internal", "",
		} {
			add("host", g.name+" host "+h, line+"Host: "+h+"\r\n"+g.header+end, 403)
		}
		for _, h := range []string{"user@127.0.0.1:{PORT}", "127.0.0.1:{PORT}/x", "127.0.0.1 evil", "127.0.0.1\x00", "127.0.0.1\x7f"} {
			add("", g.name+" host "+h, line+"Host: "+h+"\r\n"+g.header+end, 400, 403)
		}
		add("", g.name+" two hosts", line+host+"Host: evil.example\r\n"+g.header+end, 400)
		add("", g.name+" two good hosts", line+host+host+g.header+end, 400)
		add("", g.name+" no host", line+g.header+end, 400)
		add("host", g.name+" 1.0 without host", strings.Replace(line, "1.1", "1.0", 1)+g.header+end, 403)

		for _, h := range []string{
			"Origin: http://evil.example", "Origin: null", "Origin:", "Origin: http://127.0.0.1:{PORT}", "origin: x", "Referer: http://evil.example/", "Referer:",
			"referer: http://127.0.0.1:{PORT}/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: none", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: no-cors",
			"Sec-Fetch-Dest: image", "Sec-Fetch-User: ?1", "sec-fetch-mode:", "Sec-Fetch-Storage-Access: active",
		} {
			add("browser", g.name+" "+h, line+host+h+"\r\n"+g.header+end, 403)
		}
		for _, h := range []string{
			"X-Forwarded-For: 10.0.0.1", "X-Forwarded-For:", "x-forwarded-for: 127.0.0.1", "X-Forwarded-For: a\r\nX-Forwarded-For: b", "Forwarded: for=10.0.0.1",
			"Forwarded:", "X-Forwarded-Host: {HOST}", "X-Forwarded-Proto: http", "X-Real-IP: 127.0.0.1", "Via: 1.1 proxy",
		} {
			add("forwarded", g.name+" "+h, line+host+h+"\r\n"+g.header+end, 403)
		}
		// The Host header is forgotten by Go in favour of what the target says.
		add("form", g.name+" absolute", g.method+" http://{HOST}"+g.path+" HTTP/1.1\r\n"+host+g.header+end, 400)
		add("form", g.name+" absolute, other host", g.method+" http://{HOST}"+g.path+" HTTP/1.1\r\nHost: evil.example\r\n"+g.header+end, 400)
		add("form", g.name+" absolute without scheme's slashes", g.method+" http:"+g.path+" HTTP/1.1\r\n"+host+g.header+end, 400)
		add("", g.name+" absolute to evil", g.method+" http://evil.example"+g.path+" HTTP/1.1\r\n"+host+g.header+end, 400)
		add("", g.name+" absolute with userinfo", g.method+" http://u:p@{HOST}"+g.path+" HTTP/1.1\r\n"+host+g.header+end, 400)
		add("", g.name+" no slash", g.method+" "+g.path[1:]+" HTTP/1.1\r\n"+host+g.header+end, 400)
		add("", g.name+" authority", "CONNECT {HOST} HTTP/1.1\r\n"+host+g.header+end, 400)

		add("body", g.name+" body", line+host+"Content-Length: 4\r\n"+g.header+end+"xxxx", 400)
		add("body", g.name+" chunked", line+host+"Transfer-Encoding: chunked\r\n"+g.header+end+"0\r\n\r\n", 400)
		add("body", g.name+" CL and TE", line+host+"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"+g.header+end+"0\r\n\r\nX", 400)
		add("", g.name+" two CL", line+host+"Content-Length: 0\r\nContent-Length: 5\r\n"+g.header+end, 400)
		add("", g.name+" TE identity", line+host+"Transfer-Encoding: identity\r\n"+g.header+end, 400, 501)
		add("", g.name+" folded host", line+"Host:\r\n evil.example\r\n"+g.header+end, 400, 403)
		add("browser", g.name+" folded origin", line+host+"Origin:\r\n http://evil.example\r\n"+g.header+end, 403)
		add("browser", g.name+" bare LF", strings.ReplaceAll(line+host+"Origin: x\r\n"+g.header+end, "\r\n", "\n"), 403)
		add("", g.name+" blank before colon", line+host+"Origin : x\r\n"+g.header+end, 400)
		add("", g.name+" huge header", line+host+g.header+"X-Big: "+strings.Repeat("a", 40<<10)+"\r\n"+end, 431)
		add("", g.name+" http/2", strings.Replace(line, "1.1", "2.0", 1)+host+g.header+end, 505)
		add("", g.name+" http/0.9", g.method+" "+g.path+"\r\n"+host+g.header+end, 400)
		add("host", g.name+" gopher", line+"Host: evil.example\r\n"+g.header+"\r\n"+line+host+g.header+end, 403)

		for _, m := range []string{"POST", "DELETE", "PATCH", "TRACE", "OPTIONS", "PROPFIND", "get", "GETT", "X"} {
			add("", g.name+" "+m, m+" "+g.path+" HTTP/1.1\r\n"+host+g.header+end, 405)
		}
	}
	add("", "h2c preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 403, 405, 505)
	add("", "options *", "OPTIONS * HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n", 400)
	add("", "tls", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, 400)
	add("", "gopher garbage", "\r\n\r\n\x00\xff\r\n\r\n", 0, 400)
	add("", "HEAD container", "HEAD /credentials/dev HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {AUTH}\r\n"+end, 405)
	add("", "HEAD token", "HEAD /latest/api/token HTTP/1.1\r\nHost: {HOST}\r\n"+end, 405)

	get := func(path, header string, want ...int) {
		add("", path+" "+header, "GET "+path+" HTTP/1.1\r\nHost: {HOST}\r\n"+header+end, want...)
	}
	const tok, auth = "X-aws-ec2-metadata-token: {TOKEN}\r\n", "Authorization: {AUTH}\r\n"
	for _, p := range []string{
		"/credentials", "/credentials/", "/credentials/%64ev", "/credentials/dev%2f", "/credentials/dev%00", "/credentials/./dev", "/credentials/../credentials/dev",
		"/credentials/%2e%2e/credentials/dev", "/x/../credentials/dev", "/credentials/DEV", "/credentials/dev.json", "/credentials/dev;x", "/credentials\\dev",
		"/%63redentials/dev", "/credentials%2fdev", "/credentials/" + strings.Repeat("a", 4096), "/credentials/CON", "/credentials/*", "/credentials/dev/ci", "/credentials/..;/dev",
	} {
		get(p, auth+tok, 403, 404)
		get(p, auth, 401, 403, 404)
	}
	get("/credentials/dev\x00", auth, 400)
	get("/credentials/dev\x7f", auth, 400)
	get("/credentials/d\xc3\xa9v", auth, 404)
	for _, p := range []string{
		"/latest/meta-data/iam/security-credentials/../security-credentials/dev", "/latest/meta-data/iam/security-credentials/./dev", "/latest/meta-data/iam/security-credentials/%64ev",
		"/latest/meta-data/iam/security-credentials%2fdev", "/latest/meta-data%2fiam/security-credentials/dev", "/LATEST/meta-data/iam/security-credentials/dev",
		"/latest/%6deta-data/iam/security-credentials/dev", "/9999-01-01/meta-data/iam/security-credentials/dev", "/meta-data/iam/security-credentials/dev",
		"/latest/meta-data/iam/security-credentials/dev/x", "/latest/meta-data/iam/security-credentials/ci", "/latest/meta-data/iam/security-credentials/dev%00",
		"/latest/user-data/../meta-data/iam/security-credentials/dev", "/x/latest/meta-data/iam/security-credentials/dev", "/latest\\meta-data\\iam\\security-credentials\\dev",
	} {
		get(p, tok, 404)
		get(p, "", 401)
	}
	for _, h := range []string{
		"", "Authorization:\r\n", "Authorization: x\r\n", "Authorization: {AUTH}x\r\n", "Authorization: x{AUTH}\r\n", "Authorization: Basic {AUTH}\r\n", "Authorization: bearer  {AUTH}\r\n",
		"Authorization: Bearer Bearer {AUTH}\r\n", "Authorization: {AUTH}\r\nAuthorization: {AUTH}\r\n", "Authorization: x\r\nAuthorization: {AUTH}\r\n", "Authorization: {CI}\r\n",
		"Authorization: {TOKEN}\r\n", tok, "Proxy-Authorization: {AUTH}\r\n", "X-Authorization: {AUTH}\r\n", "Cookie: Authorization={AUTH}\r\n",
	} {
		get("/credentials/dev", h, 403)
		get("/credentials/dev?Authorization={AUTH}&token={AUTH}", h, 403)
		get("/credentials/nobody", h, 403, 404)
	}
	for _, h := range []string{
		"", "X-aws-ec2-metadata-token:\r\n", "X-aws-ec2-metadata-token: x\r\n", "X-aws-ec2-metadata-token: {AUTH}\r\n", "X-aws-ec2-metadata-token: {TOKEN}A\r\n",
		"X-aws-ec2-metadata-token: {TOKEN}=\r\n", "X-aws-ec2-metadata-token: A{TOKEN}\r\n", tok + tok, auth, "Authorization: {TOKEN}\r\n", "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n",
		"X-aws-ec2-metadata-token: {TOKEN},{TOKEN}\r\n", "X-aws-ec2-metadata-token: " + strings.Repeat("A", 56) + "\r\n",
	} {
		get(rolePath, h, 401)
		get(strings.Replace(rolePath, "credentials/", "credentials-extended/", 1), h, 401)
		get("/latest/meta-data/", h, 401)
		get("/", h, 401)
	}
	return vs
}

// target is where vectors are sent, and the right values for them.
type target struct{ name, addr, token string }

func newTarget(t testing.TB, name, addr string) target {
	return target{name, addr, session(t, addr)}
}

// attack gives what is wrong with the answer to v, or "".
func (x target) attack(v vector) (wrong string, leaked bool) {
	_, port, _ := net.SplitHostPort(x.addr)
	request := strings.NewReplacer("{HOST}", x.addr, "{PORT}", port, "{AUTH}", bearer, "{CI}", bearerCI, "{TOKEN}", x.token).Replace(v.raw)
	got, err := raw(x.addr, request)
	if err != nil {
		return err.Error(), false
	}
	leaked = strings.Contains(got, canary)
	status := 0
	if got != "" {
		if _, err := fmt.Sscanf(got, "HTTP/1.%d %d", new(int), &status); err != nil {
			return fmt.Sprintf("not HTTP: %.60q", got), leaked
		}
	}
	head, _, _ := strings.Cut(strings.ToLower(got), "\r\n\r\n")
	switch {
	case leaked:
		return fmt.Sprintf("a secret came back with status %d", status), true
	case !slices.Contains(v.want, status):
		return fmt.Sprintf("status %d, want one of %v", status, v.want), false
	case strings.Contains(head, "access-control-") || strings.Contains(head, "location:"):
		return "a CORS header or a redirect came back", false
	case strings.Contains(got, bearer) || strings.Contains(got, x.token):
		return "a token came back", false
	}
	return "", false
}

func TestHostileRequests(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hundreds of connections")
	}
	vs := hostileVectors()
	if len(vs) < 200 {
		t.Fatalf("only %d vectors", len(vs))
	}
	s := build(t, config(newFake(time.Hour)))
	v4, err := s.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v6, err := s.Listen(t.Context(), "[::1]:0")
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, v4, v6)
	for _, x := range []target{newTarget(t, "127.0.0.1", v4.Addr().String()), newTarget(t, "[::1]", v6.Addr().String())} {
		t.Run(x.name, func(t *testing.T) {
			// The good requests must be good, or the table shows nothing.
			for _, g := range good {
				v := vector{raw: g.method + " " + g.path + " HTTP/1.1\r\nHost: {HOST}\r\n" + g.header + "Connection: close\r\n\r\n", want: []int{200}}
				if wrong, leaked := x.attack(v); leaked != (g.method == "GET") || wrong != "" && !leaked {
					t.Fatalf("the good request %s: %s", g.name, wrong)
				}
			}
			var wg sync.WaitGroup
			next := make(chan vector)
			for range 16 {
				wg.Go(func() {
					for v := range next {
						if wrong, _ := x.attack(v); wrong != "" {
							t.Errorf("%s: %s", v.name, wrong)
						}
					}
				})
			}
			for _, v := range vs {
				next <- v
			}
			close(next)
			wg.Wait()
		})
	}
	t.Logf("%d vectors on each of 2 listeners", len(vs))
}

// TestHostileRequestsNeedEachGuard leaves out one guard after the other: the table must notice, by a secret that
// comes back.
func TestHostileRequestsNeedEachGuard(t *testing.T) {
	vs := hostileVectors()
	for _, name := range imds.GuardNames() {
		t.Run(name, func(t *testing.T) {
			c := config(newFake(time.Hour))
			switch name {
			case "peer":
				if !imds.PeerCheckSupported {
					t.Skip("the kernel is not asked whose a connection is")
				}
				stranger(t, c, name)
				return
			case "address":
				stranger(t, c, name)
				return
			case "container":
				return // TestECSNeedsEachGuard
			}
			s, err := imds.Without(c, name)
			if err != nil {
				t.Fatal(err)
			}
			x := newTarget(t, "served", serve(t, s, "127.0.0.1:0"))
			n, leaks := 0, 0
			for _, v := range vs {
				if v.guard == name {
					wrong, leaked := x.attack(v)
					if wrong != "" {
						n++
					}
					if leaked {
						leaks++
					}
				}
			}
			// A target that is not a path leads nowhere even without its guard: routing looks at the
			// same bytes. There the table sees a wrong status.
			if n == 0 || leaks == 0 && name != "form" {
				t.Errorf("without the guard %d vectors fail and %d secrets come back; the table does not test it", n, leaks)
			}
		})
	}
}

// remoteListener gives connections that seem to come from another address than they do, as those that
// route_localnet lets in.
type remoteListener struct {
	net.Listener
	remote net.Addr
}

type remoteConn struct {
	net.Conn
	remote net.Addr
}

func (l remoteListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return remoteConn{c, l.remote}, nil
}

func (c remoteConn) RemoteAddr() net.Addr { return c.remote }

// stranger shows that the address and peer guards refuse with every other guard content, and that
// without them secrets come back.
func stranger(t *testing.T, c imds.Config, name string) {
	if name == "peer" && !imds.PeerCheckSupported {
		t.Skip("users are told apart here only with the build tag peercheck")
	}
	// The peer check would refuse connections from elsewhere too; here the address guard is on its own.
	c.NoPeerCheck = name == "address"
	from := net.TCPAddrFromAddrPort(netip.MustParseAddrPort("10.9.0.2:40000"))
	request := "GET /credentials/dev HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + bearer + "\r\nConnection: close\r\n\r\n"
	for _, without := range []bool{false, true} {
		s := build(t, c)
		if without {
			var err error
			if s, err = imds.Without(c, name); err != nil {
				t.Fatal(err)
			}
		}
		if name == "peer" {
			s.SetEUID(4242)
		}
		ln, err := s.Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := net.Listener(ln)
		if name == "address" {
			served = remoteListener{ln, from}
		}
		serveOn(t, s, served)
		got, err := raw(ln.Addr().String(), request)
		if err != nil {
			t.Fatal(err)
		}
		if leak := strings.Contains(got, canary); leak != without || !without && got != "" {
			t.Errorf("without=%v: %.80q", without, got)
		}
	}
}
