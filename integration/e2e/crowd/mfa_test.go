package crowd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// One code, one prompt, every process.
func TestOneCodeForFiveHundredProcesses(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	results := m.CrowdOn(t, tt, harness.Crowd, "--profile r$((i % 8))", func(session int) {
		tt.Await(harness.Prompt, 1)
		harness.Gather(t, session, harness.Crowd, 30*time.Second) // a prompt ends after 45 s
		tt.Type(m.Code() + "\n")
	})
	for i, r := range results {
		d := m.Creds(t, r)
		if r.Stdout != results[i%harness.Roles].Stdout {
			t.Fatalf("helper %d got another document than helper %d", i, i%harness.Roles)
		}
		if id, _ := m.STS.Lookup(d.AccessKeyId); !strings.Contains(id.ARN, fmt.Sprintf("/role%d/", i%harness.Roles)) {
			t.Fatalf("helper %d is %s", i, id.ARN)
		}
	}
	if n := strings.Count(tt.Screen(), harness.Prompt); n != 1 {
		t.Errorf("%d prompts:\n%s", n, tt.Screen())
	}
	m.Calls(t, 1, harness.Roles, 1, 0)
	m.SentOnce(t)
}

func TestFiveHundredProcessesWithoutATerminal(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	m := harness.NewMFAWorld(t)
	for _, args := range []string{"--profile r$((i % 8))", "--profile dev"} {
		start := time.Now()
		results := m.CrowdOn(t, nil, harness.Crowd, args, nil)
		took := time.Since(start)
		for i, r := range results {
			name := "dev"
			if args != "--profile dev" {
				name = fmt.Sprintf("r%d", i%harness.Roles)
			}
			if r.Code != harness.ExitInteraction || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 ||
				!strings.HasPrefix(r.Stderr, "sts-helper: no way to ask for an MFA code: ") || !strings.Contains(r.Stderr, `run "sts-helper login `+name+`"`) {
				t.Fatalf("helper %d: exit %d, %q", i, r.Code, r.Stderr)
			}
		}
		t.Logf("%d processes in %s: %s", harness.Crowd, took, results[0].Stderr)
	}
	if n := m.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}
