//go:build unix

package cache_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
)

// storm starts n processes of j, as fast as the machine does, and gives what each said.
func storm(t *testing.T, n int, j func(i int) job) []result {
	t.Helper()
	all := make([]result, 0, n)
	var mu sync.Mutex
	var wg sync.WaitGroup
	starting := make(chan struct{}, 16)
	for i := range n {
		cmd := j(i).command(t)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			starting <- struct{}{}
			err := cmd.Start()
			<-starting
			if err != nil {
				t.Error(err)
				return
			}
			rs := results(t, out)
			_ = cmd.Wait()
			mu.Lock()
			defer mu.Unlock()
			all = append(all, rs...)
		})
	}
	wg.Wait()
	if len(all) != n {
		t.Fatalf("%d answers of %d processes", len(all), n)
	}
	return all
}

const crowd = 500

func files(t *testing.T) (counter, arrived string) {
	dir := t.TempDir()
	return filepath.Join(dir, "counter"), filepath.Join(dir, "arrived")
}

func TestCrowdOfColdProcesses(t *testing.T) {
	c := open(t)
	counter, arrived := files(t)
	for _, r := range storm(t, crowd, func(int) job {
		return job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived, Gate: crowd}
	}) {
		if r.Err != "" || r.ID != stamp(key("dev"), 1) || len(r.Warnings) > 0 {
			t.Fatalf("%+v", r)
		}
	}
	if size(counter) != 1 {
		t.Errorf("the source was asked %d times", size(counter))
	}
}

func TestCrowdSharesOneFailure(t *testing.T) {
	for _, kind := range []string{"passing", "final"} {
		c := open(t)
		counter, arrived := files(t)
		want := map[string]error{"passing": errAway, "final": errDenied}[kind].Error()
		for _, r := range storm(t, crowd, func(int) job {
			return job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived, Gate: crowd, Fail: kind, Delay: 100 * time.Millisecond}
		}) {
			if r.Err != want || r.ID != "" {
				t.Fatalf("%+v", r)
			}
		}
		if size(counter) != 1 {
			t.Errorf("%s: the source was asked %d times", kind, size(counter))
		}
	}
}

// In the advisory window one of the crowd refreshes and nobody waits for it.
func TestCrowdInTheAdvisoryWindow(t *testing.T) {
	c, k := open(t), key("dev")
	counter, arrived := files(t)
	if err := cache.StoreAged(c, k, tok(k, 0, 10*time.Minute), 50*time.Minute); err != nil {
		t.Fatal(err)
	}
	count := map[cache.Origin]int{}
	for _, r := range storm(t, 100, func(int) job {
		return job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived, Gate: 100}
	}) {
		count[r.Origin]++
		if r.Err != "" || r.Origin == cache.Kept && r.ID != stamp(k, 0) || r.Origin == cache.Fresh && r.ID != stamp(k, 1) {
			t.Fatalf("%+v", r)
		}
	}
	if size(counter) != 1 || count[cache.Fresh] != 1 || count[cache.Kept] != 99 {
		t.Errorf("%v, the source was asked %d times", count, size(counter))
	}
}

// Fifty identities at once: nobody ever gets another's token.
func TestCrowdOfManyIdentities(t *testing.T) {
	const identities, each = 50, 6
	c := open(t)
	dir := t.TempDir()
	var jobs []int
	for i := range identities * each {
		jobs = append(jobs, i%identities)
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	who := func(n int) string { return fmt.Sprintf("identity %d", n) }
	var wg sync.WaitGroup
	for _, n := range jobs {
		cmd := job{Dir: c.Path(), Who: who(n), Times: 20, Counter: filepath.Join(dir, strconv.Itoa(n))}.command(t)
		wg.Go(func() {
			all, errs := finish(t, cmd)
			if len(all) != 20 {
				t.Errorf("%s: %d answers; %.500s", who(n), len(all), errs)
			}
			for _, r := range all {
				if r.Err != "" || r.ID != stamp(key(who(n)), 1) {
					t.Errorf("%s: %+v", who(n), r)
				}
			}
		})
		if rand.IntN(12) == 0 {
			wg.Wait()
		}
	}
	wg.Wait()
	for n := range identities {
		if got := size(filepath.Join(dir, strconv.Itoa(n))); got != 1 {
			t.Errorf("%s: the source was asked %d times", who(n), got)
		}
	}
	if entries, err := c.Entries(); err != nil || len(entries) != identities {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// start starts a process and gives its standard output.
func start(t *testing.T, cmd *exec.Cmd) io.Reader {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return out
}

func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

// The holder dies in the middle of its fetch: somebody else takes over at once.
func TestHolderKilled(t *testing.T) {
	c, k := open(t), key("dev")
	counter, arrived := files(t)
	j := job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived}
	stuck := j
	stuck.Delay = time.Hour
	holder := stuck.command(t)
	start(t, holder)
	until(t, "the fetch", func() bool { return size(counter) == 1 })
	go func() {
		for size(arrived) < 51 { // the holder and all who wait
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(100 * time.Millisecond)
		_ = holder.Process.Signal(syscall.SIGKILL)
	}()
	for _, r := range storm(t, 50, func(int) job { return j }) {
		if r.Err != "" || r.ID != stamp(k, 2) || r.Took > 10*time.Second {
			t.Errorf("%+v", r)
		}
	}
	if size(counter) != 2 {
		t.Errorf("the source was asked %d times", size(counter))
	}
}

// The holder is stopped and will not go on.
func TestHolderStopped(t *testing.T) {
	stopped := func(t *testing.T, rem time.Duration) (*cache.Cache, job) {
		t.Helper()
		c, k := open(t), key("dev")
		counter, arrived := files(t)
		j := job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived}
		if rem > 0 {
			if err := cache.StoreAged(c, k, tok(k, 0, rem), time.Hour-rem); err != nil {
				t.Fatal(err)
			}
		}
		stuck := j
		stuck.Delay = time.Hour
		holder := stuck.command(t)
		start(t, holder)
		until(t, "the fetch", func() bool { return size(counter) == 1 })
		if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		return c, j
	}
	t.Run("advisory", func(t *testing.T) {
		_, j := stopped(t, 10*time.Minute)
		if r := j.one(t); r.Origin != cache.Kept || r.Err != "" || r.Took > 500*time.Millisecond {
			t.Errorf("%+v", r)
		}
	})
	t.Run("mandatory", func(t *testing.T) {
		_, j := stopped(t, 50*time.Second)
		j.Wait = 500 * time.Millisecond
		r := j.one(t)
		if r.Origin != cache.Kept || r.Err != "" || r.Took < j.Wait || r.Took > 3*time.Second {
			t.Errorf("%+v", r)
		}
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "waited 500ms for pid") {
			t.Errorf("warnings %q", r.Warnings)
		}
	})
	// With nothing valid, the crowd waits its budget and then one of it asks for all.
	for _, fail := range []string{"", "final"} {
		t.Run("cold "+fail, func(t *testing.T) {
			c, j := stopped(t, 0)
			j.Wait, j.Delay, j.Fail = time.Second, 200*time.Millisecond, fail
			for _, r := range storm(t, 50, func(int) job { return j }) {
				if fail == "" && (r.Err != "" || r.ID != stamp(key("dev"), 2)) || fail != "" && r.Err != errDenied.Error() || r.Took > 8*time.Second {
					t.Errorf("%+v", r)
				}
			}
			if got := size(j.Counter); got != 2 {
				t.Errorf("the source was asked %d more times", got-1)
			}
			if _, err := lock.Try(cache.LockPath(c, key("dev")), lock.Holder{}); err == nil {
				t.Error("the holder does not hold any more: nothing was shown")
			}
		})
	}
	// And where that one is stopped too, everybody helps themselves.
	t.Run("cold twice", func(t *testing.T) {
		c, j := stopped(t, 0)
		late, err := lock.Try(cache.LatePath(c, key("dev")), lock.Holder{})
		if err != nil {
			t.Fatal(err)
		}
		defer late.Release()
		j.Wait = 300 * time.Millisecond
		if r := j.one(t); r.Err != "" || r.Origin != cache.Fresh || r.Took > 3*time.Second {
			t.Errorf("%+v", r)
		}
	})
	t.Run("asking a person", func(t *testing.T) {
		c, k := open(t), key("dev")
		counter, _ := files(t)
		stuck := job{Dir: c.Path(), Who: "dev", Counter: counter, Delay: time.Hour, Ask: true}
		holder := stuck.command(t)
		start(t, holder)
		until(t, "the question", func() bool {
			who, _ := lock.ReadHolder(cache.LockPath(c, k))
			return who.Asking
		})
		if err := holder.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		r := job{Dir: c.Path(), Who: "dev", Counter: counter, Wait: 300 * time.Millisecond}.one(t)
		if want := fmt.Sprintf("pid %d", holder.Process.Pid); r.ID != "" || !strings.Contains(r.Err, want) || size(counter) != 1 {
			t.Errorf("%+v", r)
		}
	})
}

// The lock's file is removed while it is held, as a cleaner would: at most one call more,
// and nothing is mixed up.
func TestLockFileRemovedWhileHeld(t *testing.T) {
	c, k := open(t), key("dev")
	counter, arrived := files(t)
	j := job{Dir: c.Path(), Who: "dev", Counter: counter, Arrived: arrived, Gate: 51, Delay: 300 * time.Millisecond}
	holder := j.command(t)
	start(t, holder)
	until(t, "the fetch", func() bool { return size(counter) == 1 })
	if err := os.Remove(cache.LockPath(c, k)); err != nil {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, r := range storm(t, 50, func(int) job { return j }) {
		if r.Err != "" {
			t.Errorf("%+v", r)
		}
		ids[r.ID]++
	}
	if size(counter) != 2 || ids[stamp(k, 1)]+ids[stamp(k, 2)] != 50 {
		t.Errorf("the source was asked %d times: %v", size(counter), ids)
	}
}

// kills is how many processes the kill storm kills; STS_HELPER_KILLS overrides it.
func kills(t *testing.T) int64 {
	t.Helper()
	v := os.Getenv("STS_HELPER_KILLS")
	if v == "" {
		return 1000
	}
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 1 {
		t.Fatalf("STS_HELPER_KILLS=%q is no number", v)
	}
	return n
}

// Processes that do nothing but refresh are killed at random moments. Meanwhile somebody
// reads: what was stored once is never lost, torn or undone.
func TestKillStorm(t *testing.T) {
	c, k := open(t), key("dev")
	counter, _ := files(t)
	j := job{Dir: c.Path(), Who: "dev", Counter: counter, Renew: true, Times: 1000}
	if r := (job{Dir: j.Dir, Who: j.Who, Counter: j.Counter}).one(t); r.Err != "" {
		t.Fatal(r)
	}
	number := func(id string) int64 {
		n, err := strconv.ParseInt(id[len(id)-4:], 16, 64)
		if err != nil || id[:16] != stamp(k, 0)[:16] {
			t.Errorf("a token of nobody: %s", id)
		}
		return n
	}
	want := kills(t)
	// The number in the id is of four digits: after 60,000 tokens the counter starts again.
	var killed, reads, answered atomic.Int64
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for last := int64(0); ; reads.Add(1) {
			select {
			case <-stop:
				return
			default:
			}
			r, err := c.Load(k)
			if err != nil {
				t.Errorf("read %d: %v", reads.Load(), err)
				return
			}
			n := number(r.Token.Credentials.AccessKeyID)
			if n < last && last-n < 30_000 {
				t.Errorf("token %d came after %d", n, last)
			}
			last = n
			if n > 60_000 {
				_ = os.Truncate(counter, 0)
			}
			time.Sleep(200 * time.Microsecond)
		}
	})
	var killers sync.WaitGroup
	for range 3 {
		killers.Go(func() {
			for killed.Load() < want && !t.Failed() {
				cmd := j.command(t)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Error(err)
					return
				}
				if err := cmd.Start(); err != nil {
					t.Error(err)
					return
				}
				timer := time.AfterFunc(2*time.Millisecond+rand.N(20*time.Millisecond), func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
				for _, r := range results(t, out) {
					answered.Add(1)
					if r.Err != "" || len(r.Warnings) > 0 {
						t.Errorf("%+v", r)
					}
				}
				err = cmd.Wait()
				timer.Stop()
				if err != nil && strings.Contains(err.Error(), "killed") {
					killed.Add(1)
				}
			}
		})
	}
	killers.Wait()
	close(stop)
	wg.Wait()
	held, err := lock.Try(cache.LockPath(c, k), lock.Holder{})
	if err != nil {
		t.Fatalf("the lock is stuck: %v", err)
	}
	held.Release()
	orphans := len(cache.Temps(c))
	if err := cache.ForgetSweep(c); err != nil {
		t.Fatal(err)
	}
	s := &source{key: k, life: time.Hour}
	w := s.want()
	w.Renew = true
	expect(t, mustGet(t, c, w), cache.Fresh, stamp(k, 1))
	if temps := cache.Temps(c); len(temps) > 0 {
		t.Errorf("%d temporary files are not collected", len(temps))
	}
	t.Logf("%d killed, %d answers, %d reads, %d temporary files collected", killed.Load(), answered.Load(), reads.Load(), orphans)
	if reads.Load() < 100 || answered.Load() < killed.Load()/10 {
		t.Error("too little was going on for this to show anything")
	}
}
