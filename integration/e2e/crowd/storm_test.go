package crowd_test

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// releaseGathered releases a gated source when n helpers wait, and reports whether all did; at
// the latest when the helper that runs the source is about to give it up, after 20 s.
func releaseGathered(t *testing.T, n int, release func()) <-chan bool {
	all := make(chan bool, 1)
	go func() {
		gathered := harness.Gather(t, 0, n, 15*time.Second)
		release()
		all <- gathered
	}()
	return all
}

func TestCrowdMakesOneCall(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	w := harness.NewWorld(t)
	release := w.GatedSource(t)
	releaseGathered(t, harness.Crowd, release)
	results := w.RunTogether(t, harness.Crowd, nil, "--source-profile", "gated")
	first := w.Creds(t, results[0])
	for i, r := range results {
		if r != (harness.Result{Stdout: results[0].Stdout}) {
			t.Fatalf("helper %d: exit %d, %q, %q", i, r.Code, r.Stdout, r.Stderr)
		}
	}
	if n := w.STS.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	if first.AccountId != harness.Account {
		t.Errorf("AccountId %q, want %q", first.AccountId, harness.Account)
	}
}

func TestCrowdSharesOneRefusal(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	w := harness.NewWorld(t)
	w.STS.Fault(emulator.Fault{Kind: emulator.Deny})
	release := w.GatedSource(t)
	gathered := releaseGathered(t, harness.Crowd, release)
	results := w.RunTogether(t, harness.Crowd, nil, "--source-profile", "gated")
	all := <-gathered // else some came when the refusal was no longer held for them
	for i, r := range results {
		if r.Code != harness.ExitDenied || r.Stdout != "" || all && harness.Unremembered(r.Stderr) != harness.Unremembered(results[0].Stderr) {
			t.Fatalf("helper %d: exit %d, %q; the first said %q", i, r.Code, r.Stderr, results[0].Stderr)
		}
	}
	if n := w.STS.Count("GetSessionToken"); all && n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	if s := results[0].Stderr; !strings.HasPrefix(s, "sts-helper: ") || strings.Count(s, "\n") != 1 || !strings.Contains(s, "AccessDenied") {
		t.Errorf("the error is %q", s)
	}
}

func TestDeathOfTheOneThatAsks(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	const n = 100
	w := harness.NewWorld(t)
	release := w.STS.Gate("GetSessionToken")
	defer release()
	leader := w.Command(t, "--source-profile", "base")
	harness.Must(t, harness.Begin(leader))
	harness.Must(t, w.STS.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
	harness.Must(t, leader.Process.Signal(syscall.SIGSTOP)) // or it would give up
	results := w.RunTogether(t, n, func() {
		harness.Gather(t, 0, n, 30*time.Second)
		harness.Must(t, leader.Process.Kill())
		_ = leader.Wait()
		release()
	}, "--source-profile", "base", "--wait", "55s")
	for _, r := range results {
		w.Creds(t, r)
		if r.Stdout != results[0].Stdout {
			t.Fatal("the documents differ")
		}
	}
	if n := w.STS.Count("GetSessionToken"); n != 2 {
		t.Errorf("%d calls of STS, want the dead one's and one more", n)
	}
}

// Fifty identities at once, each with its own key, from one cache: none may ever get what
// was made for another.
func TestIdentitiesAreNeverMixed(t *testing.T) {
	harness.Long(t, "hundreds of processes")
	const identities, each = 50, 8
	w := harness.NewWorld(t)
	var keys strings.Builder
	users := make([]*emulator.User, identities)
	for i := range users {
		users[i] = w.STS.AddUser(fmt.Sprintf("1111222%05d", i%10), fmt.Sprintf("user%d", i))
		fmt.Fprintf(&keys, "[p%d]\naws_access_key_id = %s\naws_secret_access_key = %s\n", i, users[i].AccessKeyID, users[i].SecretAccessKey)
	}
	harness.Must(t, w.Write(".aws/credentials", keys.String()))
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
				d := w.Creds(t, w.Run(t, args...))
				id, ok := w.STS.Lookup(d.AccessKeyId)
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
	if n := w.STS.Count("GetSessionToken"); n != 2*identities {
		t.Errorf("%d calls of STS, want %d", n, 2*identities)
	}
}
