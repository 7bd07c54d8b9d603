package imds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/imds"
)

const (
	canary   = "CANARY"
	bearer   = "bearer-token-of-dev-0123456789"
	bearerCI = "bearer-token-of-ci-abcdefghij"
	rolePath = "/latest/meta-data/iam/security-credentials/dev"
)

var errLogin = errors.New("log in first")

func isLogin(err error) bool { return errors.Is(err, errLogin) }

// creds are credentials whose secrets carry the marker.
func creds(n int, life time.Duration) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: fmt.Sprintf("ASIACANARY%010d", n), SecretAccessKey: fmt.Sprintf("CANARY-secret-%d", n),
		SessionToken: fmt.Sprintf("CANARY-token-%d", n) + strings.Repeat("x", 700), CanExpire: true,
		Expires: time.Now().Add(life), AccountID: "123456789012",
	}
}

// fake is a provider whose answer can be changed while it is in use.
type fake struct {
	mu     sync.Mutex
	answer func(context.Context) (aws.Credentials, error)
	calls  atomic.Int64
	now    atomic.Int64 // calls that are running
	most   atomic.Int64
}

func newFake(life time.Duration) *fake {
	f := &fake{}
	var n atomic.Int64
	f.set(func(context.Context) (aws.Credentials, error) { return creds(int(n.Add(1)), life), nil })
	return f
}

func (f *fake) set(answer func(context.Context) (aws.Credentials, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

func (f *fake) fail(err error) {
	f.set(func(context.Context) (aws.Credentials, error) { return aws.Credentials{}, err })
}

func (f *fake) Retrieve(ctx context.Context) (aws.Credentials, error) {
	f.calls.Add(1)
	if n := f.now.Add(1); n > f.most.Load() {
		f.most.Store(n)
	}
	defer f.now.Add(-1)
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	return answer(ctx)
}

var testKey = []byte("0123456789abcdef0123456789abcdef")

func config(p aws.CredentialsProvider) imds.Config {
	return imds.Config{
		Profiles: []imds.Profile{
			{Name: "dev", Provider: p, BearerToken: bearer, RoleARN: "arn:aws:iam::123456789012:role/Dev", LoginHint: "run: sts-helper login --profile dev"},
			{Name: "ci", Provider: newFake(time.Hour), BearerToken: bearerCI},
		},
		IMDS: &imds.Instance{Profile: "dev", Region: "eu-central-1"},
		Key:  testKey,
		// Most tests are about something else, and some have no kernel to ask.
		IMDSWithoutPeerCheck: true,
		LoginRequired:        isLogin,
	}
}

func build(t testing.TB, c imds.Config) *imds.Server {
	t.Helper()
	s, err := imds.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve runs s on a listener of its own until the test ends, and gives its address.
func serve(t testing.TB, s *imds.Server, on string) string {
	t.Helper()
	ln, err := s.Listen(t.Context(), on)
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, s, ln)
	return ln.Addr().String()
}

func serveOn(t testing.TB, s *imds.Server, lns ...net.Listener) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, lns...) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// do sends one request and gives the answer with its body read.
func do(t testing.TB, method, addr, path string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

var client = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, Proxy: nil},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       10 * time.Second,
}

// session gets a session token.
func session(t testing.TB, addr string) string {
	t.Helper()
	resp, b := do(t, "PUT", addr, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "21600")
	if resp.StatusCode != 200 {
		t.Fatalf("no session token: %s", resp.Status)
	}
	return b
}

// raw sends bytes and gives everything that comes back.
func raw(addr, request string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Minute)
	if errors.Is(err, syscall.ECONNRESET) {
		return "", nil // refused so soon that connecting did not end
	}
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, request); err != nil {
		return "", nil // reset before it was sent: nothing came back
	}
	b, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return string(b), err
	}
	return string(b), nil
}
