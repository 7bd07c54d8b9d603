package harness

import (
	"os/exec"
	"strings"
	"testing"
)

// Directly runs a command and reports, by the trace of its packages' initialisation, whether
// the answer came before the SDK was there.
func (w *World) Directly(t testing.TB, cmd *exec.Cmd) (r Result, direct bool) {
	t.Helper()
	OnlyLinux(t, "answers before the SDK is there")
	cmd.Env = append(cmd.Env, "GODEBUG=inittrace=1")
	r = w.Finish(t, cmd)
	var errs strings.Builder
	direct = true
	for line := range strings.Lines(r.Stderr) {
		if strings.HasPrefix(line, "init ") {
			direct = direct && !strings.HasPrefix(line, "init net/http ") && !strings.Contains(line, "aws-sdk-go-v2/service/")
			continue
		}
		errs.WriteString(line)
	}
	r.Stderr = errs.String()
	return r, direct && r.Code == 0
}
