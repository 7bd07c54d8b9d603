package sdk_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// corpStory: credentials of IAM Identity Center, handed out as they are, fetched once for all three ways.
func corpStory(t *testing.T, r *row) {
	w := newWorld(t)
	w.sts.AddIdentityCenter(emulator.IdentityCenter{StartURL: startURL, Region: region, Users: []emulator.DirectoryUser{
		{Name: "ana", Assignments: []emulator.Assignment{{Account: account, PermissionSet: "Admin"}}},
	}})
	w.handOut(t, r, "corp", "[sso-session corp]\nsso_start_url = "+startURL+"\nsso_region = "+region+"\n"+
		"[profile corp-source]\nsso_session = corp\nsso_account_id = "+account+"\nsso_role_name = Admin\nregion = "+region+"\n",
		".aws/sso/cache/"+awsconfig.SSOTokenFile("corp"), w.sts.SignInSSO("ana").File(startURL, region),
		func(arn string) bool {
			return strings.HasPrefix(arn, "arn:aws:sts::"+account+":assumed-role/AWSReservedSSO_Admin_") && strings.HasSuffix(arn, "/ana")
		})
	if n := w.sts.CountRole(account, "Admin"); n != 1 {
		t.Errorf("Identity Center was asked %d times for the role", n)
	}
}

// consoleStory: credentials of "aws login", handed out as they are.
func consoleStory(t *testing.T, r *row) {
	w := newWorld(t)
	w.handOut(t, r, "console", "[profile console-source]\nlogin_session = "+w.user.ARN+"\nregion = "+region+"\n",
		".aws/login/cache/"+awsconfig.LoginFile(w.user.ARN), w.sts.SignInConsole("alice").File(),
		func(arn string) bool { return arn == w.user.ARN })
}

// containerFor are the variables by which a client uses the container endpoint.
func (s *server) containerFor(t *testing.T, r *row) []string {
	t.Helper()
	if r.cannot["tokenfile"] == "" {
		return s.container()
	}
	token, err := os.ReadFile(s.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
	harness.Must(t, err)
	return s.withToken(string(token))
}

// largeStory: session tokens as long as the longest that AWS makes, in every way to hand them out.
func largeStory(t *testing.T, r *row) {
	w := newWorld(t)
	const longest = 4096 // bytes
	w.sts.SetMinimumTokenSize(longest)
	try := func(t *testing.T, column string, helper, calls int, ask func() outcome) cell {
		w.mark()
		o := ask()
		if r.cannot[column] != "" {
			return w.noIdentity(t, r, o)
		}
		w.isAlice(t, o)
		return w.exactly(t, w.cell(o.wall), helper, calls)
	}
	step(t, r, "large-process", func(t *testing.T) cell {
		return try(t, "process", 1, 1, func() outcome { return w.run(t, r, "dev") })
	})
	s := w.serveProfile(t, "dev")
	step(t, r, "large-container", func(t *testing.T) cell {
		return try(t, "container", 0, 0, func() outcome { return w.asks(t, r, s.containerFor(t, r)) })
	})
	step(t, r, "large-imds", func(t *testing.T) cell {
		return try(t, "imds", 0, 0, func() outcome { return w.asks(t, r, s.instance(inRegion()...)) })
	})
}

// handOut has a client use the source of a profile by credential_process, by the container endpoint and by IMDS.
func (w *world) handOut(t *testing.T, r *row, name, config, file string, login []byte, who func(arn string) bool) {
	t.Helper()
	for _, service := range []string{"SSO", "SSO_OIDC", "SIGNIN"} {
		w.Env["AWS_ENDPOINT_URL_"+service] = w.sts.URL()
	}
	before, err := os.ReadFile(w.Dir + "/.aws/config")
	harness.Must(t, err)
	harness.Must(t, w.Write(".aws/config", fmt.Sprintf("%s%s[profile %s]\ncredential_process = %s/counted --source-profile %s-source\nregion = %s\n",
		before, config, name, w.Dir, name, region)))
	harness.Must(t, w.Write(file, string(login)))
	try := func(t *testing.T, column string, helper int, ask func() outcome) cell {
		w.mark()
		o := ask()
		if r.cannot[strings.TrimPrefix(column, name+"-")] != "" {
			return w.noIdentity(t, r, o)
		}
		if o.code != 0 || o.Error != "" || !who(o.ARN) {
			t.Fatalf("exit %d, it is %q\n%s%s", o.code, o.ARN, o.output, o.Error)
		}
		c := w.cell(o.wall)
		if helper > 0 && c.Helper == 2 && name == "console" {
			helper = 2 // less than 15 minutes are left, and botocore then runs the helper for each signature
		}
		return w.exactly(t, c, helper, 0)
	}
	step(t, r, name+"-process", func(t *testing.T) cell {
		return try(t, name+"-process", 1, func() outcome { return w.run(t, r, name) })
	})
	s := w.serveProfile(t, name+"-source")
	step(t, r, name+"-container", func(t *testing.T) cell {
		return try(t, name+"-container", 0, func() outcome { return w.asks(t, r, s.containerFor(t, r)) })
	})
	step(t, r, name+"-imds", func(t *testing.T) cell {
		return try(t, name+"-imds", 0, func() outcome { return w.asks(t, r, s.instance(inRegion()...)) })
	})
}
