package sdk_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// vector is one request of a public test suite, told anew, with the answer that clients in that
// suite are written for.
type vector struct {
	source  string
	method  string
	path    string
	headers map[string]string // "{token}" is a session token, "{bearer}" the bearer token
	status  int
	// body, where not empty, is the whole body; keys are those of a JSON object, all of them.
	body string
	keys []string
	// answer are headers that the answer must have.
	answer map[string]string
}

const (
	ttlHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	tokenHeader = "X-Aws-Ec2-Metadata-Token"
)

func vectors() []vector {
	const (
		chain  = "smithy-rs, aws-config/test-data/default-credential-provider-chain/imds_default_chain_success"
		noRole = "smithy-rs, .../imds_config_with_no_creds"
		mock   = "amazon-ec2-metadata-mock, test/e2e/cmd/imdsv2-test and golden/40x_response.golden"
		pod    = "eks-pod-identity-agent, pkg/handlers/eks_credential_handler_test.go"
		ecs    = "smithy-rs, .../ecs_assume_role"
		goSDK  = "aws-sdk-go-v2, feature/ec2/imds integration_test.go"
	)
	token := map[string]string{tokenHeader: "{token}"}
	role := []string{"AccessKeyId", "Code", "Expiration", "LastUpdated", "SecretAccessKey", "Token", "Type"}
	container := []string{"AccessKeyId", "AccountId", "Expiration", "SecretAccessKey", "Token"}
	put := func(source, ttl string, status int) vector {
		v := vector{source: source, method: "PUT", path: "/latest/api/token", headers: map[string]string{ttlHeader: ttl}, status: status}
		if status == 200 {
			v.answer = map[string]string{ttlHeader: ttl, "Content-Type": "text/plain"}
		}
		return v
	}
	return []vector{
		put(chain, "21600", 200),
		put(goSDK, "300", 200),
		put(mock, "1", 200),
		put(mock, "0", 400),
		put(mock, "-5", 400),
		put(mock, "21601", 400),
		put(mock, "ten", 400),
		{source: mock, method: "PUT", path: "/latest/api/token", status: 400},
		{source: mock, method: "GET", path: "/latest/meta-data/", status: 401},
		{source: mock, method: "GET", path: "/latest/meta-data/", headers: map[string]string{tokenHeader: "invalid"}, status: 401},
		{source: mock, method: "GET", path: "/latest/meta-data/no-such-thing", headers: token, status: 404},
		{source: chain, method: "GET", path: "/latest/meta-data/iam/security-credentials/", headers: token, status: 200, body: "dev"},
		{source: chain, method: "GET", path: "/latest/meta-data/iam/security-credentials", headers: token, status: 200, body: "dev"},
		{source: chain, method: "GET", path: "/latest/meta-data/iam/security-credentials-extended", headers: token, status: 200, body: "dev"},
		{source: chain, method: "GET", path: "/latest/meta-data/iam/security-credentials/dev", headers: token, status: 200, keys: role},
		{source: chain, method: "GET", path: "/latest/meta-data/iam/security-credentials-extended/dev", headers: token, status: 200, keys: append([]string{"AccountId"}, role...)},
		{source: noRole, method: "GET", path: "/latest/meta-data/iam/security-credentials/other", headers: token, status: 404},
		{source: goSDK, method: "GET", path: "/latest/meta-data/placement/region", headers: token, status: 200, body: region},
		{source: goSDK, method: "GET", path: "/latest/meta-data/placement/availability-zone", headers: token, status: 200, body: region + "a"},
		{source: ecs, method: "GET", path: "/credentials/dev", headers: map[string]string{"Authorization": "{bearer}"}, status: 200, keys: container, answer: map[string]string{"Content-Type": "application/json"}},
		{source: pod, method: "GET", path: "/credentials/dev", status: 403, keys: []string{"code", "message"}, answer: map[string]string{"Content-Type": "application/json"}},
		{source: pod, method: "GET", path: "/credentials/dev", headers: map[string]string{"Authorization": "another"}, status: 403, keys: []string{"code", "message"}},
		{source: pod, method: "GET", path: "/credentials/dev", headers: map[string]string{"Authorization": "{bearer}", "Host": "attacker.example"}, status: 403},
	}
}

func TestPublicVectors(t *testing.T) {
	inside(t)
	w := newWorld(t)
	s := w.serve(t)
	s.amiss = true
	bearer, err := os.ReadFile(s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	harness.Must(t, err)
	base := "http://" + s.listen
	_, session, _ := exchange(t, base, vector{method: "PUT", path: "/latest/api/token", headers: map[string]string{ttlHeader: "60"}}, nil)
	fill := strings.NewReplacer("{token}", session, "{bearer}", string(bearer))
	for _, v := range vectors() {
		status, body, header := exchange(t, base, v, fill)
		where := v.source + ": " + v.method + " " + v.path
		if status != v.status {
			t.Errorf("%s %v: %d, want %d", where, v.headers, status, v.status)
			continue
		}
		if v.body != "" && body != v.body {
			t.Errorf("%s: %q, want %q", where, body, v.body)
		}
		for k, want := range v.answer {
			if got := header.Get(k); got != want {
				t.Errorf("%s: %s is %q, want %q", where, k, got, want)
			}
		}
		if v.keys != nil {
			var object map[string]any
			if err := json.Unmarshal([]byte(body), &object); err != nil {
				t.Errorf("%s: %v", where, err)
				continue
			}
			want := slices.Sorted(slices.Values(v.keys))
			if got := slices.Sorted(maps.Keys(object)); !slices.Equal(got, want) {
				t.Errorf("%s: it has %v, want %v", where, got, want)
			}
		}
	}
}

func exchange(t *testing.T, base string, v vector, fill *strings.Replacer) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), v.method, base+v.path, nil)
	harness.Must(t, err)
	for k, value := range v.headers {
		if fill != nil {
			value = fill.Replace(value)
		}
		if k == "Host" {
			req.Host = value
			continue
		}
		req.Header.Set(k, value)
	}
	resp, err := http.DefaultTransport.RoundTrip(req) // no redirects
	harness.Must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	harness.Must(t, err)
	return resp.StatusCode, string(body), resp.Header
}
