package kubernetes

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// programsVariable is the folder of the programs that "make kubernetes" builds.
const programsVariable = "STS_HELPER_KUBERNETES"

// realServer is a kube-apiserver on this machine's loopback.
func realServer(t *testing.T) *Real {
	t.Helper()
	return NewReal(t, here(t))
}

// here is this machine, where "make kubernetes" has built the programs.
func here(t *testing.T) Place {
	t.Helper()
	programs := os.Getenv(programsVariable)
	if programs == "" {
		t.Skip("make kubernetes tests this with the real API server")
	}
	port := func() string {
		_, port, _ := net.SplitHostPort(harness.FreePort(t))
		return port
	}
	return Place{
		Programs: programs, Enter: func(cmd *exec.Cmd) *exec.Cmd { return cmd }, Client: insecure(), Ports: [3]string{port(), port(), port()},
	}
}

// insecure asks servers of tests, which have no certificate that this machine knows.
func insecure() *http.Client {
	return &http.Client{Timeout: time.Minute, Transport: &http.Transport{Proxy: nil, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
}

// The small server answers as the real one does.
func TestServer(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	testContract(t, New(t, ln))
}

func TestRealServer(t *testing.T) {
	t.Parallel()
	testContract(t, realServer(t))
}

// testContract is what the agent relies on, and what it must be able to tell apart.
func testContract(t *testing.T, c Cluster) {
	for _, p := range []string{"web-1", "deleted"} {
		c.Pod(t, "shop", "web", p, "node-1")
	}
	host, port := c.Env()
	url := "https://" + net.JoinHostPort(host, port)
	agent := func() string {
		b, err := os.ReadFile(filepath.Join(c.Dir(), "token"))
		must(t, err)
		return string(b)
	}
	token := func(pod, audience string, life time.Duration) string {
		return c.Token(t, "shop", "web", pod, audience, life)
	}
	good := token("web-1", "sts-helper", time.Hour)
	deleted := token("deleted", "sts-helper", time.Hour)
	c.DeletePod(t, "shop", "deleted")
	text := func(v any) string {
		b, err := json.Marshal(v)
		must(t, err)
		return string(b)
	}
	wrongVersion, wrongKind := reviewOf(good, "sts-helper"), reviewOf(good, "sts-helper")
	wrongVersion.APIVersion = "authentication.k8s.io/v2"
	wrongKind.Kind = "SubjectAccessReview"
	for _, tc := range []struct {
		name, bearer, path, body string
		status                   int
		authenticated            bool
		error                    string // that the answer's status.error has
	}{
		{"a pod's token", agent(), reviews, text(reviewOf(good, "sts-helper")), 201, true, ""},
		{"one audience of several", agent(), reviews, text(reviewOf(good, "other", "sts-helper")), 201, true, ""},
		{"no pod", agent(), reviews, text(reviewOf(token("", "sts-helper", time.Hour), "sts-helper")), 201, true, ""},
		{"another audience", agent(), reviews, text(reviewOf(token("web-1", "pods.eks.amazonaws.com", time.Hour), "sts-helper")), 201, false, "is invalid for the target audiences"},
		{"for the API server", agent(), reviews, text(reviewOf(agent(), "sts-helper")), 201, false, "is invalid for the target audiences"},
		{"expired", agent(), reviews, text(reviewOf(token("web-1", "sts-helper", -5*time.Minute), "sts-helper")), 201, false, "expired"},
		{"within the leeway", agent(), reviews, text(reviewOf(token("web-1", "sts-helper", -10*time.Second), "sts-helper")), 201, true, ""},
		{"the pod was deleted", agent(), reviews, text(reviewOf(deleted, "sts-helper")), 201, false, "invalidated"},
		{"forged", agent(), reviews, text(reviewOf(good[:len(good)-8]+"AAAAAAAA", "sts-helper")), 201, false, "invalid bearer token"},
		{"no token at all", agent(), reviews, text(reviewOf("not-a-token", "sts-helper")), 201, false, ""},
		{"an empty token", agent(), reviews, text(reviewOf("", "sts-helper")), 400, false, ""},
		{"another version", agent(), reviews, text(wrongVersion), 400, false, ""},
		{"another kind", agent(), reviews, text(wrongKind), 400, false, ""},
		{"no JSON", agent(), reviews, "{", 400, false, ""},
		{"no pod asks", "", reviews, text(reviewOf(good, "sts-helper")), 403, false, ""},
		{"a stranger asks", "stranger", reviews, text(reviewOf(good, "sts-helper")), 401, false, ""},
		{"a pod asks, by the token for the agent", good, reviews, text(reviewOf(good, "sts-helper")), 401, false, ""},
		{"an account that may not", token("", "https://kubernetes.default.svc.cluster.local", time.Hour), reviews, text(reviewOf(good, "sts-helper")), 403, false, ""},
	} {
		status, review := post(t, url+tc.path, tc.bearer, tc.body)
		if status != tc.status || review.Status.Authenticated != tc.authenticated || !strings.Contains(review.Status.Error, tc.error) {
			t.Errorf("%s: %d %+v", tc.name, status, review.Status)
		}
	}
	_, review := post(t, url+reviews, agent(), text(reviewOf(good, "sts-helper")))
	u := review.Status.User
	if review.APIVersion != "authentication.k8s.io/v1" || review.Kind != "TokenReview" || u.Username != "system:serviceaccount:shop:web" || !slices.Equal(review.Status.Audiences, []string{"sts-helper"}) {
		t.Errorf("the review: %+v", review)
	}
	if got := fmt.Sprint(u.Extra["authentication.kubernetes.io/pod-name"], u.Extra["authentication.kubernetes.io/node-name"], len(u.Extra["authentication.kubernetes.io/pod-uid"])); got != "[web-1] [node-1] 1" {
		t.Errorf("the pod: %s of %v", got, slices.Sorted(maps.Keys(u.Extra)))
	}
	c.Forbid(t, true)
	if status, _ := post(t, url+reviews, agent(), text(reviewOf(good, "sts-helper"))); status != 403 {
		t.Errorf("without the permission: %d", status)
	}
	c.Forbid(t, false)
	if status, _ := post(t, url+reviews, agent(), text(reviewOf(good, "sts-helper"))); status != 201 {
		t.Errorf("with the permission: %d", status)
	}
}

func post(t *testing.T, url, bearer, body string) (status int, review authentication.TokenReview) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
	must(t, err)
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := insecure().Do(req)
	must(t, err)
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.StatusCode == http.StatusCreated {
		must(t, json.Unmarshal(b, &review))
	}
	return resp.StatusCode, review
}
