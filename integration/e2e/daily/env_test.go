package daily_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// A line warns where secrets go to a terminal, by whatever way they go there, and however warm the call.
func TestSecretsOnATerminalAreWarnedOf(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	for _, args := range [][]string{{"env", "dev"}, {"--profile", "dev"}, {"process", "--profile", "dev"}, {"process", "--profile", "dev", "--format", "fish"}} {
		for range 2 {
			tt := harness.NewTerminal(t)
			cmd := w.Command(t, args...)
			cmd.Stdout, cmd.Stderr = tt.Line, tt.Line
			j := harness.Start(t, tt, cmd)
			if r := j.Result(t); r.Code != 0 {
				t.Errorf("%q: exit %d", args, r.Code)
			}
			if s := tt.Rest(); strings.Count(s, "sts-helper: warning: secrets go to this terminal") != 1 || !strings.Contains(s, "ASIA") {
				t.Errorf("%q: %s", args, s)
			}
		}
	}
	if r := w.Run(t, "env", "dev"); r.Stderr != "" {
		t.Errorf("%q", r.Stderr)
	}
}

// Who waits at a terminal is told for what, and a program is not.
func TestWaitingIsSaidAtATerminal(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	w.STS.Fault(emulator.Fault{Kind: emulator.Hang})
	tt := harness.NewTerminal(t)
	cmd := w.Command(t, "exec", "--source-profile", "base", "--", "true")
	cmd.Stderr = tt.Line
	j := harness.Start(t, tt, cmd)
	tt.Await("sts-helper: waiting for 127.0.0.1", 1)
	tt.Await("attempt 1 of 2", 1)
	w.STS.ClearFaults()
	if r := j.Result(t); r.Code != 0 {
		t.Errorf("exit %d: %s", r.Code, tt.Screen())
	}
}
