package mfa_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A failure is shared as well: one prompt without an answer is one prompt.
func TestNoAnswerIsSharedByAll(t *testing.T) {
	t.Parallel()
	const n = 40
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	results := m.CrowdOn(t, tt, n, "--profile r$((i % 8))", func(session int) {
		tt.Await(harness.Prompt, 1)
		harness.AwaitAsleep(t, session, n)
		tt.Type("\x04") // the end of the input: a user who would rather not
	})
	for i, r := range results {
		if r.Code != harness.ExitInteraction || r.Stderr != results[0].Stderr || !strings.Contains(r.Stderr, "cancelled") {
			t.Fatalf("helper %d: exit %d, %q", i, r.Code, r.Stderr)
		}
	}
	if n := strings.Count(tt.Screen(), harness.Prompt); n != 1 {
		t.Errorf("%d prompts:\n%s", n, tt.Screen())
	}
	m.Calls(t, 0, 0, 0, 0)
}

// A process that waits in vain is told who is being asked, and where.
func TestWaitersLearnWhoIsAsked(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	tt := harness.NewTerminal(t)
	asking := harness.Start(t, tt, m.Command(t, "--profile", "dev"))
	tt.Await(harness.Prompt, 1)
	for _, args := range [][]string{{"--profile", "dev"}, {"--profile", "r3"}} {
		for _, where := range []*harness.Terminal{harness.NewTerminal(t), nil} {
			r := harness.Start(t, where, m.Command(t, append(args, "--wait", "1s")...)).Result(t)
			who := fmt.Sprintf("pid %d on terminal pts/", asking.Cmd.Process.Pid)
			if r.Code != harness.ExitLocked || !strings.Contains(r.Stderr, who) || !strings.Contains(r.Stderr, "waiting for the user's answer") || strings.Count(r.Stderr, "\n") != 1 {
				t.Errorf("%v: exit %d, %q does not name %q", args, r.Code, r.Stderr, who)
			}
			if where != nil && where.Screen() != "" {
				t.Errorf("a second prompt: %s", where.Screen())
			}
		}
	}
	// A patient one shares the answer, and needs no terminal for it.
	waiting := harness.Start(t, nil, m.Command(t, "--profile", "r0"))
	harness.AwaitAsleep(t, waiting.Cmd.Process.Pid, 1)
	tt.Type(m.Code() + "\n")
	m.Creds(t, asking.Result(t))
	m.Creds(t, waiting.Result(t))
	m.Calls(t, 1, 1, 1, 0)
}

// The one that asks may die; the next one asks, and the terminal it leaves is of use.
func TestDeathAtThePrompt(t *testing.T) {
	t.Parallel()
	m := harness.NewMFAWorld(t)
	first, second := harness.NewTerminal(t), harness.NewTerminal(t)
	asking := harness.Start(t, first, m.Command(t, "--profile", "dev"))
	first.Await(harness.Prompt, 1)
	waiting := harness.Start(t, second, m.Command(t, "--profile", "dev"))
	harness.AwaitAsleep(t, waiting.Cmd.Process.Pid, 1)
	harness.Must(t, asking.Cmd.Process.Signal(syscall.SIGKILL))
	second.Await(harness.Prompt, 1)
	second.Type(m.Code() + "\n")
	m.Creds(t, waiting.Result(t))
	m.Calls(t, 1, 0, 1, 0)
}
