// Command scale reckons how a fleet of hosts fares that all start without credentials while STS takes only so many
// calls a second. "make scale" writes its table into docs/scale.md.
//
// It is a model: time passes in it only as events do, and no call is made. What a host does after it was refused is the
// product's own policy, by the product's own numbers: the pause within a call (package sts) and how long the failure is
// held for every program of the host (internal/record).
package main

import (
	"container/heap"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/sts"
)

// world is what the fleet meets.
type world struct {
	hosts  int
	within time.Duration // the hosts start within this time
	jitter time.Duration // and wait for up to this before they ask
	rate   float64       // calls a second that STS takes, and takes at once after a quiet second
	costly bool          // a refused call uses up what a call that is taken does
}

// policy is what a host does.
type policy struct {
	name string
	// next is how long after a refusal the host asks again: pauses within the call, then what is held between calls.
	// refused is how many of its calls were refused so far, this one included, and held what was held before.
	next func(r *rand.Rand, refused int, held time.Duration) (pause, hold time.Duration)
}

// poll is how often programs ask the helper again while they have no credentials. The server does it a little
// oftener, from 0.25 s to 2 s; what is held is answered without a call.
const poll = time.Second

func upTo(r *rand.Rand, d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(r.Int64N(int64(d)))
}

// withinCall is the pause before the second attempt of one call, and whether there is one.
func withinCall(r *rand.Rand, refused int) (time.Duration, bool) {
	return sts.BusyPause + upTo(r, sts.BusyPause), refused%sts.MaxAttempts != 0
}

var policies = []policy{
	{"asks again every second", func(*rand.Rand, int, time.Duration) (time.Duration, time.Duration) { return poll, 0 }},
	{"is left alone for the same time, each time", func(r *rand.Rand, refused int, _ time.Duration) (time.Duration, time.Duration) {
		if pause, again := withinCall(r, refused); again {
			return pause, 0
		}
		return record.FailureHeldPassing + upTo(r, poll), record.FailureHeldPassing
	}},
	{"is left alone for longer, each time: sts-helper", func(r *rand.Rand, refused int, held time.Duration) (time.Duration, time.Duration) {
		if pause, again := withinCall(r, refused); again {
			return pause, held
		}
		hold := record.ThrottledHoldBy(held, func(d time.Duration) time.Duration { return upTo(r, d) })
		return hold + upTo(r, poll), hold
	}},
}

// result is how it went.
type result struct {
	most, all time.Duration // until 99.9 % of the hosts have credentials, and all
	refused   int
	peak      int // calls in the worst second
}

type event struct {
	at      time.Duration
	refused int
	held    time.Duration
}

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)        { *e = append(*e, x.(event)) }
func (e *events) Pop() any          { old := *e; x := old[len(old)-1]; *e = old[:len(old)-1]; return x }

// forever is when a fleet is given up.
const forever = 10 * time.Minute

// run lets the fleet start; with the same seed as it did before.
func run(w world, p policy, seed uint64) (res result) {
	r := rand.New(rand.NewPCG(seed, 0)) // a model, no secret
	var queue events
	for range w.hosts {
		queue = append(queue, event{at: upTo(r, w.within) + upTo(r, w.jitter)})
	}
	heap.Init(&queue)
	tokens, last, done := w.rate, time.Duration(0), 0
	calls := map[time.Duration]int{}
	for queue.Len() > 0 {
		e := heap.Pop(&queue).(event)
		if e.at > forever {
			res.most, res.all = max(res.most, forever), forever
			break
		}
		tokens = min(w.rate, tokens+(e.at-last).Seconds()*w.rate)
		last = e.at
		calls[e.at/time.Second]++
		res.peak = max(res.peak, calls[e.at/time.Second])
		if tokens >= 1 {
			tokens--
			done++
			if done == w.hosts-w.hosts/1000 {
				res.most = e.at
			}
			res.all = e.at
			continue
		}
		if w.costly {
			tokens = max(tokens-1, -w.rate)
		}
		res.refused++
		e.refused++
		var wait time.Duration
		wait, e.held = p.next(r, e.refused, e.held)
		e.at += wait
		heap.Push(&queue, e)
	}
	return res
}

const (
	begin = "<!-- begin: make scale -->\n"
	end   = "<!-- end -->"
)

// table is what docs/scale.md has.
func table(w io.Writer) {
	fmt.Fprint(w, "| a host that was refused | waits before its first call | STS counts refused calls | 99.9 % have credentials after | all after | calls refused | calls in the worst second |\n|---|---|---|---|---|---|---|\n")
	for _, costly := range []bool{false, true} {
		for _, jitter := range []time.Duration{0, 30 * time.Second} {
			for _, p := range policies {
				res := run(world{hosts: 10_000, within: 5 * time.Second, jitter: jitter, rate: 600, costly: costly}, p, 1)
				first, counts := "no", "no"
				if jitter > 0 {
					first = fmt.Sprintf("up to %.0f s", jitter.Seconds())
				}
				if costly {
					counts = "yes"
				}
				fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %d | %d |\n", p.name, first, counts, after(res.most), after(res.all), res.refused, res.peak)
			}
		}
	}
}

func after(d time.Duration) string {
	if d >= forever {
		return "not in 10 minutes"
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

func main() {
	page := flag.String("docs", "", "write the table into this `file`, between its marks")
	flag.Parse()
	var b strings.Builder
	table(&b)
	if *page == "" {
		fmt.Print(b.String())
		return
	}
	text, err := os.ReadFile(*page)
	if err == nil {
		marked := regexp.MustCompile("(?s)" + begin + ".*" + end)
		err = os.WriteFile(*page, marked.ReplaceAllLiteral(text, []byte(begin+b.String()+end)), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}
