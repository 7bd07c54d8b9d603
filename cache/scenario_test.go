package cache_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
)

// What AWS's SDKs agreed on in 2026 about refreshing credentials, rewritten for processes
// that share a directory: each step is a process of its own, and between them time is made
// to pass on disk. Where this package does otherwise the scenario says how, and why.
type scenario struct {
	name    string
	left    time.Duration // of the 6-hour token that is there at first; 0 where there is none
	steps   []step
	differs string
}

// step is one process that wants the token.
type step struct {
	after  time.Duration // time that passes before
	refuse int           // the number of the token that is invalidated before, plus one
	source string        // what the source does: "" gives a token, "passing", "final" and "stale" do not
	life   time.Duration // of the token it gives; 6 hours where 0

	asked  bool          // the source is asked
	gives  int           // the number of the token that comes out, plus one; 0 for an error
	window time.Duration // the advisory window of what is on disk then, before its jitter
}

const (
	old = 1 // the token that is there at first
	six = 6 * time.Hour
	adv = 50 * time.Minute // in the advisory window of six hours
	man = 30 * time.Second // in the mandatory one
)

var scenarios = []scenario{
	{name: "valid: STS is not asked", left: 5 * time.Hour, steps: []step{
		{gives: old},
	}},
	{name: "advisory, refreshed", left: adv, steps: []step{
		{asked: true, gives: 2},
		{gives: 2},
	}},
	{name: "advisory, the source fails: the old token, and a back-off", left: adv, steps: []step{
		{source: "passing", asked: true, gives: old},
		{gives: old},
	}},
	{name: "mandatory, refreshed", left: man, steps: []step{
		{asked: true, gives: 2},
	}},
	{name: "mandatory, the source fails: the old token, and a back-off", left: man, steps: []step{
		{source: "passing", asked: true, gives: old},
		{gives: old},
	}},
	{name: "over, refreshed", left: -time.Hour, steps: []step{
		{asked: true, gives: 2},
	}},
	{name: "over, the source fails", left: -time.Hour, steps: []step{
		{source: "passing", asked: true},
	}, differs: "SDKs hand out what has expired and let the service refuse it; who reads a process's answer may not look at its end, so here it is an error"},
	{name: "nothing there, the source fails once", steps: []step{
		{source: "passing", asked: true},
		{},
		{after: cache.FailureHeldPassing, asked: true, gives: 3},
	}, differs: "SDKs ask again at once; here other processes get the same failure for 2 s, or 500 of them would ask"},
	{name: "advisory, the answer has expired already: a failure", left: adv, steps: []step{
		{source: "stale", asked: true, gives: old},
		{gives: old},
	}},
	{name: "mandatory, the answer has expired already: a failure", left: man, steps: []step{
		{source: "stale", asked: true, gives: old},
		{gives: old},
	}},
	{name: "10 minutes of life", steps: []step{
		{life: 10 * time.Minute, asked: true, gives: 2, window: 200 * time.Second},
	}, differs: "SDKs take 5 minutes; a third of the life at most, here"},
	{name: "20.5 minutes of life", steps: []step{
		{life: 1230 * time.Second, asked: true, gives: 2, window: 15 * time.Minute},
	}},
	{name: "6 hours of life", steps: []step{
		{asked: true, gives: 2, window: time.Hour},
	}},
	{name: "the window follows the life of the newest token", steps: []step{
		{asked: true, gives: 2, window: time.Hour},
		{after: six - 61*time.Minute, gives: 2, window: time.Hour},
		{after: 8 * time.Minute, life: 10 * time.Minute, asked: true, gives: 3, window: 200 * time.Second},
	}},
	{name: "a window of one's own", steps: []step{
		{asked: true, gives: 2, window: time.Hour},
	}, differs: "SDKs let the user choose the window; here it follows from the life alone, since all who share the record must agree on it"},
	{name: "advisory, the source says no for good", left: adv, steps: []step{
		{source: "final", asked: true, gives: old},
		{gives: old},
		{after: 451 * time.Second, asked: true, gives: 3},
	}, differs: "SDKs raise at once and ask again at the next call; here what is valid is handed out with a warning, and no process asks until the back-off ends"},
	{name: "mandatory, the source says no for good", left: man, steps: []step{
		{source: "final", asked: true, gives: old},
		{after: 21 * time.Second, asked: true, gives: 3},
	}, differs: "as in the advisory window"},
	{name: "invalidated, refreshed", left: 5 * time.Hour, steps: []step{
		{refuse: old, asked: true, gives: 2},
	}},
	{name: "invalidated, the source fails", left: 5 * time.Hour, steps: []step{
		{refuse: old, source: "passing", asked: true},
	}, differs: "SDKs go on with the credentials that were refused; here they are gone"},
	{name: "invalidated during a back-off, which stays", left: adv, steps: []step{
		{source: "passing", asked: true, gives: old},
		{after: time.Minute, refuse: old},
		{after: 451 * time.Second, asked: true, gives: 3},
	}, differs: "SDKs go on with the credentials that were refused; here it is an error until the back-off ends"},
	{name: "invalidated by the id of an older token", left: 5 * time.Hour, steps: []step{
		{refuse: 7, gives: old},
	}},
	{name: "a back-off holds until it ends", left: adv, steps: []step{
		{source: "passing", asked: true, gives: old},
		{after: 2 * time.Minute, gives: old},
		{after: 331 * time.Second, asked: true, gives: 3},
	}},
	{name: "nothing there, the source says no for good", steps: []step{
		{source: "final", asked: true},
		{},
		{after: cache.FailureHeldFinal, asked: true, gives: 3},
	}, differs: "SDKs ask again at once; here the answer holds for 4 s"},
	{name: "invalidating one identity leaves the others", left: 5 * time.Hour, steps: []step{
		{refuse: old, asked: true, gives: 2},
		{gives: 2},
	}},
}

func TestScenarios(t *testing.T) {
	if len(scenarios) != 24 {
		t.Errorf("%d scenarios, want 24", len(scenarios))
	}
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) { sc.play(t) })
	}
}

func (sc scenario) play(t *testing.T) {
	c, k, other := open(t), key("dev"), key("other")
	counter := filepath.Join(t.TempDir(), "counter")
	for _, k := range []cache.Key{k, other} {
		if sc.left == 0 {
			break
		}
		if err := cache.StoreAged(c, k, tok(k, 0, sc.left), six-sc.left); err != nil {
			t.Fatal(err)
		}
	}
	for i, st := range sc.steps {
		if err := cache.Age(c, k, st.after); err != nil {
			t.Fatal(err)
		}
		j := job{Dir: c.Path(), Who: "dev", Counter: counter, Fail: st.source, Life: st.life}
		if j.Life == 0 {
			j.Life = six
		}
		if st.refuse > 0 {
			j.Refuse = stamp(k, st.refuse-1)
		}
		before := size(counter)
		r := j.one(t)
		if asked := size(counter) - before; asked != 0 && !st.asked || asked != 1 && st.asked {
			t.Errorf("step %d: the source was asked %d times: %+v", i+1, asked, r)
		}
		switch {
		case st.gives == 0 && (r.Err == "" || r.ID != ""):
			t.Errorf("step %d: %+v, want an error", i+1, r)
		case st.gives > 0 && (r.Err != "" || r.ID != stamp(k, st.gives-1)):
			t.Errorf("step %d: %+v, want %s", i+1, r, stamp(k, st.gives-1))
		case st.gives > 0 && r.Left <= cache.HardFloor:
			t.Errorf("step %d: handed out with %v left", i+1, r.Left)
		}
		if st.window > 0 {
			rec, err := c.Load(k)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Advisory > st.window || rec.Advisory < st.window*9/10-time.Second {
				t.Errorf("step %d: a window of %v, want %v", i+1, rec.Advisory, st.window)
			}
		}
	}
	if rec, err := c.Load(other); sc.left != 0 && (err != nil || rec.Token.Credentials.AccessKeyID != stamp(other, 0)) {
		t.Errorf("another identity's record: %v", err)
	}
}
