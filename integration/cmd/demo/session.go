package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func lines(s string) iter.Seq[string] { return strings.SplitSeq(strings.TrimRight(s, "\n"), "\n") }

// asDev runs a program with AWS_PROFILE=dev.
func (s *stage) asDev(ctx context.Context, program string) harness.Result {
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = s.home.Environ("AWS_PROFILE=dev")
	return harness.Finish(cmd)
}

func whoAmI(ctx context.Context, s *stage) error {
	r := s.asDev(ctx, s.whoami)
	if r.Code != 0 {
		return errors.New(r.Stderr)
	}
	say("   $ AWS_PROFILE=dev whoami          (25 lines of Go with the AWS SDK: GetCallerIdentity)\n   %s", strings.TrimSpace(r.Stdout))
	say("\n   The SDK ran the profile's credential_process and got a session token instead of the key.")
	say("   Calls of GetSessionToken that STS has seen: %d", s.sts.Count("GetSessionToken"))
	return nil
}

func hundred(ctx context.Context, s *stage) error {
	const n = 100
	s.sts.ResetCounts()
	documents := make(map[string]int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	var failed error
	start := time.Now()
	for range n {
		wg.Go(func() {
			r := s.home.Run(ctx, "--source-profile", "base", "--duration", "2h")
			mu.Lock()
			defer mu.Unlock()
			documents[r.Stdout]++
			if r.Code != 0 {
				failed = errors.New(r.Stderr)
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return failed
	}
	calls := s.sts.Count("GetSessionToken")
	say("   %d processes started together, none of them with a token to begin with (--duration 2h is", n)
	say("   another request, so another token): %d different document(s), %d call(s) of STS, %s in all.", len(documents), calls, ms(time.Since(start)))
	if calls != 1 || len(documents) != 1 {
		return fmt.Errorf("%d calls and %d documents, where one is promised", calls, len(documents))
	}
	return nil
}

func secondCall(ctx context.Context, s *stage) error {
	best := time.Duration(1 << 62)
	for range 10 {
		r := s.home.Run(ctx, "--source-profile", "base")
		if r.Code != 0 {
			return errors.New(r.Stderr)
		}
		best = min(best, r.Wall)
	}
	before := s.sts.Count("")
	r := s.home.Run(ctx, "--source-profile", "base")
	say("   With the token in the cache the helper takes %s from start to exit (best of 10), opens no", ms(best))
	say("   connection and takes no lock; STS heard of it %d times.", s.sts.Count("")-before)
	say("   What the SDK reads, the secrets cut:\n   %s", cut(r.Stdout))
	return nil
}

// cut shortens the secrets of a document.
func cut(doc string) string {
	for _, name := range []string{"SecretAccessKey", "SessionToken", "Token"} {
		_, after, ok := strings.Cut(doc, `"`+name+`":"`)
		if !ok {
			continue
		}
		value, _, _ := strings.Cut(after, `"`)
		doc = strings.Replace(doc, value, value[:4]+"...", 1)
	}
	return strings.TrimSpace(doc)
}
