package mfa_test

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/mfa"
)

func listDevices(serials ...string) string {
	var b strings.Builder
	b.WriteString("<ListMFADevicesResponse><ListMFADevicesResult><MFADevices>")
	for _, s := range serials {
		b.WriteString("<member><SerialNumber>")
		_ = xml.EscapeText(&b, []byte(s))
		b.WriteString("</SerialNumber></member>")
	}
	b.WriteString("</MFADevices></ListMFADevicesResult></ListMFADevicesResponse>")
	return b.String()
}

// One device that shows codes is the answer; anything else is an error that says what to do.
func TestDirectory(t *testing.T) {
	t.Parallel()
	const (
		device = "arn:aws:iam::111122223333:mfa/alice"
		key    = "arn:aws:iam::111122223333:u2f/user/alice/yubikey"
	)
	for name, tc := range map[string]struct {
		status int
		body   string
		class  failure.Class
		want   string // the serial number, or what the error says
	}{
		"one":         {200, listDevices(device), "", device},
		"a key, too":  {200, listDevices(key, " "+device+"\n", ""), "", device},
		"none":        {200, listDevices(), failure.Configuration, "has no MFA device that shows codes"},
		"a key alone": {200, listDevices(key), failure.Configuration, "has no MFA device that shows codes"},
		"two":         {200, listDevices(device, device+"2\x1b"), failure.Configuration, "has 2 MFA devices"},
		"refused":     {403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>", failure.Denied, "AccessDenied (status 403); allow iam:ListMFADevices"},
		"broken":      {500, "<x/>", failure.Unreachable, "does not work (status 500)"},
		"no XML":      {200, "CANARY", failure.Unreachable, "cannot be read"},
		"too long":    {200, strings.Repeat(" ", 70<<10) + listDevices(device), failure.Unreachable, "cannot be read"},
		"redirected":  {302, "<x/>", failure.Unreachable, "unexpected answer (status 302)"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				scope := "/us-gov-west-1/iam/aws4_request"
				if got := r.Header.Get("Authorization"); !strings.Contains(got, "Credential=AKIAIOSFODNN7EXAMPLE/") || !strings.Contains(got, scope) {
					t.Errorf("signed %q", got)
				}
				w.Header().Set("Location", "http://127.0.0.1:9/")
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}))
			defer srv.Close()
			d := mfa.Directory{Partition: "aws-us-gov", Region: "us-gov-east-1", Getenv: func(name string) string {
				return map[string]string{"AWS_ENDPOINT_URL_IAM": srv.URL, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}[name]
			}}
			serial, err := d.Serial(t.Context(), aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY"})
			switch {
			case err == nil && (tc.class != "" || serial != tc.want):
				t.Errorf("%q, want %q", serial, tc.want)
			case err != nil && (failure.ClassOf(err) != tc.class || !strings.Contains(err.Error(), tc.want) || strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "CANARY")):
				t.Errorf("%v, class %s", err, failure.ClassOf(err))
			}
		})
	}
}

// Where IAM is not to be asked there is no request at all.
func TestDirectoryEndpoints(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		partition, endpoint, want string
	}{
		"unknown partition":   {"aws-moon", "", "where IAM is in partition aws-moon is not known; set AWS_ENDPOINT_URL_IAM"},
		"not on this machine": {"aws", "http://192.0.2.1/", "the IAM endpoint "},
		"no URL":              {"aws", "iam", "the IAM endpoint "},
	} {
		d := mfa.Directory{Partition: tc.partition, Region: "moon-1", Getenv: func(name string) string {
			return map[string]string{"AWS_ENDPOINT_URL": tc.endpoint}[name]
		}}
		if _, err := d.Serial(context.Background(), aws.Credentials{}); err == nil || failure.ClassOf(err) != failure.Configuration || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
