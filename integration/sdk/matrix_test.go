package sdk_test

import (
	"os"
	"sync"
	"testing"
	"time"
)

type state int

const (
	absent state = iota // no such cell: the row has no part in it
	good
	cannot // as it should be, though less than one would like; the note says why
	notRun
	failed
)

// cell is one SDK in one situation.
type cell struct {
	State       state
	Note        string
	Helper, STS int // how often the helper was run and STS asked for credentials
	Wall        time.Duration
}

// column is one situation.
type column struct {
	id, group, title string
}

func columns() []column {
	const process, container, imds, long = "credential_process", "container credentials", "IMDSv2", "one client for long"
	return []column{
		{"cold", process, "cold"},
		{"warm", process, "warm"},
		{"due", process, "refreshed near its end"},
		{"down", process, "expired, STS down"},
		{"error", process, "helper fails"},
		{"human", process, "a human is needed"},
		{"asked", process, "MFA code asked on the terminal"},
		{"federated", process, "federated user"},
		{"role", process, "role"},
		{"granted", process, "granted"},
		{"stdin", process, "no stdin"},
		{"pipe", process, "silent stdin"},
		{"terminal", process, "on a terminal"},
		{"tokenfile", container, "token file"},
		{"token", container, "token in a variable"},
		{"wrongtoken", container, "wrong token"},
		{"away", container, "endpoint away"},
		{"crefreshed", container, "refreshed in a living client"},
		{"imds", imds, "default chain"},
		{"slash", imds, "endpoint with a final slash"},
		{"address", imds, "at 169.254.169.254"},
		{"region", imds, "region found"},
		{"v1off", imds, "v1 disabled"},
		{"restarted", imds, "endpoint restarted"},
		{"irefreshed", imds, "refreshed in a living client"},
		{"suspended", imds, "suspended and resumed"},
		{"16min", long, "50 requests, 16 min left"},
		{"14min", long, "50 requests, 14 min left"},
		{"across", long, "50 requests after the end"},
		{"short", long, "50 requests, 15 min session"},
		{"twohours", long, "two hours of 15 min sessions"},
	}
}

var results = struct {
	sync.Mutex
	cells map[[2]string]cell
	rows  []*row // those that had their turn
}{cells: map[[2]string]cell{}}

func put(r *row, column string, c cell) {
	results.Lock()
	defer results.Unlock()
	results.cells[[2]string{r.id, column}] = c
}

// step is one cell of the matrix as a subtest.
func step(t *testing.T, r *row, column string, f func(t *testing.T) cell) {
	t.Helper()
	ok := t.Run(column, func(t *testing.T) {
		c := cell{State: failed}
		defer func() {
			if t.Failed() {
				c.State = failed
			}
			put(r, column, c)
		}()
		c = f(t)
		if why := r.cannot[column]; why != "" && c.State == good {
			c.State, c.Note = cannot, why
		}
	})
	if !ok {
		t.FailNow()
	}
}

// A machine has few cores, and clients have time limits: not all rows at once.
var slots = make(chan struct{}, 2)

func TestConformance(t *testing.T) {
	for _, r := range rows() {
		results.rows = append(results.rows, r)
		t.Run(r.id, func(t *testing.T) {
			if what := r.missing(); what != "" {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s is not installed: make sdk-tools", what)
				}
				for _, c := range columns() {
					put(r, c.id, cell{State: notRun, Note: what + " is not installed"})
				}
				t.Skipf("not run: %s is not installed (make sdk-tools)", what)
			}
			for _, story := range stories() {
				t.Run(story.name, func(t *testing.T) {
					t.Parallel()
					slots <- struct{}{}
					defer func() { <-slots }()
					story.run(t, r)
				})
			}
		})
	}
}

// story is a sequence of cells that happen in one world.
type story struct {
	name string
	run  func(t *testing.T, r *row)
}

func stories() []story {
	return []story{
		{"shared", sharedStory},
		{"ageing", ageingStory},
		{"failing", failingStory},
		{"asked", askedStory},
		{"kinds", kindsStory},
		{"endpoint", endpointStory},
		{"address", addressStory},
		{"client", clientStory},
		{"long", longStory},
		{"short", shortStory},
		{"twohours", twoHoursStory},
	}
}
