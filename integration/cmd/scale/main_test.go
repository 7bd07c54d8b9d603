package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// A fleet that is refused gets all its credentials, also from an STS that counts what it refuses: there a back-off that
// does not grow never ends. Of the policies the product's has the fewest calls refused.
func TestFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("long: simulates six fleets")
	}
	fleet := world{hosts: 10_000, within: 5 * time.Second, rate: 600}
	costly := fleet
	costly.costly = true
	const product = 2
	ours := run(fleet, policies[product], 1)
	if ours.all > time.Minute {
		t.Errorf("all have credentials after %v", ours.all)
	}
	for _, p := range policies[:product] {
		if res := run(fleet, p, 1); ours.refused >= res.refused {
			t.Errorf("%d calls refused, and %d where a host %s", ours.refused, res.refused, p.name)
		}
		if res := run(costly, p, 1); res.all < forever {
			t.Errorf("a host %s: %+v; the page says that it never ends", p.name, res)
		}
	}
	if res := run(costly, policies[product], 1); res.all > 4*time.Minute {
		t.Errorf("where refused calls count: %+v", res)
	}
	fleet.jitter = 30 * time.Second
	if res := run(fleet, policies[product], 1); res.refused > 0 {
		t.Errorf("with a random start: %+v", res)
	}
}

// Nothing is refused below the rate, and a fleet takes as long as its bucket has to.
func TestBucket(t *testing.T) {
	for hosts, want := range map[int]time.Duration{100: 0, 600: 0, 6000: 9 * time.Second} {
		res := run(world{hosts: hosts, rate: 600}, policies[0], 1)
		if hosts <= 600 && res.refused > 0 || res.all < want || res.all > want+time.Second {
			t.Errorf("%d hosts: %+v, want all after %v", hosts, res, want)
		}
	}
}

// The page has what "make scale" writes today.
func TestPage(t *testing.T) {
	if testing.Short() {
		t.Skip("long: simulates twelve fleets")
	}
	page, err := os.ReadFile("../../../docs/scale.md")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	table(&b)
	if !strings.Contains(string(page), begin+b.String()+end) {
		t.Errorf("docs/scale.md has another table than \"make scale\" writes:\n%s", b.String())
	}
}
