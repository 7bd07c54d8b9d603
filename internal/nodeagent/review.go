package nodeagent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/transport"
)

// The request, and where it goes (https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/).
const (
	reviewPath    = "/apis/authentication.k8s.io/v1/tokenreviews"
	reviewVersion = "authentication.k8s.io/v1"
	reviewKind    = "TokenReview"

	reviewTimeout = 5 * time.Second
	maxAnswer     = 256 << 10
	maxToken      = 64 << 10 // of the agent's own token, and of the CA file
)

// What the API server says about a pod's token besides its user (k8s.io/apiserver: pkg/authentication/serviceaccount).
const (
	extraPod  = "authentication.kubernetes.io/pod-name"
	extraUID  = "authentication.kubernetes.io/pod-uid"
	extraNode = "authentication.kubernetes.io/node-name"
)

// review is a TokenReview, as far as it is used here.
type review struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Spec       reviewSpec   `json:"spec"`
	Status     reviewStatus `json:"status,omitzero"`
}

type reviewSpec struct {
	Token     string   `json:"token"`
	Audiences []string `json:"audiences"`
}

type reviewStatus struct {
	Authenticated bool       `json:"authenticated"`
	User          reviewUser `json:"user"`
	Audiences     []string   `json:"audiences"`
	Error         string     `json:"error"`
}

type reviewUser struct {
	Username string              `json:"username"`
	Extra    map[string][]string `json:"extra"`
}

// one is the value of an extra that has exactly one.
func (u *reviewUser) one(extra string) string {
	if v := u.Extra[extra]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// reviewer asks the API server.
type reviewer struct {
	url, dir, audience string

	mu     sync.Mutex
	ca     []byte
	client *http.Client
}

// ask has a token reviewed. The agent's own token and the CA are read anew each time, because they are rotated.
func (v *reviewer) ask(ctx context.Context, token string) (*reviewStatus, error) {
	own, err := v.read("token")
	if err != nil {
		return nil, err
	}
	client, err := v.connection()
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(review{APIVersion: reviewVersion, Kind: reviewKind, Spec: reviewSpec{Token: token, Audiences: []string{v.audience}}})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, v.url+reviewPath, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(own)))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "sts-helper")
	// A review changes nothing, so net/http may send it again where a kept connection turns out to be
	// closed. The header itself is not sent (http.Transport).
	req.Header["Idempotency-Key"] = nil
	resp, err := client.Do(req)
	if err != nil {
		client.CloseIdleConnections() // one that was silent is not the only one whose server is gone
		return nil, fmt.Errorf("the API server %s did not answer: %s", v.url, display.Innermost(err))
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the answer of the API server %s broke off: %s", v.url, display.Innermost(err))
	case resp.StatusCode == http.StatusUnauthorized:
		return nil, fmt.Errorf("the API server %s does not take the agent's own token (%s)", v.url, filepath.Join(v.dir, "token"))
	case resp.StatusCode == http.StatusForbidden:
		return nil, errors.New("the agent's service account may not create tokenreviews.authentication.k8s.io; give it the ClusterRole of packaging/kubernetes")
	case resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the API server %s answered the review of a token with %s", v.url, resp.Status)
	}
	var out review
	if len(answer) > maxAnswer || json.Unmarshal(answer, &out) != nil || out.APIVersion != reviewVersion || out.Kind != reviewKind {
		return nil, fmt.Errorf("what answers at %s%s is no TokenReview of %s", v.url, reviewPath, reviewVersion)
	}
	// A server that does not know audiences would have reviewed the token for its own.
	if out.Status.Authenticated && !slices.Contains(out.Status.Audiences, v.audience) {
		return nil, fmt.Errorf("the API server %s does not say for which audience it took a token", v.url)
	}
	return &out.Status, nil
}

// connection is a client that trusts the CA in the file as it is now.
func (v *reviewer) connection() (*http.Client, error) {
	ca, err := v.read("ca.crt")
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.client != nil && bytes.Equal(ca, v.ca) {
		return v.client, nil
	}
	roots, err := transport.Roots(ca)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(v.dir, "ca.crt"), err)
	}
	way := transport.New(roots, reviewTimeout)
	way.Proxy = nil // the API server is in the cluster
	way.DisableKeepAlives = false
	way.MaxIdleConnsPerHost = maxReviews
	way.IdleConnTimeout = time.Minute
	if v.client != nil {
		v.client.CloseIdleConnections()
	}
	v.ca = ca
	v.client = &http.Client{
		Transport:     way,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return v.client, nil
}

func (v *reviewer) read(name string) ([]byte, error) {
	path := filepath.Join(v.dir, name)
	b, _, err := safefile.Read(path, maxToken)
	if err != nil {
		return nil, fmt.Errorf("%s of the agent's service account cannot be read: %s", display.Safe(path), display.Innermost(err))
	}
	return b, nil
}
