package process_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// What a captive portal, a proxy or a gateway answers in the place of STS is named for what it is; nothing
// of it is printed or kept, and a redirect is not followed.
func TestAnswersThatAreNotOfSTS(t *testing.T) {
	harness.Long(t, "many answers, with a process for each")
	t.Parallel()
	w := harness.NewWorld(t)
	var body string
	var status int
	var asked, followed atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			followed.Add(1)
		}
		asked.Add(1)
		rw.Header().Set("Location", "//ana:CANARY@portal.example/login?id=CANARY#CANARY")
		rw.WriteHeader(status)
		_, _ = rw.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	w.Env["AWS_ENDPOINT_URL_STS"] = server.URL
	const credentials = "<Credentials><AccessKeyId>ASIACANARY</AccessKeyId></Credentials>"
	for _, body = range []string{"<html><title>Hotel CANARYportal</title></html>", "error code: 1015 CANARY", `{"message":"Forbidden CANARY"}`, "<x/>", "", "\x00\x01CANARY",
		"<GetSessionTokenResponse><GetSessionTokenResult>" + credentials + "</GetSessionTokenResult></GetSessionTokenResponse>", "<GetSessionTokenResponse><GetSessionTokenResult>" + credentials} {
		for _, status = range []int{200, 204, 302, 307, 400, 403, 404, 407} {
			if status == 204 && body != "" {
				continue // has no body
			}
			asked.Store(0)
			harness.Must(t, os.RemoveAll(w.Cache())) // a refusal is remembered
			r := w.Run(t, "--source-profile", "base")
			if r.Code != harness.ExitUnreachable || r.Stdout != "" || strings.Contains(r.Stderr, "CANARY") || strings.Count(r.Stderr, "\n") != 1 || (status == 302) != strings.Contains(r.Stderr, "302) to \"//portal.example/login\"") || !strings.Contains(r.Stderr, strings.TrimPrefix(server.URL, "http://")) {
				t.Errorf("%d %q: exit %d, %s", status, body, r.Code, r.Stderr)
			}
			if asked.Load() == 0 {
				t.Errorf("%d %q: not asked", status, body)
			}
			_ = filepath.WalkDir(w.Cache(), func(path string, d os.DirEntry, _ error) error {
				if d != nil && d.Type().IsRegular() {
					if b, _ := os.ReadFile(path); strings.Contains(string(b), "CANARY") {
						t.Errorf("%s: %s", path, b)
					}
				}
				return nil
			})
		}
	}
	if followed.Load() > 0 {
		t.Errorf("a redirect was followed")
	}
}

// What STS says is too large is asked once, and what to make smaller is named.
func TestTooLargeForSTS(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]string{
		"Packed size of session tags consumes 142% of allotted space.":                  "tags",
		"Packed policy consumes 142% of allotted space, please use smaller policy.":     "policy",
		"Packed size of session tags and policy consumes 142% of allotted space, sorry": "tags",
	} {
		w := harness.NewWorld(t)
		w.STS.AddRole(harness.Account, "a")
		w.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Op: "AssumeRole", Status: 400, Code: "PackedPolicyTooLarge", Message: message})
		r := w.Run(t, "--source-profile", "base", "--role-arn", "arn:aws:iam::"+harness.Account+":role/a", "--tag", "Team=ops")
		_, remedy, _ := strings.Cut(r.Stderr, "142%")
		if r.Code != harness.ExitDenied || !strings.Contains(r.Stderr, "142%") || !strings.Contains(remedy, want) || w.STS.Count("") != 1 {
			t.Errorf("exit %d, %d calls: %s", r.Code, w.STS.Count(""), r.Stderr)
		}
	}
}

// Policies as they are written: indented, of one statement, with a blank too many, too long.
func TestShapesOfPolicies(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	indented := func(n, indent int) string {
		resources := make([]string, n)
		for i := range resources {
			resources[i] = fmt.Sprintf("arn:aws:s3:::bucket-%02d/*", i)
		}
		b, err := json.MarshalIndent(map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{"Effect": "Allow", "Action": []string{"s3:GetObject", "s3:PutObject"}, "Resource": resources}}}, "", strings.Repeat(" ", indent))
		harness.Must(t, err)
		return string(b)
	}
	one := func(statement string) string { return `{"Version":"2012-10-17","Statement":` + statement + `}` }
	for _, tt := range []struct {
		name, policy string
		code         int
		says         string
	}{
		{"8,000 characters, most of them indentation", indented(40, 48), 0, ""},
		{"with tabs and CR LF", strings.ReplaceAll(strings.ReplaceAll(indented(2, 2), "  ", "\t"), "\n", "\r\n"), 0, ""},
		{"behind a byte order mark", "\ufeff" + indented(1, 1), harness.ExitConfig, "byte order mark"},
		{"too long, compact as it is", indented(80, 0), harness.ExitConfig, "2048"},
		{"one statement that is no list", one(`{"Effect":"Allow","NotAction":["iam:*"],"NotResource":"arn:aws:s3:::x","Condition":{"Bool":{"aws:SecureTransport":true}}}`), 0, ""},
		{"a blank before an action", one(`[{"Effect":"Allow","Action":" s3:Get*","Resource":"*"}]`), harness.ExitConfig, "blank"},
		{"a blank behind an action", one(`[{"Effect":"Allow","Action":"s3:Get* ","Resource":"*"}]`), harness.ExitConfig, "blank"},
		{"a comment", one(`[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}] /* x */`), harness.ExitConfig, "policy"},
		{"nothing", "", harness.ExitConfig, "policy"},
		{"a key twice", one(`[{"Effect":"Deny","Effect":"Allow","Action":"s3:Get*","Resource":"*"}]`), harness.ExitConfig, "Effect"},
		{"two documents", one(`[]`) + one(`[]`), harness.ExitConfig, "policy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			harness.Must(t, os.RemoveAll(w.Cache()))
			harness.Must(t, w.Write("p.json", tt.policy))
			before := w.STS.Count("")
			r := w.Run(t, "--source-profile", "base", "--federation-name", "bob", "--policy", filepath.Join(w.Dir, "p.json"))
			calls := w.STS.Count("") - before
			if r.Code != tt.code || !strings.Contains(r.Stderr, tt.says) || (calls == 1) != (tt.code == 0) {
				t.Errorf("exit %d, %d calls: %s", r.Code, calls, r.Stderr)
			}
		})
	}
}
