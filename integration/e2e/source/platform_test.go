package source_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// The role of a profile whose credentials the platform gives is assumed with these, once: it need not trust itself.
func TestRolesOfThePlatform(t *testing.T) {
	w := newWorld(t)
	w.process(t, "vault", "cat ~/bob.json")
	s := w.Serve(t, "--profile", "vault", "--imds", "vault")
	team := "arn:aws:iam::" + harness.Account + ":role/team"
	instance := []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.Base, "AWS_EC2_METADATA_DISABLED=false"}
	var container []string
	for name, value := range s.Env {
		if name == "AWS_CONTAINER_CREDENTIALS_FULL_URI" || name == "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" {
			container = append(container, name+"="+value)
		}
	}
	for name, tc := range map[string]struct {
		source string
		env    []string
	}{
		"instance":           {"credential_source = Ec2InstanceMetadata\n", instance},
		"container":          {"credential_source = EcsContainer\n", container},
		"ambient, instance":  {"", instance},
		"ambient, container": {"", container},
	} {
		t.Run(name, func(t *testing.T) {
			role := w.STS.AddRole(harness.Account, strings.ReplaceAll(name, ", ", "-"), emulator.Trust(team), emulator.RequireExternalID("ext-1")).ARN
			harness.Must(t, w.Write("config", "[profile p]\nregion = eu-west-1\nrole_arn = "+role+"\nexternal_id = ext-1\nrole_session_name = carl\n"+tc.source))
			w.STS.ResetCounts()
			r := w.run(t, append(tc.env, "AWS_CONFIG_FILE="+w.Dir+"/config"), "--source-profile", "p")
			id, _ := w.STS.Lookup(w.Creds(t, r).AccessKeyId)
			by, _ := w.STS.Lookup(id.IssuedTo)
			if id.RoleARN != role || by.RoleARN != team {
				t.Errorf("%s, signed by %s", id.ARN, by.ARN)
			}
			if n := w.STS.Count("AssumeRole"); n != 1 {
				t.Errorf("%d roles were assumed", n)
			}
		})
	}
}

// What a source is asked over, and who it is, is trusted by the ca_bundle of its profile, as STS is.
func TestSourcesTrustTheBundle(t *testing.T) {
	w := newWorld(t)
	secure := emulator.New(emulator.World{})
	secure.AddIdentityCenter(emulator.IdentityCenter{StartURL: startURL, Region: "eu-west-1", Users: []emulator.DirectoryUser{
		{Name: "alice", Assignments: []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}}}})
	secure.AddUser(harness.Account, "carol")
	role := secure.AddRole(harness.Account, "app").ARN
	harness.Must(t, secure.StartTLS())
	t.Cleanup(secure.Close)
	harness.Must(t, w.Write("ca.pem", string(secure.CAPEM())))
	for _, service := range []string{"STS", "SSO", "SSO_OIDC", "SIGNIN"} {
		w.Env["AWS_ENDPOINT_URL_"+service] = secure.URL()
	}
	harness.WritePrivate(t, w.sso, secure.SignInSSO("alice").File(startURL, "eu-west-1"))
	harness.WritePrivate(t, w.cons, secure.SignInConsole("carol").File())
	harness.EndsIn(t, w.sso, -time.Hour)
	harness.EndsIn(t, w.cons, -time.Hour)
	harness.Must(t, w.Write(".aws/config", strings.NewReplacer("[profile corp]\n", "[profile corp]\nca_bundle = ~/ca.pem\n", "[profile console]\n", "[profile console]\nca_bundle = ~/ca.pem\n").Replace(w.Read(t, ".aws/config"))))
	f, err := os.OpenFile(filepath.Join(w.Dir, ".aws/config"), os.O_APPEND|os.O_WRONLY, 0)
	harness.Must(t, err)
	for _, profile := range []string{"corp", "console"} { // the role's own settings name the bundle for its STS
		_, err = fmt.Fprintf(f, "[profile role-%[1]s]\nrole_arn = %[2]s\nsource_profile = %[1]s\nregion = eu-west-1\nca_bundle = ~/ca.pem\n", profile, role)
		harness.Must(t, err)
	}
	harness.Must(t, f.Close())
	for _, profile := range []string{"corp", "console"} {
		for _, args := range [][]string{{"--source-profile", profile}, {"--source-profile", profile, "--role-arn", role, "--role-session-name", "me"}, {"--source-profile", "role-" + profile}} {
			if r := w.Run(t, args...); r.Code != 0 {
				t.Errorf("%v: exit %d, %q", args, r.Code, r.Stderr)
			}
		}
	}
	// A failure for want of it is forgotten once the file is there.
	harness.Must(t, os.Rename(filepath.Join(w.Dir, "ca.pem"), filepath.Join(w.Dir, "away.pem")))
	for i, code := range []int{harness.ExitConfig, 0} {
		args := []string{"--source-profile", "corp", "--role-arn", role, "--role-session-name", "other"}
		if r := w.Run(t, args...); r.Code != code {
			t.Errorf("call %d: exit %d, %q", i, r.Code, r.Stderr)
		}
		if i == 0 {
			harness.Must(t, os.Rename(filepath.Join(w.Dir, "away.pem"), filepath.Join(w.Dir, "ca.pem")))
		}
	}
}
