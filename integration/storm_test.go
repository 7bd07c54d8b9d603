package integration_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const crowd = 500

// gated gives the home a source profile of that name, whose keys come from another helper
// that waits until release is called. So the one that holds the lock can be kept there, for
// 20 s at most, until a crowd has gathered behind it.
func (w *world) gated(t *testing.T) (release func()) {
	t.Helper()
	gate := filepath.Join(w.Dir, "open")
	must(t, w.Write("keys", fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q}`, w.user.AccessKeyID, w.user.SecretAccessKey)))
	must(t, w.Write(".aws/config", fmt.Sprintf("[profile gated]\ncredential_process = while ! test -e %s; do sleep 0.05; done; cat %s/keys\n", gate, w.Dir)))
	return func() { must(t, os.WriteFile(gate, nil, 0o600)) }
}

// together starts n helpers, calls started once all run, and gives their results.
func (w *world) together(t *testing.T, n int, started func(), args ...string) []harness.Result {
	t.Helper()
	type running struct {
		cmd       *exec.Cmd
		out, errs bytes.Buffer
	}
	all := make([]*running, n)
	for i := range all {
		r := &running{cmd: w.command(t, args...)}
		r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
		must(t, r.cmd.Start())
		all[i] = r
	}
	if started != nil {
		started()
	}
	results := make([]harness.Result, n)
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			_ = r.cmd.Wait()
			results[i] = harness.Result{Stdout: r.out.String(), Stderr: r.errs.String(), Code: r.cmd.ProcessState.ExitCode()}
			if err := results[i].Leaks(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return results
}

func TestCrowdMakesOneCall(t *testing.T) {
	w := newWorld(t)
	release := w.gated(t)
	results := w.together(t, crowd, func() { asleep(t, crowd); release() }, "--source-profile", "gated")
	first := w.creds(t, results[0])
	for i, r := range results {
		if r != (harness.Result{Stdout: results[0].Stdout}) {
			t.Fatalf("helper %d: exit %d, %q, %q", i, r.Code, r.Stdout, r.Stderr)
		}
	}
	if n := w.sts.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	if first.AccountId != account {
		t.Errorf("AccountId %q, want %q", first.AccountId, account)
	}
}

func TestCrowdSharesOneRefusal(t *testing.T) {
	w := newWorld(t)
	w.sts.Fault(emulator.Fault{Kind: emulator.Deny})
	release := w.gated(t)
	results := w.together(t, crowd, func() { asleep(t, crowd); release() }, "--source-profile", "gated")
	for i, r := range results {
		if r.Code != 5 || r.Stdout != "" || r.Stderr != results[0].Stderr {
			t.Fatalf("helper %d: exit %d, %q; the first said %q", i, r.Code, r.Stderr, results[0].Stderr)
		}
	}
	if n := w.sts.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	if s := results[0].Stderr; !strings.HasPrefix(s, "sts-helper: ") || strings.Count(s, "\n") != 1 || !strings.Contains(s, "AccessDenied") {
		t.Errorf("the error is %q", s)
	}
}

func TestDeathOfTheOneThatAsks(t *testing.T) {
	const n = 100
	w := newWorld(t)
	gather := w.gated(t)
	release := w.sts.Gate("GetSessionToken")
	defer release()
	leader := w.command(t, "--source-profile", "gated")
	must(t, leader.Start())
	asleep(t, 1) // it holds the lock, and waits for its keys
	results := w.together(t, n, func() {
		asleep(t, n+1)
		gather()
		must(t, w.sts.WaitInFlight(t.Context(), "GetSessionToken", 1))
		must(t, leader.Process.Signal(syscall.SIGKILL))
		_ = leader.Wait()
		release()
	}, "--source-profile", "gated")
	for _, r := range results {
		w.creds(t, r)
		if r.Stdout != results[0].Stdout {
			t.Fatal("the documents differ")
		}
	}
	if n := w.sts.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls of STS, want the dead one's and one more", n)
	}
}

// Fifty identities at once, each with its own key, from one cache: nobody may ever get what
// was made for another.
func TestIdentitiesAreNeverMixed(t *testing.T) {
	const identities, each = 50, 8
	w := newWorld(t)
	var keys strings.Builder
	users := make([]*emulator.User, identities)
	for i := range users {
		users[i] = w.sts.AddUser(fmt.Sprintf("1111222%05d", i%10), fmt.Sprintf("user%d", i))
		fmt.Fprintf(&keys, "[p%d]\naws_access_key_id = %s\naws_secret_access_key = %s\n", i, users[i].AccessKeyID, users[i].SecretAccessKey)
	}
	must(t, w.Write(".aws/credentials", keys.String()))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 64)
	for round := range each {
		for i, u := range users {
			wg.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				args := []string{"--source-profile", fmt.Sprintf("p%d", i)}
				if round%2 == 1 { // the same user under another duration is another token
					args = append(args, "--duration", "1h")
				}
				d := w.creds(t, w.run(t, args...))
				id, ok := w.sts.Lookup(d.AccessKeyId)
				if !ok || id.ARN != u.ARN || id.IssuedTo != u.AccessKeyID {
					t.Errorf("asked for %s, got %+v", u.ARN, id)
				}
				if life := id.Expiration.Sub(id.Issued); (life < 2*time.Hour) != (round%2 == 1) {
					t.Errorf("asked with %v, got a life of %s", args, life)
				}
			})
		}
	}
	wg.Wait()
	if n := w.sts.Count("GetSessionToken"); n != 2*identities {
		t.Errorf("%d calls of STS, want %d", n, 2*identities)
	}
}
