package systems_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// running is a program that was started.
type running struct {
	cmd       *exec.Cmd
	out, errs harness.Output
}

// together starts n programs with the same arguments, calls started when all run, and gives their results.
func (h *home) together(t *testing.T, n int, started func(all []*running), args ...string) []harness.Result {
	t.Helper()
	all := make([]*running, n)
	for i := range all {
		r := &running{cmd: h.start(t, args...)}
		r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.errs
		harness.Must(t, harness.Begin(r.cmd))
		all[i] = r
	}
	started(all)
	results := make([]harness.Result, n)
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() {
			_ = r.cmd.Wait()
			results[i] = harness.Result{Stdout: r.out.String(), Stderr: ofWine.ReplaceAllString(r.errs.String(), ""), Code: r.cmd.ProcessState.ExitCode()}
		})
	}
	wg.Wait()
	return results
}

// Fifty programs that need credentials at the same time make one call, and get the same ones.
func TestCrowd(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		release := h.sts.Gate("GetSessionToken")
		defer release()
		results := h.together(t, 50, func([]*running) {
			harness.Must(t, h.sts.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
			release()
		}, "--source-profile", "base")
		first := h.creds(t, results[0])
		for i, r := range results {
			if id := h.creds(t, r); id != first {
				t.Errorf("number %d: %s, the first: %s", i, id, first)
			}
		}
		if n := h.sts.Count("GetSessionToken"); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

// Twelve users who renew a fresh token at the same moment make one call, with a clock that says since the machine's start
// which came first, or without.
func TestRenewalsAtOnce(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		const n, rounds = 12, 3 // which of them comes first is chance
		shared := 0
		for try := 0; try < 10 && shared < rounds; try++ {
			old := h.creds(t, h.run(t, "--source-profile", "base"))
			before := h.sts.Count("GetSessionToken")
			release := h.sts.Gate("GetSessionToken")
			gathered := false
			results := h.together(t, n, func(all []*running) {
				defer release()
				// Half of what a request to STS may take. Who has not begun by then begins when the new token has been issued.
				for start := time.Now(); !gathered && time.Since(start) < 2500*time.Millisecond; time.Sleep(10 * time.Millisecond) {
					gathered = !slices.ContainsFunc(all, func(r *running) bool {
						log := r.errs.String()
						return !strings.Contains(log, `msg=waiting for="`) && !strings.Contains(log, `msg="sts is asked"`)
					})
				}
			}, "login", "--force", "--source-profile", "base", "-v")
			if !gathered {
				continue
			}
			shared++
			renewed := 0
			for i, r := range results {
				if r.Code != 0 || strings.Contains(r.Stderr, harness.Canary) {
					t.Fatalf("number %d: exit %d, %q, %q", i, r.Code, r.Stdout, r.Stderr)
				}
				if strings.HasPrefix(r.Stdout, "base  renewed, ") {
					renewed++
				}
			}
			if calls := h.sts.Count("GetSessionToken") - before; calls != 1 || renewed != 1 {
				t.Errorf("%d calls, and %d say that they renewed", calls, renewed)
			}
			if h.creds(t, h.run(t, "--source-profile", "base")) == old {
				t.Error("nothing was renewed")
			}
		}
		if shared < rounds {
			t.Logf("only %d times did all begin before the first had its answer", shared)
		}
	})
}

// A program that is killed while it asks STS leaves no lock behind: the next one asks at once.
func TestKilledHolder(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		release := h.sts.Gate("GetSessionToken")
		defer release()
		holder := h.start(t, "--source-profile", "base")
		harness.Must(t, harness.Begin(holder))
		harness.Must(t, h.sts.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
		results := h.together(t, 3, func([]*running) {
			harness.Must(t, holder.Process.Kill())
			_ = holder.Wait()
			harness.Await(t, "another's call", func() bool { return h.sts.Count("GetSessionToken") == 2 })
			release()
		}, "--source-profile", "base")
		first := h.creds(t, results[0])
		for _, r := range results {
			if id := h.creds(t, r); id != first {
				t.Errorf("%s and %s", id, first)
			}
		}
		if n := h.sts.Count("GetSessionToken"); n != 2 {
			t.Errorf("%d calls", n)
		}
	})
}

// serve writes an env-file that a shell reads, whose token opens what it serves; a second server finds the port taken.
func TestServeWithAClient(t *testing.T) {
	onEach(t, func(t *testing.T, h *home) {
		args := []string{"serve", "--profile", "dev", "--listen", "127.0.0.1:0", "--env-file", h.path("a b/aws.env")}
		if !h.windows { // where docker takes no path with a blank, and users' names have none
			args = append(args, "--token-file", filepath.Join(t.TempDir(), "run", "token"))
		}
		_, ended := h.serve(t, args...)
		file := filepath.Join(h.dir, "a b", "aws.env")
		harness.Await(t, "the env-file", func() bool {
			select {
			case <-ended:
				t.Fatal("the server ended")
			default:
			}
			_, err := os.Stat(file)
			return err == nil
		})
		shell := exec.CommandContext(context.Background(), "sh", "-c", `. "$1"; printf '%s\n%s\n' "$AWS_CONTAINER_CREDENTIALS_FULL_URI" "$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"`, "sh", file)
		out, err := shell.Output()
		harness.Must(t, err)
		uri, tokenFile, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if h.windows { // with slashes, as every SDK takes it there
			there, ok := strings.CutPrefix(tokenFile, "Z:/")
			if !ok || strings.Contains(tokenFile, `\`) {
				t.Fatalf("the token's file is %q", tokenFile)
			}
			tokenFile = "/" + there
		}
		token, err := os.ReadFile(tokenFile)
		harness.Must(t, err)
		if info, err := os.Stat(tokenFile); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%v, %v", info, err)
		}
		ask := func(token string) harness.Answer {
			a, err := harness.Request(http.MethodGet, uri, "Authorization", token)
			harness.Must(t, err)
			return a
		}
		for range 2 {
			a := ask(string(token))
			d := a.Document(t)
			if a.Status != http.StatusOK || !h.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
				t.Fatalf("%d %.80q", a.Status, a.Body)
			}
		}
		if a := ask("CANARY-another-token"); a.Status/100 != 4 || strings.Contains(a.Body, "AccessKeyId") {
			t.Errorf("another token: %d %.80q", a.Status, a.Body)
		}
		if n := h.sts.Count("GetSessionToken"); n != 1 {
			t.Errorf("%d calls", n)
		}
		address := strings.TrimPrefix(uri[:strings.LastIndex(uri, "/credentials/")], "http://")
		if r := h.run(t, "healthcheck", address); r.Code != 0 {
			t.Errorf("healthcheck: exit %d, %q", r.Code, r.Stderr)
		}
		if r := h.run(t, "serve", "--profile", "dev", "--listen", address); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, address) {
			t.Errorf("a second one: exit %d, %q", r.Code, r.Stderr)
		}
		// The same credentials as every other way.
		if id := h.creds(t, h.run(t, "--profile", "dev")); id != ask(string(token)).Document(t).AccessKeyId {
			t.Errorf("serve has another token than %s", id)
		}
	})
}
