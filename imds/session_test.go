package imds_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// ask sends a request to a handler without a network, as from the owner's own loopback. The server must be
// without a peer check.
func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	return askTarget(h, method, path, header...)
}

// askTarget is ask for targets that no client would send: only the raw target and the headers count.
func askTarget(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Method, r.RequestURI = method, target
	r.Host = "127.0.0.1:9911"
	for i := 0; i < len(header); i += 2 {
		r.Header[http.CanonicalHeaderKey(header[i])] = append(r.Header[http.CanonicalHeaderKey(header[i])], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func quietServer(t testing.TB, p *fake) *imds.Server {
	c := config(p)
	c.NoPeerCheck = true
	return build(t, c)
}

func TestTokenWithAnyBitFlipped(t *testing.T) {
	s := quietServer(t, newFake(time.Hour))
	tok := ask(s, "PUT", "/latest/api/token", ttlHeader, "60").Body.String()
	status := func(tok string) int {
		return ask(s, "GET", "/latest/meta-data/placement/region", "X-aws-ec2-metadata-token", tok).Code
	}
	if status(tok) != 200 {
		t.Fatal("the token itself is refused")
	}
	b, err := base64.RawURLEncoding.DecodeString(tok)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(b) * 8 {
		b[i/8] ^= 1 << (i % 8)
		if got := status(base64.RawURLEncoding.EncodeToString(b)); got != 401 {
			t.Errorf("bit %d flipped: %d", i, got)
		}
		b[i/8] ^= 1 << (i % 8)
	}
	text := []byte(tok)
	for i := range len(text) * 8 {
		text[i/8] ^= 1 << (i % 8)
		if got := status(string(text)); got != 401 {
			t.Errorf("bit %d of the text flipped: %d", i, got)
		}
		text[i/8] ^= 1 << (i % 8)
	}
	for i := range len(tok) {
		if got := status(tok[:i]); got != 401 {
			t.Errorf("cut to %d: %d", i, got)
		}
	}
	for _, x := range []string{tok + "A", tok + "\n", "\n" + tok[1:], tok[:55] + "\n", " " + tok, base64.RawURLEncoding.EncodeToString(make([]byte, 42))} {
		if got := status(x); got != 401 {
			t.Errorf("%q: %d", x, got)
		}
	}
}

// TestTokenFitsTheCRT: clients of the AWS CRT (awscrt, Mountpoint, TensorStore) keep a token in 64 bytes that do
// not grow; EC2's own have 56 characters.
func TestTokenFitsTheCRT(t *testing.T) {
	s := quietServer(t, newFake(time.Hour))
	seen := map[string]bool{}
	for _, ttl := range []string{"1", "60", "300", "21600", "21600"} {
		tok := ask(s, "PUT", "/latest/api/token", ttlHeader, ttl).Body.String()
		if len(tok) != 56 || seen[tok] {
			t.Errorf("%d characters, seen before: %v", len(tok), seen[tok])
		}
		seen[tok] = true
	}
}

func TestTokenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := quietServer(t, newFake(12*time.Hour))
		tok := ask(s, "PUT", "/latest/api/token", ttlHeader, "60").Body.String()
		get := func() *httptest.ResponseRecorder {
			return ask(s, "GET", "/latest/meta-data/placement/region", "X-aws-ec2-metadata-token", tok)
		}
		time.Sleep(59 * time.Second)
		if w := get(); w.Code != 200 {
			t.Errorf("a second before its end: %d", w.Code)
		}
		time.Sleep(time.Second)
		if w := get(); w.Code != 401 {
			t.Errorf("at its end: %d", w.Code)
		}
	})
}

func TestTokenBelongsToKeyIdentityAndRestart(t *testing.T) {
	first := config(newFake(time.Hour))
	addr := serve(t, build(t, first), "127.0.0.1:0")
	tok := session(t, addr)
	status := func(c imds.Config) int {
		resp, _ := do(t, "GET", serve(t, build(t, c), "127.0.0.1:0"), rolePath, "X-aws-ec2-metadata-token", tok)
		return resp.StatusCode
	}
	if got := status(config(newFake(time.Hour))); got != 200 {
		t.Errorf("after a restart: %d", got)
	}
	c := config(newFake(time.Hour))
	c.Key = imds.NewKey()
	if got := status(c); got != 401 {
		t.Errorf("under another key: %d", got)
	}
	c = config(newFake(time.Hour))
	c.Profiles[0].RoleARN = "arn:aws:iam::123456789012:role/Other"
	if got := status(c); got != 401 {
		t.Errorf("for another role of the same name: %d", got)
	}
	c = config(newFake(time.Hour))
	c.IMDS.Profile, c.IMDS.RoleName = "ci", "dev"
	if got := status(c); got != 401 {
		t.Errorf("for another profile: %d", got)
	}
	c = config(newFake(time.Hour))
	c.NoPeerCheck = true
	if got := status(c); got != 401 && imds.PeerCheckSupported {
		t.Errorf("a user's token, used by an unknown user: %d", got)
	}
}

func TestReload(t *testing.T) {
	s := build(t, config(newFake(time.Hour)))
	addr := serve(t, s, "127.0.0.1:0")
	tok := session(t, addr)

	c := config(newFake(time.Hour))
	c.Profiles[0].Name = "new"
	if err := s.Reload(c); err == nil {
		t.Error("a reload with a bad configuration succeeded")
	}
	if resp, _ := do(t, "GET", addr, "/credentials/dev", "Authorization", bearer); resp.StatusCode != 200 {
		t.Errorf("after a failed reload: %s", resp.Status)
	}
	c.IMDS.Profile = "new"
	if err := s.Reload(c); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]int{"/credentials/dev": 404, "/credentials/new": 200} {
		if resp, _ := do(t, "GET", addr, path, "Authorization", bearer); resp.StatusCode != want {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if resp, b := do(t, "GET", addr, rolePath, "X-aws-ec2-metadata-token", tok); resp.StatusCode != 401 {
		t.Errorf("the old role's token: %s %.40q", resp.Status, b)
	}
}

// TestReloadKeepsCredentials: a profile that says who it is keeps its credentials if fetching fails.
func TestReloadKeepsCredentials(t *testing.T) {
	for identity, want := range map[string]int{"same": 200, "": 503} {
		c := config(newFake(time.Hour))
		c.Profiles[0].Identity = identity
		s := build(t, c)
		addr := serve(t, s, "127.0.0.1:0")
		if resp, _ := do(t, "GET", addr, "/credentials/dev", "Authorization", bearer); resp.StatusCode != 200 {
			t.Fatal(resp.Status)
		}
		p := newFake(time.Hour)
		p.fail(http.ErrServerClosed)
		c.Profiles[0].Provider = p
		if err := s.Reload(c); err != nil {
			t.Fatal(err)
		}
		if resp, _ := do(t, "GET", addr, "/credentials/dev", "Authorization", bearer); resp.StatusCode != want {
			t.Errorf("identity %q: %s, want %d", identity, resp.Status, want)
		}
	}
}
