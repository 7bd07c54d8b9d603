package nodeagent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const answerOfPod = `{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":true,"audiences":["sts-helper"],"user":{"username":"system:serviceaccount:shop:web"}}}`

// apiServer answers as it is told, and keeps what it was asked.
type apiServer struct {
	*httptest.Server
	status int
	body   string
	asked  atomic.Int64
	bearer atomic.Pointer[string]
	review atomic.Pointer[review]
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	s := &apiServer{status: http.StatusCreated, body: answerOfPod}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		bearer := r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		s.bearer.Store(&bearer)
		var asked review
		if json.NewDecoder(r.Body).Decode(&asked) == nil {
			s.review.Store(&asked)
		}
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// reviewer is one for the server, with files in a folder of its own.
func (s *apiServer) reviewer(t *testing.T) *reviewer {
	t.Helper()
	v := &reviewer{url: s.URL, dir: t.TempDir(), audience: "sts-helper"}
	v.write(t, "token", "CANARY-own\n")
	v.write(t, "ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	return v
}

func (v *reviewer) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(v.dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReviewer(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t)
	v := s.reviewer(t)
	got, err := v.ask(t.Context(), "CANARY-pod")
	if err != nil || !got.Authenticated || got.User.Username != "system:serviceaccount:shop:web" {
		t.Fatalf("%+v, %v", got, err)
	}
	if bearer := *s.bearer.Load(); bearer != "POST /apis/authentication.k8s.io/v1/tokenreviews Bearer CANARY-own" {
		t.Errorf("asked by %q", bearer)
	}
	if r := s.review.Load(); r.Kind != "TokenReview" || r.APIVersion != "authentication.k8s.io/v1" || r.Spec.Token != "CANARY-pod" || len(r.Spec.Audiences) != 1 || r.Spec.Audiences[0] != "sts-helper" {
		t.Errorf("asked %+v", r)
	}
	v.write(t, "token", "CANARY-rotated")
	if _, err := v.ask(t.Context(), "x"); err != nil || !strings.HasSuffix(*s.bearer.Load(), "Bearer CANARY-rotated") {
		t.Errorf("after its own token was rotated: %q, %v", *s.bearer.Load(), err)
	}
}

// Whatever else comes back, it is no review.
func TestReviewerRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		says   string
	}{
		"its own token is not taken": {401, "{}", "does not take the agent's own token"},
		"it may not":                 {403, "{}", "may not create tokenreviews.authentication.k8s.io; give it the ClusterRole"},
		"a server error":             {500, answerOfPod, "answered the review of a token with 500"},
		"too many requests":          {429, "{}", "with 429"},
		"a redirect":                 {307, answerOfPod, "with 307"},
		"no JSON":                    {201, "<html>", "is no TokenReview"},
		"half of it":                 {201, answerOfPod[:100], "is no TokenReview"},
		"another kind":               {201, strings.Replace(answerOfPod, "TokenReview", "TokenRequest", 1), "is no TokenReview"},
		"another version":            {201, strings.Replace(answerOfPod, "/v1", "/v1beta1", 1), "is no TokenReview"},
		"too long":                   {201, answerOfPod + strings.Repeat(" ", maxAnswer), "is no TokenReview"},
		"no audience":                {201, strings.Replace(answerOfPod, `"audiences":["sts-helper"],`, "", 1), "does not say for which audience"},
		"another audience":           {201, strings.Replace(answerOfPod, `["sts-helper"]`, `["sts"]`, 1), "does not say for which audience"},
	} {
		s := newAPIServer(t)
		s.status, s.body = tc.status, tc.body
		got, err := s.reviewer(t).ask(t.Context(), "CANARY-pod")
		if err == nil || got != nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%s: %q", name, err)
		}
		if n := s.asked.Load(); n != 1 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// A server with another CA's certificate gets no token, also where the CA in the file has changed since.
func TestReviewerTrustsItsCA(t *testing.T) {
	t.Parallel()
	s := newAPIServer(t)
	v := s.reviewer(t)
	if _, err := v.ask(t.Context(), "x"); err != nil {
		t.Fatal(err)
	}
	right, err := os.ReadFile(filepath.Join(v.dir, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, ca := range []string{another(t), "no certificate", ""} {
		v.write(t, "ca.crt", ca)
		before := s.asked.Load()
		if _, err := v.ask(t.Context(), "x"); err == nil || s.asked.Load() != before {
			t.Errorf("CA %.30q: %v", ca, err)
		}
	}
	v.write(t, "ca.crt", string(right))
	if _, err := v.ask(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"token", "ca.crt"} {
		if err := os.Remove(filepath.Join(v.dir, name)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.ask(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "cannot be read: no such file or directory") {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

// Connections that were kept may have died meanwhile, closed by a load balancer or gone with the server that had the address:
// closed ones fail no review, and silent ones one alone.
func TestReviewerKeptConnections(t *testing.T) {
	t.Parallel()
	const kept = 4
	for name, silent := range map[string]bool{"closed": false, "silent": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type isOld struct{}
			var died atomic.Bool
			ended, inside := make(chan bool), make(chan bool, kept)
			s := &apiServer{}
			s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case !died.Load(): // each on a connection of its own
					inside <- true
					for len(inside) < kept {
						time.Sleep(time.Millisecond)
					}
				case r.Context().Value(isOld{}) == nil:
				case silent:
					<-ended
				default:
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, answerOfPod)
			}))
			s.Config.ErrorLog = log.New(io.Discard, "", 0)
			s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
				if died.Load() {
					return ctx
				}
				return context.WithValue(ctx, isOld{}, true)
			}
			s.StartTLS()
			t.Cleanup(s.Close)
			defer close(ended)
			v := s.reviewer(t)
			var wg sync.WaitGroup
			for range kept {
				wg.Go(func() {
					if _, err := v.ask(t.Context(), "x"); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			died.Store(true)
			if silent {
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				if _, err := v.ask(ctx, "x"); err == nil {
					t.Error("no connection was kept")
				}
			}
			if _, err := v.ask(t.Context(), "x"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A token for another audience is not even sent to the API server; a clock that was set back ends what is known.
func TestPlainFromTheToken(t *testing.T) {
	t.Parallel()
	a, f := newTest(t)
	for name, tc := range map[string]struct{ token, want string }{
		"no token":         {"", "400 InvalidRequestException"},
		"two parts":        {"e30.e30", "400 InvalidRequestException"},
		"no JSON":          {"e30.e31x.c2ln", "400 InvalidRequestException"},
		"no end":           {"e30.eyJhdWQiOiJzdHMtaGVscGVyIn0.c2ln", "400 InvalidRequestException"},
		"another audience": {jwt(time.Now().Add(time.Hour), "1", "pods.eks.amazonaws.com"), "400 InvalidTokenException"},
		"none":             {jwt(time.Now().Add(time.Hour), "1"), "400 InvalidTokenException"},
		"ended":            {jwt(time.Now().Add(-2*leeway), "1", "sts-helper"), "400 ExpiredTokenException"},
	} {
		if got := code(a.Authorize(t.Context(), tc.token, pod1)); got != tc.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if n := f.calls.Load(); n != 0 {
		t.Errorf("%d reviews", n)
	}
	now := time.Now()
	v := verdict{at: now.Add(time.Minute), until: now.Add(2 * time.Minute)}
	if v.holds(now) {
		t.Error("a review of the future holds")
	}
}

// another is the certificate of an authority that signed nothing here.
func another(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
