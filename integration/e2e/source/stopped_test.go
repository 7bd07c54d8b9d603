package source_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// slack is what a busy machine may add to a time that the helper decides.
const slack = 12 * time.Second

// One helper is stopped while it makes the role at one level of a chain; it holds the locks of all
// levels above. The next caller waits for it no longer than a call may wait altogether, and is then
// answered without it.
func TestStoppedHelper(t *testing.T) {
	harness.Long(t, "waits for stopped processes")
	for _, withMFA := range []bool{false, true} {
		for depth := 1; depth <= 4; depth++ {
			first := 1
			if withMFA {
				first = 0 // the session
			}
			for level := first; level <= depth; level++ {
				t.Run(fmt.Sprintf("MFA %v, %d roles, stopped at %d", withMFA, depth, level), func(t *testing.T) {
					t.Parallel()
					stopped(t, withMFA, depth, level)
				})
			}
		}
	}
}

func stopped(t *testing.T, withMFA bool, depth, level int) {
	w := harness.NewWorld(t)
	var config strings.Builder
	profile := func(n int) string { return fmt.Sprintf("r%d", n) }
	serial, limit := "", 26*time.Second
	if withMFA {
		d := w.STS.AddMFADevice(w.User, "alice")
		serial, limit = "mfa_serial = "+d.SerialNumber+"\n", 56*time.Second
		done := make(chan struct{})
		t.Cleanup(func() { close(done) })
		harness.Must(t, w.Write("code", d.Code(w.STS.Now())))
		go func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(time.Second):
					_ = w.Write("code", d.Code(w.STS.Now()))
				}
			}
		}()
	}
	for n := 1; n <= depth; n++ {
		from := "base"
		if n > 1 {
			from = profile(n - 1)
		}
		role := w.STS.AddRole(harness.Account, profile(n))
		fmt.Fprintf(&config, "[profile %s]\nrole_arn = %s\nsource_profile = %s\nregion = eu-west-1\n", profile(n), role.ARN, from)
		if n == 1 {
			config.WriteString(serial)
		}
	}
	harness.Must(t, w.Write(".aws/config", config.String()))
	run := func(n int) []string {
		args := []string{"--source-profile", profile(n)}
		if withMFA {
			args = append(args, "--mfa-process", "cat "+w.Dir+"/code")
		}
		return args
	}
	op := "AssumeRole"
	if level == 0 {
		op = "GetSessionToken"
	} else if level > 1 {
		w.Creds(t, w.Run(t, run(level-1)...)) // what is below is there
	}
	before := w.STS.Count(op)
	release := w.STS.Gate(op)
	defer release()
	j := harness.Start(t, nil, w.Command(t, run(depth)...))
	harness.Await(t, "the request", func() bool { return w.STS.Count(op) > before || !j.Running() })
	if !j.Running() {
		t.Fatalf("the helper ended: %+v", j.Result(t))
	}
	harness.Must(t, syscall.Kill(-j.Cmd.Process.Pid, syscall.SIGSTOP))
	release()
	r := w.Run(t, run(depth)...)
	w.Creds(t, r)
	if r.Wall > limit+slack {
		t.Errorf("it took %s", r.Wall)
	}
	if !j.Running() {
		t.Error("the helper was not stopped: nothing was shown")
	}
	harness.Must(t, syscall.Kill(-j.Cmd.Process.Pid, syscall.SIGCONT))
}
