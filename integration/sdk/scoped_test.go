package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// wired is a request as it was sent.
type wired struct {
	Method, Path, Query, ContentType, Scope string
	Form                                    url.Values
}

// recorder passes requests on to an emulator and keeps them.
type recorder struct {
	*httptest.Server
	mu   sync.Mutex
	sent []wired
}

func record(t *testing.T, e *emulator.Emulator) *recorder {
	t.Helper()
	target, err := url.Parse(e.URL())
	harness.Must(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	rec := &recorder{}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // what is missing the emulator refuses
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		scope, _, _ = strings.Cut(scope, ",")
		_, scope, _ = strings.Cut(scope, "/") // without the key
		kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
		rec.mu.Lock()
		rec.sent = append(rec.sent, wired{r.Method, r.URL.Path, r.URL.RawQuery, kind, scope, form})
		rec.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (r *recorder) last(t *testing.T) wired {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sent) == 0 {
		t.Fatal("nothing was sent")
	}
	return r.sent[len(r.sent)-1]
}

// boto3 is a caller of STS by boto3, whose model of GetScopedCredentials is AWS's own.
func boto3(t *testing.T, endpoint string, c token.Credentials, operation string, params map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(params)
	harness.Must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(tools, "python", "bin", "python"), here("python/sts.py"), operation, string(text))
	cmd.Env = []string{"AWS_ENDPOINT_URL_STS=" + endpoint, "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region, "HOME=" + t.TempDir(), "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey, "AWS_SESSION_TOKEN=" + c.SessionToken}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	var answer map[string]any
	harness.Must(t, json.Unmarshal(out, &answer))
	return answer
}

// Our GetScopedCredentials and GetWebIdentityToken are, field by field, what boto3 sends for the same
// inputs; and boto3 reads what the emulator answers, its refusals by the classes of AWS's model.
func TestWireOfScopedCredentials(t *testing.T) {
	inside(t)
	if _, err := exec.LookPath(filepath.Join(tools, "python", "bin", "python")); err != nil {
		harness.Need(t, filepath.Join(tools, "python", "bin", "python"))
	}
	e := emulator.New(emulator.World{})
	alice := e.AddUser(account, "alice")
	role := e.AddRole(account, "deploy")
	e.SetAccount(emulator.Account{ID: account, OutboundFederation: true})
	harness.Must(t, e.Start())
	t.Cleanup(e.Close)
	rec := record(t, e)
	ours, err := sts.New(sts.Options{Region: region, Endpoint: rec.URL})
	harness.Must(t, err)
	of := func(c token.Credentials) aws.CredentialsProvider {
		return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, CanExpire: c.CanExpire, Expires: c.Expires}, nil
		})
	}
	user := token.Credentials{AccessKeyID: alice.AccessKeyID, SecretAccessKey: alice.SecretAccessKey}
	parent, err := ours.Do(t.Context(), sts.Request{Operation: token.AssumeRole, RoleArn: role.ARN, RoleSessionName: "me"}, of(user))
	harness.Must(t, err)

	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","sts:GetScopedCredentials"],"Resource":"*"}]}`
	for name, tt := range map[string]struct {
		request   sts.Request
		operation string
		params    map[string]any
	}{
		"policy":   {sts.Request{Operation: token.GetScopedCredentials, Policy: policy}, "get_scoped_credentials", map[string]any{"Policy": policy}},
		"duration": {sts.Request{Operation: token.GetScopedCredentials, Duration: time.Second}, "get_scoped_credentials", map[string]any{"DurationSeconds": 1}},
		"everything": {sts.Request{Operation: token.GetScopedCredentials, Policy: policy, Duration: 30 * time.Minute, ScopedSessionDescription: "run 42 + é & <b>\tx"},
			"get_scoped_credentials", map[string]any{"Policy": policy, "DurationSeconds": 1800, "ScopedSessionDescription": "run 42 + é & <b>\tx"}},
		"web identity token": {sts.Request{Operation: token.GetWebIdentityToken, Audience: []string{"https://a.example", "b c"}, SigningAlgorithm: "ES384", Duration: time.Minute,
			Tags: []sts.Tag{{Key: "Team", Value: "ops"}, {Key: "Cost", Value: "7"}}},
			"get_web_identity_token", map[string]any{"Audience": []string{"https://a.example", "b c"}, "SigningAlgorithm": "ES384", "DurationSeconds": 60,
				"Tags": []map[string]string{{"Key": "Team", "Value": "ops"}, {"Key": "Cost", "Value": "7"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ours.Do(t.Context(), tt.request, of(parent.Credentials)); err != nil {
				t.Fatal(err)
			}
			we := rec.last(t)
			answer := boto3(t, rec.URL, parent.Credentials, tt.operation, tt.params)
			they := rec.last(t)
			if !reflect.DeepEqual(we, they) {
				t.Errorf("we send\n%+v\nand boto3\n%+v", we, they)
			}
			if tt.request.Operation == token.GetWebIdentityToken {
				if answer["WebIdentityToken"] == "" || answer["Expiration"] == nil {
					t.Errorf("boto3 reads %v", answer)
				}
				return
			}
			info, _ := answer["SessionInfo"].(map[string]any)
			creds, _ := answer["Credentials"].(map[string]any)
			if info["Arn"] != parent.AssumedRole.ARN || info["ScopedSessionId"] != parent.AssumedRole.ID || answer["ScopedPoliciesCount"] == nil ||
				answer["SessionTokenSize"] == nil || answer["SessionTokenUtilization"] == nil || creds["AccessKeyId"] == nil || creds["Expiration"] == nil {
				t.Errorf("boto3 reads %v", answer)
			}
		})
	}

	// What the emulator refuses, and by which errors.
	short, err := ours.Do(t.Context(), sts.Request{Operation: token.GetScopedCredentials, Duration: time.Minute}, of(parent.Credentials))
	harness.Must(t, err)
	full := parent
	for range 3 {
		full, err = ours.Do(t.Context(), sts.Request{Operation: token.GetScopedCredentials, Policy: policy}, of(full.Credentials))
		harness.Must(t, err)
	}
	for name, tt := range map[string]struct {
		creds  token.Credentials
		params map[string]any
		code   string
		class  string
	}{
		"longer than the session": {short.Credentials, map[string]any{"DurationSeconds": 3600}, "InsufficientSessionLifetime", "InsufficientSessionLifetimeException"},
		"no policy":               {parent.Credentials, map[string]any{"Policy": "{}"}, "MalformedPolicyDocument", "MalformedPolicyDocumentException"},
		"a fourth layer":          {full.Credentials, map[string]any{"Policy": policy}, "AccessDenied", "ClientError"},
		"a user's key":            {user, map[string]any{"Policy": policy}, "AccessDenied", "ClientError"},
	} {
		answer := boto3(t, rec.URL, tt.creds, "get_scoped_credentials", tt.params)
		if answer["Code"] != tt.code || answer["Class"] != tt.class {
			t.Errorf("%s: %v", name, answer)
		}
	}
}
