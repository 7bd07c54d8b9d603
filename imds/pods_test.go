package imds_test

import (
	"context"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/imds"
)

// podConfig serves a profile to the holder of one token; others are refused.
func podConfig(p *fake) imds.Config {
	return imds.Config{
		Profiles: []imds.Profile{{Name: "web", Provider: p, OnDemand: true}},
		Pods: &imds.Pods{Authorize: func(_ context.Context, token string, _ netip.Addr) (imds.Pod, *imds.Refusal) {
			switch token {
			case "good":
				return imds.Pod{Namespace: "shop", ServiceAccount: "web", Name: "web-1", Profile: "web"}, nil
			case "later":
				return imds.Pod{}, &imds.Refusal{Status: 503, Code: "ServiceUnavailableException", Message: "come again", RetryIn: 1500 * time.Millisecond}
			case "elsewhere":
				return imds.Pod{Namespace: "shop", ServiceAccount: "web", Profile: "gone"}, nil
			}
			return imds.Pod{}, &imds.Refusal{Status: 400, Code: "InvalidTokenException", Message: "not taken", Detail: "the reason"}
		}},
	}
}

// A server for pods answers one path, to the tokens that are taken, with the statuses of EKS's agent.
func TestPods(t *testing.T) {
	t.Parallel()
	f := newFake(time.Hour)
	var given atomic.Pointer[imds.Handout]
	c := podConfig(f)
	c.Given = func(h imds.Handout) { given.Store(&h) }
	addr := serve(t, build(t, c), "127.0.0.1:0")
	for name, tc := range map[string]struct {
		method, path string
		headers      []string
		want         int
		has          string
	}{
		"a good token":          {"GET", "/v1/credentials", []string{"Authorization", "good"}, 200, `"AccessKeyId":"ASIACANARY`},
		"a slash at the end":    {"GET", "/v1/credentials/", []string{"Authorization", "good"}, 200, `"Token":"`},
		"no token":              {"GET", "/v1/credentials", nil, 400, "Service account token cannot be empty"},
		"an empty token":        {"GET", "/v1/credentials", []string{"Authorization", ""}, 400, "Service account token cannot be empty"},
		"another token":         {"GET", "/v1/credentials", []string{"Authorization", "bad"}, 400, "InvalidTokenException"},
		"a scheme before it":    {"GET", "/v1/credentials", []string{"Authorization", "Bearer good"}, 400, "InvalidTokenException"},
		"to be tried again":     {"GET", "/v1/credentials", []string{"Authorization", "later"}, 503, "come again"},
		"a profile that is not": {"GET", "/v1/credentials", []string{"Authorization", "elsewhere"}, 503, "not served yet"},
		"another method":        {"POST", "/v1/credentials", []string{"Authorization", "good"}, 405, ""},
		"the container path":    {"GET", "/credentials/web", []string{"Authorization", "good"}, 404, ""},
		"instance metadata":     {"PUT", "/latest/api/token", []string{"X-aws-ec2-metadata-token-ttl-seconds", "60"}, 404, ""},
		"a web page":            {"GET", "/v1/credentials", []string{"Authorization", "good", "Origin", "http://evil.example"}, 403, "AccessDenied"},
		"a proxy":               {"GET", "/v1/credentials", []string{"Authorization", "good", "X-Forwarded-For", ""}, 403, "AccessDenied"},
	} {
		resp, body := do(t, tc.method, addr, tc.path, tc.headers...)
		if resp.StatusCode != tc.want || !strings.Contains(body, tc.has) {
			t.Errorf("%s: %d %.200s", name, resp.StatusCode, body)
		}
		if resp.StatusCode != 200 && strings.Contains(body, canary) {
			t.Errorf("%s: a secret in %s", name, body)
		}
		if resp.StatusCode == 503 && resp.Header.Get("X-Amz-Retry-After") == "" {
			t.Errorf("%s: not said when to come back", name)
		}
		if strings.Contains(body, "the reason") {
			t.Errorf("%s: what is for the log is in %s", name, body)
		}
	}
	for _, host := range []string{"rebound.example", "localhost", "169.254.169.254", "169.254.170.2", "127.0.0.1:1", "127.0.0.1.evil.example", ""} {
		answer, err := raw(addr, "GET /v1/credentials HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: good\r\nConnection: close\r\n\r\n")
		if err != nil || !strings.HasPrefix(answer, "HTTP/1.1 403 ") {
			t.Errorf("Host %q: %v %.200q", host, err, answer)
		}
	}
	if n := f.calls.Load(); n != 1 {
		t.Errorf("the credentials were fetched %d times", n)
	}
	if h := given.Load(); h == nil || h.Pod == nil || h.Pod.String() != "shop/web/web-1" || h.Profile != "web" || h.UID != -1 {
		t.Errorf("handed out: %+v", h)
	}
}

// A profile that no pod asked for is not fetched, and the server is ready without it, if tokens can be reviewed.
func TestPodsOnDemand(t *testing.T) {
	t.Parallel()
	f := newFake(time.Hour)
	c := podConfig(f)
	var able atomic.Bool
	c.Pods.Ready = able.Load
	addr := serve(t, build(t, c), "127.0.0.1:0")
	if resp, body := do(t, "GET", addr, "/healthz"); resp.StatusCode != 503 || body != "unavailable\n" {
		t.Errorf("before tokens can be reviewed: %d %q", resp.StatusCode, body)
	}
	able.Store(true)
	if resp, body := do(t, "GET", addr, "/healthz"); resp.StatusCode != 200 || body != "ready\n" {
		t.Errorf("ready: %d %q", resp.StatusCode, body)
	}
	if n := f.calls.Load(); n != 0 {
		t.Errorf("fetched %d times before a pod asked", n)
	}
}

// What contradicts a server for pods is refused.
func TestPodsConfig(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*imds.Config){
		"without Authorize": func(c *imds.Config) { c.Pods.Authorize = nil },
		"with IMDS":         func(c *imds.Config) { c.IMDS, c.Key = &imds.Instance{Profile: "web"}, testKey },
		"with ECS":          func(c *imds.Config) { c.ECS = "web" },
		"on every address":  func(c *imds.Config) { c.AllowNonLoopback = true },
	} {
		c := podConfig(newFake(time.Hour))
		change(&c)
		if _, err := imds.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	srv, err := imds.New(podConfig(newFake(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:80", "169.254.169.254:80", "169.254.170.2:80"} {
		if ln, err := srv.Listen(t.Context(), addr); err == nil || !strings.Contains(err.Error(), "not a loopback address") {
			t.Errorf("%s: %v", addr, err)
			if ln != nil {
				_ = ln.Close()
			}
		}
	}
}

// While pods ask, the credentials are kept fresh behind the answers; an hour after the last one asked that ends, and the
// next one has them fetched anew.
func TestOnDemandEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake(20 * time.Minute)
		s := build(t, podConfig(f))
		defer running(t, s)()
		status := func() int { return ask(s, "GET", "/v1/credentials", "Authorization", "good").Code }
		time.Sleep(3 * time.Hour)
		if n := f.calls.Load(); n != 0 {
			t.Errorf("%d fetches before a pod asked", n)
		}
		if got := status(); got != 200 {
			t.Errorf("the first answer: %d", got)
		}
		time.Sleep(59 * time.Minute)
		if n := f.calls.Load(); n < 3 || n > 6 {
			t.Errorf("%d fetches within the hour", n)
		}
		time.Sleep(2 * time.Minute)
		before := f.calls.Load()
		time.Sleep(5 * time.Hour)
		if n := f.calls.Load(); n != before {
			t.Errorf("%d fetches after the hour", n-before)
		}
		if got := status(); got != 200 || f.calls.Load() != before+1 {
			t.Errorf("the next answer: %d, %d fetches", got, f.calls.Load()-before)
		}
	})
}
