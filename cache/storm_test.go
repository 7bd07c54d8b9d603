//go:build unix

package cache_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
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
	if testing.Short() {
		t.Skip("long: hundreds of processes")
	}
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
	if testing.Short() {
		t.Skip("long: hundreds of processes")
	}
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

// In the advisory window one of the crowd refreshes and no process waits for it.
func TestCrowdInTheAdvisoryWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hundreds of processes")
	}
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
		want := stamp(k, 1)
		if r.Origin == cache.Kept {
			want = stamp(k, 0)
		}
		if r.Err != "" || r.ID != want {
			t.Fatalf("%+v", r)
		}
	}
	if size(counter) != 1 || count[cache.Fresh] != 1 || count[cache.Kept] < 50 {
		t.Errorf("%v, the source was asked %d times", count, size(counter))
	}
}

// Fifty identities at once: none ever gets another's token.
func TestCrowdOfManyIdentities(t *testing.T) {
	if testing.Short() {
		t.Skip("long: hundreds of processes")
	}
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
	if entries, err := entriesOf(c); err != nil || len(entries) != identities {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}
