package source_test

import (
	"strings"
	"testing"

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
