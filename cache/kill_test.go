//go:build unix

package cache_test

import (
	"bufio"
	"encoding/json"
	"math/rand/v2"
	"os"
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

// Processes that do nothing but refresh are killed at random moments. Meanwhile a user
// reads: what was stored once is never lost, torn or undone.
func TestKillStorm(t *testing.T) {
	if testing.Short() {
		t.Skip("long: kills a thousand processes")
	}
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
				kill := func() {
					time.AfterFunc(rand.N(20*time.Millisecond), func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
				}
				early := rand.IntN(2) == 0 // at its start, or once it is refreshing
				if early {
					kill()
				}
				for lines, first := bufio.NewScanner(out), !early; lines.Scan(); first = false {
					if first {
						kill()
					}
					var r result
					if json.Unmarshal(lines.Bytes(), &r) != nil {
						continue // cut off
					}
					answered.Add(1)
					if r.Err != "" || len(r.Warnings) > 0 {
						t.Errorf("%+v", r)
					}
				}
				err = cmd.Wait()
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
	if err := cache.BackdateSweep(c); err != nil {
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
