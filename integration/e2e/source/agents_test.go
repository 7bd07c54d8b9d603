package source_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Whatever the source is, an agent has less of it and the user all of it, side by side.
func TestAgentsOfEverySource(t *testing.T) {
	t.Parallel()
	w, sources := narrowWorld(t, harness.NewWorld(t))
	w.Env["USER"] = userName(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[agent]\nallow = [\"ec2:DescribeImages\"]\nresource = [\"*\"]\ndescription = \"for {agent}\"\n"))
	for name, s := range sources {
		t.Run(name, func(t *testing.T) {
			agent := append([]string{"CLAUDECODE=1"}, s.env...)
			d := w.Creds(t, w.run(t, agent, s.args...))
			id, _ := w.STS.Lookup(d.AccessKeyId)
			if id.Operation != s.operation || !strings.HasSuffix(id.ARN, s.who) {
				t.Errorf("%s as %s", id.Operation, id.ARN)
			}
			if id.Operation == "GetScopedCredentials" && id.Description != "for claude-code" {
				t.Errorf("CloudTrail has %q", id.Description)
			}
			for op, want := range map[string]int{"DescribeImages": 200, "DescribeAvailabilityZones": 403} {
				if got := w.EC2(t, d, op); got != want {
					t.Errorf("%s: %d, want %d", op, got, want)
				}
			}
			var user harness.Document // which may have no end
			harness.Must(t, json.Unmarshal([]byte(w.run(t, s.env, s.args...).Stdout), &user))
			if user == d || w.EC2(t, user, "DescribeAvailabilityZones") != 200 {
				t.Error("the user has less, too")
			}
			if again := w.Creds(t, w.run(t, agent, s.args...)); again != d {
				t.Error("the agent has others than before")
			}
		})
	}
}
