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

func TestCrowdMakesOneCall(t *testing.T) {
	w := harness.NewWorld(t)
	release := w.GatedSource(t)
	results := w.RunTogether(t, harness.Crowd, func() { harness.AwaitAsleep(t, harness.Crowd); release() }, "--source-profile", "gated")
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
	w := harness.NewWorld(t)
	w.STS.Fault(emulator.Fault{Kind: emulator.Deny})
	release := w.GatedSource(t)
	results := w.RunTogether(t, harness.Crowd, func() { harness.AwaitAsleep(t, harness.Crowd); release() }, "--source-profile", "gated")
	for i, r := range results {
		if r.Code != 5 || r.Stdout != "" || r.Stderr != results[0].Stderr {
			t.Fatalf("helper %d: exit %d, %q; the first said %q", i, r.Code, r.Stderr, results[0].Stderr)
		}
	}
	if n := w.STS.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
	if s := results[0].Stderr; !strings.HasPrefix(s, "sts-helper: ") || strings.Count(s, "\n") != 1 || !strings.Contains(s, "AccessDenied") {
		t.Errorf("the error is %q", s)
	}
}

func TestDeathOfTheOneThatAsks(t *testing.T) {
	const n = 100
	w := harness.NewWorld(t)
	gather := w.GatedSource(t)
	release := w.STS.Gate("GetSessionToken")
	defer release()
	leader := w.Command(t, "--source-profile", "gated")
	harness.Must(t, leader.Start())
	harness.AwaitAsleep(t, 1) // it holds the lock, and waits for its keys
	results := w.RunTogether(t, n, func() {
		harness.AwaitAsleep(t, n+1)
		gather()
		harness.Must(t, w.STS.WaitInFlight(t.Context(), "GetSessionToken", 1))
		harness.Must(t, leader.Process.Signal(syscall.SIGKILL))
		_ = leader.Wait()
		release()
	}, "--source-profile", "gated")
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

// Fifty identities at once, each with its own key, from one cache: nobody may ever get what
// was made for another.
func TestIdentitiesAreNeverMixed(t *testing.T) {
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
