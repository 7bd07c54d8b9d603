package cache_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/lock"
)

// writePath are the system calls of a refresh that touch files, from the first look to the
// sweep.
var writePath = []string{
	"openat", "write", "pwrite64", "ftruncate", "fsync", "close", "renameat", "unlinkat",
	"flock", "read", "getdents64", "newfstatat", "fstat",
}

// tampered is what became of a refresh one of whose system calls went wrong.
type tampered struct {
	where    string
	cache    *cache.Cache
	key      cache.Key
	results  []result
	stderr   string
	killed   bool
	injected bool
	calls    int // of the source, this far
}

// sweep runs a refresh of a token that has 30 seconds left under strace, the first, second,
// third... call of each kind made to go wrong, until a run makes no such call any more.
func sweep(t *testing.T, calls []string, effect string, check func(tampered)) {
	t.Helper()
	strace := need(t, "strace")
	runs := make([]int, len(calls))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 3)
	for i, call := range calls {
		c, k := open(t), key("dev")
		counter, _ := files(t)
		log := filepath.Join(t.TempDir(), "strace.log")
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			for n := 1; !t.Failed(); n++ {
				if err := cache.StoreAged(c, k, tok(k, 0, 30*time.Second), 59*time.Minute+30*time.Second); err != nil {
					t.Error(err)
					return
				}
				if err := cache.BackdateSweep(c); err != nil {
					t.Error(err)
				}
				if err := cache.SaveFailureAged(c, k, cache.Failure{Message: "long ago"}, time.Hour, time.Second); err != nil {
					t.Error(err)
				}
				cmd := job{Dir: c.Path(), Who: "dev", Counter: counter}.command(t, strace, "-f", "-qq", "-o", log,
					"-e", "trace="+call, "-e", fmt.Sprintf("inject=%s:%s:when=%d", call, effect, n))
				x := tampered{where: fmt.Sprintf("%s at %s %d", effect, call, n), cache: c, key: k}
				x.results, x.stderr = finish(t, cmd)
				status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
				x.killed = status.Signaled() && status.Signal() == syscall.SIGKILL
				trace, err := os.ReadFile(log)
				if err != nil {
					t.Errorf("%s: %v; %s", x.where, err, x.stderr)
					return
				}
				x.injected = strings.Contains(string(trace), "INJECTED")
				x.calls = int(size(counter))
				check(x)
				if !x.killed && !x.injected {
					break
				}
				runs[i]++
			}
		})
	}
	wg.Wait()
	total := 0
	var each []string
	for i, call := range calls {
		total += runs[i]
		each = append(each, fmt.Sprintf("%s %d", call, runs[i]))
		if runs[i] == 0 && !t.Failed() {
			t.Errorf("%s was never called", call)
		}
	}
	t.Logf("%s: %d runs: %s", effect, total, strings.Join(each, ", "))
}

// whole checks that the record on disk is the old one or a new one, and the lock free.
func (x tampered) whole(t *testing.T) {
	t.Helper()
	r, err := x.cache.Load(x.key)
	if err != nil {
		t.Errorf("%s: the record is lost: %v", x.where, err)
	} else if id := r.Token.Credentials.AccessKeyID; id != stamp(x.key, 0) && id != stamp(x.key, x.calls) {
		t.Errorf("%s: the record is %s after %d calls", x.where, id, x.calls)
	}
	held, err := lock.Try(cache.LockPath(x.cache, x.key), lock.Holder{})
	if err != nil {
		t.Errorf("%s: the lock is stuck: %v", x.where, err)
		return
	}
	held.Release()
}

func TestKillAtEverySystemCall(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hundreds of runs below strace")
	}
	orphans := 0
	var mu sync.Mutex
	sweep(t, writePath, "signal=KILL", func(x tampered) {
		x.whole(t)
		if len(x.results) > 0 && x.results[0].Err != "" {
			t.Errorf("%s: %+v", x.where, x.results)
		}
		temps := len(cache.Temps(x.cache))
		mu.Lock()
		orphans += temps
		mu.Unlock()
		if temps == 0 {
			return
		}
		// The next write of any process collects them.
		if err := cache.BackdateSweep(x.cache); err != nil {
			t.Error(err)
		}
		if err := x.cache.Store(x.key, tok(x.key, 0, time.Hour), false); err != nil {
			t.Errorf("%s: %v", x.where, err)
		}
		if temps := cache.Temps(x.cache); len(temps) > 0 {
			t.Errorf("%s: not collected: %v", x.where, temps)
		}
	})
	t.Logf("%d temporary files collected", orphans)
	if orphans == 0 {
		t.Error("no kill left a temporary file: were the right calls hit?")
	}
}

// Every error at every call: the token or a clear error, and what was there stays.
func TestErrorAtEverySystemCall(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hundreds of runs below strace")
	}
	for _, errno := range []string{"ENOSPC", "EIO", "EROFS", "EMFILE", "EINTR", "EDQUOT"} {
		t.Run(errno, func(t *testing.T) {
			sweep(t, writePath, "error="+errno, func(x tampered) {
				for _, bad := range []string{"panic", "fatal error", "goroutine "} {
					if strings.Contains(x.stderr, bad) {
						t.Errorf("%s: %.2000s", x.where, x.stderr)
						return
					}
				}
				if len(x.results) != 1 {
					t.Errorf("%s: %d answers; %.1000s", x.where, len(x.results), x.stderr)
					return
				}
				switch r := x.results[0]; {
				case r.Err == "" && (r.ID != stamp(x.key, x.calls) && r.ID != stamp(x.key, 0) || r.Left < cache.HardFloor):
					t.Errorf("%s: %+v", x.where, r)
				case r.Err != "" && (r.Kind != "open" || r.ID != "" || strings.Contains(r.Err, "CANARY")):
					// Once the directory is open nothing on disk can keep the token back.
					t.Errorf("%s: %+v", x.where, r)
				case !x.injected && (r.Origin != cache.Fresh || len(r.Warnings) > 0):
					t.Errorf("%s, undisturbed: %+v", x.where, r)
				}
				x.whole(t)
				if temps := cache.Temps(x.cache); len(temps) > 0 && !strings.Contains(x.where, "unlinkat") {
					t.Errorf("%s: left behind: %v", x.where, temps)
				}
			})
		})
	}
}

// A write that says it wrote 100 bytes and did not: the checksum sees it, and it heals.
func TestWriteThatLies(t *testing.T) {
	strace := need(t, "strace")
	c, s := open(t), newSource("dev", time.Hour)
	lied := false
	for n := 1; n <= 4 && !lied; n++ {
		_ = c.Delete(s.key.String())
		_, _ = job{Dir: c.Path(), Who: "dev"}.do(t, strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=write",
			"-e", fmt.Sprintf("inject=write:retval=100:when=%d", n))
		if _, err := os.Lstat(cache.RecordPath(c, s.key)); err != nil {
			continue
		}
		if _, err := c.Load(s.key); err != nil {
			missOf(t, err)
			lied = true
		}
	}
	if !lied {
		t.Fatal("no write could be made to lie")
	}
	heals(t, c, s)
}

// Where the file system has no locks, a cold crowd still gets its tokens, and none fails.
func TestNoLocksAtAll(t *testing.T) {
	t.Parallel()
	strace := need(t, "strace")
	for i, errno := range []string{"ENOLCK", "EOPNOTSUPP", "EBADF", "EIO"} {
		if harness.LeftOut(i) {
			continue
		}
		t.Run(errno, func(t *testing.T) {
			t.Parallel()
			c := open(t)
			counter, _ := files(t)
			k := key("dev")
			var wg sync.WaitGroup
			for range 8 {
				cmd := job{Dir: c.Path(), Who: "dev", Counter: counter}.command(t, strace, "-f", "-qq", "-o", "/dev/null",
					"-e", "trace=flock", "-e", "inject=flock:error="+errno)
				wg.Go(func() {
					rs, errs := finish(t, cmd)
					if len(rs) != 1 || rs[0].Err != "" || rs[0].ID[:16] != stamp(k, 0)[:16] {
						t.Errorf("%+v; %.1000s", rs, errs)
					}
				})
			}
			wg.Wait()
			if n := size(counter); n < 1 || n > 8 {
				t.Errorf("the source was asked %d times", n)
			}
		})
	}
}

// A hit makes no lock, no directory, no change and no connection.
func TestSystemCallsOfAHit(t *testing.T) {
	strace := need(t, "strace")
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	log := filepath.Join(t.TempDir(), "strace.log")
	rs, errs := job{Dir: c.Path(), Who: "dev"}.do(t, strace, "-f", "-qq", "-o", log, "-e", "trace=%file,%network,%desc")
	if len(rs) != 1 || rs[0].Origin != cache.Hit {
		t.Fatalf("%+v; %s", rs, errs)
	}
	seen := 0
	for line := range strings.Lines(string(read(t, log))) {
		if strings.Contains(line, "fcntl(") { // how the standard streams are open
			continue
		}
		for _, bad := range []string{"flock(", "socket(", "connect(", "rename", "unlink", "mkdir", "O_CREAT", "O_WRONLY", "O_RDWR", "fsync", "ftruncate", ".lock", ".state"} {
			if strings.Contains(line, bad) {
				t.Errorf("a hit does this: %s", line)
			}
		}
		if strings.Contains(line, ".cred") {
			seen++
		}
	}
	if seen == 0 {
		t.Error("the record's file was not seen either")
	}
}
