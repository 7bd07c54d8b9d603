package iam

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/failure"
)

var creds = aws.Credentials{AccessKeyID: "AKIACANARYBASE000001", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken"}

// variables is an environment.
func variables(all ...string) func(string) string {
	return func(name string) string {
		for _, kv := range all {
			if v, ok := strings.CutPrefix(kv, name+"="); ok {
				return v
			}
		}
		return ""
	}
}

// answering is a client of an IAM that gives the same answer to each request.
func answering(t *testing.T, answer http.HandlerFunc) Client {
	t.Helper()
	srv := httptest.NewServer(answer)
	t.Cleanup(srv.Close)
	return Client{Partition: "aws", Region: "eu-west-1", Getenv: variables("AWS_ENDPOINT_URL_IAM=" + srv.URL)}
}

func TestEndpoint(t *testing.T) {
	const other = "https://vpce-1.iam.us-east-1.vpce.amazonaws.com"
	for name, tc := range map[string]struct {
		partition string
		env       []string
		url       string
		region    string
		err       string
	}{
		"aws":               {partition: "aws", url: "https://iam.amazonaws.com/", region: "us-east-1"},
		"China":             {partition: "aws-cn", url: "https://iam.cn-north-1.amazonaws.com.cn/", region: "cn-north-1"},
		"European":          {partition: "aws-eusc", url: "https://iam.eusc-de-east-1.amazonaws.eu/", region: "eusc-de-east-1"},
		"all services":      {partition: "aws", env: []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566"}, url: "http://127.0.0.1:4566/", region: "us-east-1"},
		"its own before":    {partition: "aws", env: []string{"AWS_ENDPOINT_URL=http://127.0.0.1:4566", "AWS_ENDPOINT_URL_IAM=" + other}, url: other + "/", region: "us-east-1"},
		"with a path":       {partition: "aws", env: []string{"AWS_ENDPOINT_URL_IAM=" + other + "/iam"}, url: other + "/iam", region: "us-east-1"},
		"ignored":           {partition: "aws", env: []string{"AWS_ENDPOINT_URL_IAM=" + other, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"}, url: "https://iam.amazonaws.com/", region: "us-east-1"},
		"unknown partition": {partition: "aws-new", err: "where IAM is in partition aws-new is not known; set AWS_ENDPOINT_URL_IAM"},
		"unknown, set":      {partition: "aws-new", env: []string{"AWS_ENDPOINT_URL_IAM=" + other}, url: other + "/", region: "eu-west-1"},
		"in clear":          {partition: "aws", env: []string{"AWS_ENDPOINT_URL_IAM=http://iam.example.com"}, err: "the IAM endpoint "},
		"no URL":            {partition: "aws", env: []string{"AWS_ENDPOINT_URL=iam.example.com"}, err: "the IAM endpoint "},
	} {
		u, region, err := Client{Partition: tc.partition, Region: "eu-west-1", Getenv: variables(tc.env...)}.endpoint()
		if tc.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tc.err) || failure.ClassOf(err) != failure.Configuration {
				t.Errorf("%s: %v, want %q", name, err, tc.err)
			}
			continue
		}
		if err != nil || u.String() != tc.url || region != tc.region {
			t.Errorf("%s: %v for %s, %v; want %s for %s", name, u, region, err, tc.url, tc.region)
		}
	}
}

// What is sent says what is asked, is signed for IAM, and has no secret in it; what comes back says what time it is there.
func TestRequest(t *testing.T) {
	date := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var seen *http.Request
	var form url.Values
	c := answering(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = r
		form, _ = url.ParseQuery(string(body))
		w.Header().Set("Date", date.Format(http.TimeFormat))
		fmt.Fprint(w, `<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata>
			<member><AccessKeyId>AKIACANARYBASE000001</AccessKeyId><Status>Active</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>
			<member><AccessKeyId>AKIACANARYBASE000002</AccessKeyId><Status>Inactive</Status></member>
			</AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>`)
	})
	keys, at, err := c.AccessKeys(t.Context(), creds)
	if err != nil || len(keys) != 2 || keys[0].ID != "AKIACANARYBASE000001" || keys[1].Status != "Inactive" || keys[0].Created.Year() != 2026 || !at.Equal(date) {
		t.Errorf("%+v at %s, %v", keys, at, err)
	}
	if len(form) != 2 || form.Get("Action") != "ListAccessKeys" || form.Get("Version") != "2010-05-08" || seen.Method != http.MethodPost || seen.URL.Path != "/" {
		t.Errorf("%s %s, %v", seen.Method, seen.URL, form)
	}
	if signed := seen.Header.Get("Authorization"); !strings.Contains(signed, "AKIACANARYBASE000001/") || !strings.Contains(signed, "/us-east-1/iam/aws4_request") ||
		seen.Header.Get("X-Amz-Security-Token") != "CANARYtoken" || strings.Contains(fmt.Sprint(seen.Header), "CANARYsecret") {
		t.Errorf("signed by %q", signed)
	}
	if err := c.DeactivateAccessKey(t.Context(), creds, "AKIACANARYBASE000002"); err != nil || form.Get("Action") != "UpdateAccessKey" || form.Get("AccessKeyId") != "AKIACANARYBASE000002" || form.Get("Status") != "Inactive" {
		t.Errorf("%v, %v", form, err)
	}
	if err := c.DeleteAccessKey(t.Context(), creds, "AKIACANARYBASE000002"); err != nil || form.Get("Action") != "DeleteAccessKey" || form.Get("AccessKeyId") != "AKIACANARYBASE000002" {
		t.Errorf("%v, %v", form, err)
	}
}

// What came back is an answer, a refusal, or nothing to build on: a rotation deletes a key by the difference.
func TestAnswersThatAreRefused(t *testing.T) {
	const refusal = "<ErrorResponse><Error><Code>%s</Code><Message>CANARY</Message></Error></ErrorResponse>"
	for name, tc := range map[string]struct {
		status int
		body   string
		code   string
		denied bool
		text   string
	}{
		"denied":          {status: 403, body: fmt.Sprintf(refusal, "AccessDenied"), code: "AccessDenied", denied: true, text: "IAM answered AccessDenied (status 403)"},
		"no such user":    {status: 404, body: fmt.Sprintf(refusal, "NoSuchEntity"), code: "NoSuchEntity", denied: true, text: "IAM answered NoSuchEntity (status 404)"},
		"throttled":       {status: 400, body: fmt.Sprintf(refusal, "Throttling"), code: "Throttling", text: "IAM answered Throttling (status 400)"},
		"out of order":    {status: 503, body: fmt.Sprintf(refusal, "ServiceUnavailable"), text: "does not work (status 503)"},
		"a code to act":   {status: 403, body: fmt.Sprintf(refusal, "\x1b[2J"), text: "cannot be read (status 403)"},
		"a page":          {status: 200, body: "<html><p>Sign in", text: "cannot be read (status 200)"},
		"a whole page":    {status: 403, body: "<html><body>Blocked</body></html>", text: "cannot be read (status 403)"},
		"nothing":         {status: 200, text: "cannot be read (status 200)"},
		"JSON":            {status: 403, body: `{"code": "AccessDenied"}`, text: "cannot be read (status 403)"},
		"too long":        {status: 200, body: "<R></R>" + strings.Repeat(" ", maxAnswer), text: "cannot be read (status 200)"},
		"not yet":         {status: 202, body: "<R></R>", text: "an unexpected answer (status 202)"},
		"a redirect":      {status: 307, body: "<R></R>", text: "an unexpected answer (status 307)"},
		"another's shape": {status: 200, body: "<R><ListAccessKeysResult><AccessKeyMetadata><member><CreateDate>yesterday</CreateDate></member></AccessKeyMetadata></ListAccessKeysResult></R>", text: "an answer that cannot be read"},
	} {
		times := 0
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			times++
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(tc.status)
			fmt.Fprint(w, tc.body)
		})
		keys, _, err := c.AccessKeys(t.Context(), creds)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Code != tc.code || e.Status != tc.status && tc.status != 200 || e.Denied != tc.denied || !strings.Contains(e.Error(), tc.text) || strings.Contains(e.Error(), "CANARY") || times != 1 {
			t.Errorf("%s: %+v, %v, asked %d times", name, keys, err, times)
		}
	}
	c := Client{Partition: "aws", Getenv: variables("AWS_ENDPOINT_URL_IAM=http://127.0.0.1:1")}
	if _, _, err := c.AccessKeys(t.Context(), creds); err == nil || !strings.HasPrefix(err.Error(), "IAM at 127.0.0.1:1 gave no answer (") {
		t.Errorf("no server: %v", err)
	}
	c.CABundle = []byte("no PEM")
	if _, _, err := c.AccessKeys(t.Context(), creds); failure.ClassOf(err) != failure.Configuration || !strings.HasPrefix(err.Error(), "AWS_CA_BUNDLE: ") {
		t.Errorf("no certificate: %v", err)
	}
}

// A new key is taken where it is whole: what is stored in the place of one that works must work.
func TestNewKeys(t *testing.T) {
	for name, tc := range map[string]struct {
		id, secret string
		ok         bool
	}{
		"whole":              {"AKIACANARYBASE000002", "CANARYnew", true},
		"no id":              {"", "CANARYnew", false},
		"no secret":          {"AKIACANARYBASE000002", "", false},
		"an id that is none": {"AKIA CANARYBASE00000", "CANARYnew", false},
		"a secret in lines":  {"AKIACANARYBASE000002", "CANARY\nnew", false},
	} {
		c := answering(t, func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "<R><CreateAccessKeyResult><AccessKey><AccessKeyId>%s</AccessKeyId><SecretAccessKey>%s</SecretAccessKey><Status>Active</Status></AccessKey></CreateAccessKeyResult></R>", tc.id, tc.secret)
		})
		key, secret, err := c.CreateAccessKey(t.Context(), creds)
		if tc.ok != (err == nil) || tc.ok && (key.ID != tc.id || secret != tc.secret) || !tc.ok && (key != AccessKey{} || secret != "" || strings.Contains(err.Error(), "CANARY")) {
			t.Errorf("%s: %+v, %q, %v", name, key, secret, err)
		}
	}
}
