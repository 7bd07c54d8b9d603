package identitycenter_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness/overlap"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/lock"
)

// childPath and childURL make the test's program refresh a login instead of testing, and
// childLock do so under a lock.
const childPath, childURL, childLock = "TEST_REFRESH_PATH", "TEST_REFRESH_URL", "TEST_REFRESH_LOCK"

func TestMain(m *testing.M) {
	path, url := os.Getenv(childPath), os.Getenv(childURL)
	if path == "" {
		overlap.Tests()
		os.Exit(m.Run())
	}
	if err := child(path, url); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(path, url string) error {
	left := 2 * time.Hour
	if file := os.Getenv(childLock); file != "" {
		held, err := lock.Acquire(context.Background(), file, lock.Holder{}, nil)
		if err != nil {
			return err
		}
		defer held.Release()
		left = 5 * time.Minute
	}
	s := identitycenter.Service{Transport: &http.Transport{DisableKeepAlives: true}, OIDC: url, Portal: url}
	_, _, err := identitycenter.Refresh(context.Background(), s, path, left)
	return err
}

// crowd starts programs at once that refresh one login whose access token has ended.
func (f *fixture) crowd(n int, env ...string) (failed int) {
	f.t.Helper()
	tokens := f.e.SignInSSO("alice")
	tokens.ExpiresAt = time.Now().Add(-time.Minute)
	f.write(tokens)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range n {
		wg.Go(func() {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(append(os.Environ(), childPath+"="+f.path, childURL+"="+f.s.OIDC), env...)
			if out, err := cmd.CombinedOutput(); err != nil {
				f.t.Logf("%v: %s", err, out)
				mu.Lock()
				failed++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failed
}

// Under the lock that callers owe, one program refreshes a login for all.
func TestCrowdUnderALock(t *testing.T) {
	t.Parallel()
	f := start(t)
	if failed := f.crowd(30, childLock+"="+f.path+".lock"); failed != 0 {
		t.Errorf("%d of 30 failed", failed)
	}
	if n := f.e.Count("CreateToken"); n != 1 || f.e.SSOSessionsEnded() != 0 {
		t.Errorf("%d refreshes", n)
	}
}
