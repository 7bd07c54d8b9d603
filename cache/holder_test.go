//go:build unix

package cache_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/lock"
)

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
	for range 6000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain: %s", what)
}

// The holder dies in the middle of its fetch: another process takes over at once.
func TestHolderKilled(t *testing.T) {
	harness.Long(t, "a crowd of 50 processes")
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
		if r.Err != "" || r.ID != stamp(k, 2) {
			t.Errorf("%+v", r)
		}
	}
	if size(counter) != 2 {
		t.Errorf("the source was asked %d times", size(counter))
	}
}

// The holder is stopped and will not go on.
func TestHolderStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits for stopped processes")
	}
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
		if r := j.one(t); r.Origin != cache.Kept || r.Err != "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("mandatory", func(t *testing.T) {
		_, j := stopped(t, 50*time.Second)
		j.Wait = 500 * time.Millisecond
		r := j.one(t)
		if r.Origin != cache.Kept || r.Err != "" || r.Took < j.Wait*4/5 {
			t.Errorf("%+v", r)
		}
		if len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "waited 400ms for pid") {
			t.Errorf("warnings %q", r.Warnings)
		}
	})
	// With nothing valid, the crowd waits its budget and then one of it asks for all.
	for _, fail := range []string{"", "final"} {
		t.Run("cold "+fail, func(t *testing.T) {
			c, j := stopped(t, 0)
			j.Wait, j.Delay, j.Fail = 3*time.Second, 200*time.Millisecond, fail
			for _, r := range storm(t, 50, func(int) job { return j }) {
				if fail == "" && (r.Err != "" || r.ID != stamp(key("dev"), 2)) || fail != "" && r.Err != errDenied.Error() {
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
		if r := j.one(t); r.Err != "" || r.Origin != cache.Fresh || r.Took < j.Wait {
			t.Errorf("%+v", r)
		}
	})
	t.Run("asking the user", func(t *testing.T) {
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
	harness.Long(t, "a crowd of 50 processes")
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
