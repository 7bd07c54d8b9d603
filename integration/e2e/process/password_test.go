package process_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A password in a URL is in no output, whichever variable, flag or key has the URL.
func TestPasswordsInURLsAreNotShown(t *testing.T) {
	harness.Long(t, "77 homes")
	t.Parallel()
	const password = "CANARYpassword"
	// The first is refused for what it is, the others are broken in ways that parsers quote.
	for _, url := range []string{
		"https://user:" + password + "@127.0.0.1:1", "http://user:" + password + "@127.0.0.1:1/x", "http://user:" + password + "@ host", "http://user:" + password + "@host:port",
		"//user:" + password + "@host", "user:" + password + "@host", "http://user:" + password + "%zz@host",
	} {
		for _, tc := range []struct {
			name   string
			env    string
			config string
			args   []string
		}{
			{name: "AWS_ENDPOINT_URL", env: "AWS_ENDPOINT_URL"},
			{name: "AWS_ENDPOINT_URL_STS", env: "AWS_ENDPOINT_URL_STS"},
			{name: "AWS_ENDPOINT_URL_IAM", env: "AWS_ENDPOINT_URL_IAM", args: []string{"--source-profile", "base", "--mfa-serial", "auto"}},
			{name: "HTTPS_PROXY", env: "HTTPS_PROXY"},
			{name: "HTTP_PROXY", env: "HTTP_PROXY"},
			{name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", env: "AWS_CONTAINER_CREDENTIALS_FULL_URI", config: "[profile x]\nrole_arn = arn:aws:iam::111122223333:role/x\ncredential_source = EcsContainer\n", args: []string{"--source-profile", "x"}},
			{name: "AWS_EC2_METADATA_SERVICE_ENDPOINT", env: "AWS_EC2_METADATA_SERVICE_ENDPOINT", config: "[profile x]\nrole_arn = arn:aws:iam::111122223333:role/x\ncredential_source = Ec2InstanceMetadata\n", args: []string{"--source-profile", "x"}},
			{name: "endpoint_url of the profile", config: "[profile base]\nendpoint_url = " + url + "\n"},
			{name: "endpoint_url of the service", config: "[profile base]\nservices = s\n[services s]\nsts =\n  endpoint_url = " + url + "\n"},
			{name: "sso_start_url", config: "[profile x]\nsso_start_url = " + url + "\nsso_region = us-east-1\nsso_account_id = 111122223333\nsso_role_name = r\n", args: []string{"--source-profile", "x"}},
			{name: "the flag", args: []string{"--source-profile", "base", "--endpoint-url", url}},
		} {
			w := harness.NewWorld(t)
			if tc.env != "" {
				w.Env[tc.env] = url
			}
			switch {
			case strings.HasPrefix(tc.env, "HTTP"):
				w.Env["AWS_ENDPOINT_URL_STS"] = "https://sts.invalid"
			case strings.Contains(tc.name, "endpoint_url"), tc.env == "AWS_ENDPOINT_URL":
				w.Env["AWS_ENDPOINT_URL_STS"] = ""
			}
			if tc.env != "AWS_EC2_METADATA_SERVICE_ENDPOINT" {
				w.Env["AWS_EC2_METADATA_DISABLED"] = "true"
			} else if !strings.Contains(url, "127.0.0.1") {
				continue // nothing is to be asked of other hosts
			}
			if tc.config != "" {
				harness.Must(t, w.Write(".aws/config", tc.config))
			}
			args := tc.args
			if args == nil {
				args = []string{"--source-profile", "base"}
			}
			for _, more := range [][]string{nil, {"-v"}} {
				r := harness.Finish(w.Command(t, append(args[:len(args):len(args)], more...)...))
				if strings.Contains(r.Stderr+r.Stdout, password) {
					t.Errorf("%s = %s: %s%s", tc.name, url, r.Stdout, r.Stderr)
				}
			}
		}
	}
}

// A variable in front of a command sets nothing, since no shell runs it; what it would have been set to is in no output.
func TestSecretsInFrontOfCommandsAreNotShown(t *testing.T) {
	w := harness.NewWorld(t)
	for _, args := range [][]string{
		{"--source-command"},
		{"--role-arn", "arn:aws:iam::111122223333:role/app", "--web-identity-token-command"},
		{"--role-arn", "arn:aws:iam::111122223333:role/app", "--principal-arn", "arn:aws:iam::111122223333:saml-provider/x", "--saml-assertion-command"},
		{"--source-profile", "base", "--mfa-serial", "GAHT12345678", "--mfa-process"},
	} {
		for _, more := range [][]string{nil, {"-v"}} {
			r := w.Run(t, append(append(more, args...), "VAULT_TOKEN=CANARYtoken vault read x")...)
			if r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "VAULT_TOKEN=... in front of it sets nothing: put env before it") {
				t.Errorf("%v: exit %d, %q", args, r.Code, r.Stderr)
			}
		}
	}
}
