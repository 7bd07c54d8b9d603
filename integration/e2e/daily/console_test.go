package daily_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A role and a federation token sign in to the console; credentials of GetSessionToken do not, and
// the way round is said.
func TestConsole(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy")
	for _, tt := range []struct {
		args              []string
		destination, want string
	}{
		{[]string{"--source-profile", "base", "--role-arn", role.ARN}, "/console/home?region=us-east-1", ""},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--allow", "s3:Get*", "--region", "eu-west-1", "--destination", "s3"}, "/s3/home?region=eu-west-1", ""},
		{[]string{"--source-profile", "base", "--federation-name", "ana", "--allow", "s3:*"}, "/console/home?region=us-east-1", ""},
		{[]string{"--source-profile", "base"}, "", "add --federation-name NAME"},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--destination", "https://evil.example/"}, "", "is no page of"},
		{[]string{"--source-profile", "base", "--role-arn", role.ARN, "--destination", "../x"}, "", "a service such as s3"},
	} {
		r := w.Run(t, append([]string{"console"}, tt.args...)...)
		if tt.want != "" {
			if r.Code == 0 || r.Stdout != "" || !strings.Contains(r.Stderr, tt.want) {
				t.Errorf("%q: exit %d, %q, %q", tt.args, r.Code, r.Stdout, r.Stderr)
			}
			continue
		}
		u, err := url.Parse(strings.TrimSpace(r.Stdout))
		if err != nil || r.Code != 0 {
			t.Errorf("%q: exit %d, %q, %q", tt.args, r.Code, r.Stdout, r.Stderr)
			continue
		}
		q := u.Query()
		if u.Path != "/federation" || q.Get("Action") != "login" || !strings.HasPrefix(q.Get("SigninToken"), "signin-ASIA") || !strings.HasSuffix(q.Get("Destination"), tt.destination) {
			t.Errorf("%q: %s", tt.args, u)
		}
	}
}
