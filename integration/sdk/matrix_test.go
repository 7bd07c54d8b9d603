package sdk_test

import (
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

type state int

const (
	absent state = iota // no such cell: the row has no part in it
	good
	partly // it does what it should, but shows its user less than one would like; see the note
	cannot // this SDK has no such thing; see the note
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
	lives            bool // a client that lives on: the AWS CLI does not
}

func columns() []column {
	const process, container, imds, long = "credential_process", "container credentials", "IMDSv2", "one client for long"
	const variables, center, login, large = "variables", "from IAM Identity Center", "from aws login", "session token of 4,096 bytes"
	return []column{
		{"cold", process, "cold", false},
		{"warm", process, "warm", false},
		{"due", process, "refreshed near its end", false},
		{"down", process, "expired, STS down", false},
		{"error", process, "helper fails", false},
		{"human", process, "a human is needed", false},
		{"asked", process, "MFA code asked on the terminal", false},
		{"federated", process, "federated user", false},
		{"role", process, "role", false},
		{"granted", process, "granted", false},
		{"stdin", process, "no stdin", false},
		{"pipe", process, "silent stdin", false},
		{"terminal", process, "on a terminal", false},
		{"tokenfile", container, "token file", false},
		{"token", container, "token in a variable", false},
		{"wrongtoken", container, "wrong token", false},
		{"away", container, "endpoint away", false},
		{"relative", container, "at 169.254.170.2, no token", false},
		{"crefreshed", container, "refreshed in a living client", true},
		{"imds", imds, "default chain", false},
		{"slash", imds, "endpoint with a final slash", false},
		{"address", imds, "at 169.254.169.254", false},
		{"region", imds, "region found", false},
		{"v1off", imds, "v1 disabled", false},
		{"restarted", imds, "endpoint restarted", true},
		{"irefreshed", imds, "refreshed in a living client", true},
		{"suspended", imds, "suspended and resumed", true},
		{"exec", variables, "by sts-helper exec", false},
		{"corp-process", center, process, false},
		{"corp-container", center, container, false},
		{"corp-imds", center, imds, false},
		{"console-process", login, process, false},
		{"console-container", login, container, false},
		{"console-imds", login, imds, false},
		{"large-process", large, process, false},
		{"large-container", large, container, false},
		{"large-imds", large, imds, false},
		{"16min", long, "50 requests, 16 min left", true},
		{"14min", long, "50 requests, 14 min left", true},
		{"across", long, "50 requests after the end", true},
		{"short", long, "50 requests, 15 min session", true},
		{"twohours", long, "two hours of 15 min sessions", true},
	}
}

// ways are the columns of which every client has a part: the ways to credentials.
var ways = []string{"cold", "warm", "human", "tokenfile", "token", "relative", "imds", "address", "exec"}

// columns are those in which the row has a part.
func (r *row) columns() (all []column) {
	for _, c := range columns() {
		if r.brief && !slices.Contains(ways, c.id) || r.cli && c.lives {
			continue
		}
		all = append(all, c)
	}
	return all
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
	if !ok && !r.brief { // the steps of a story follow from each other, the ways do not
		t.FailNow()
	}
}

// A machine has few cores, and clients have time limits: not all rows at once.
var slots = make(chan struct{}, 2)

func TestConformance(t *testing.T) {
	inside(t)
	for _, r := range append(rows(), clients()...) {
		results.rows = append(results.rows, r)
		t.Run(r.id, func(t *testing.T) {
			if r.long && !withLong() {
				t.Skip("not run: it is in the nightly lane (make conformance-long)")
			}
			if what := r.missing(); what != "" {
				if os.Getenv("CI") != "" {
					t.Fatalf("%s is not installed: make sdk-tools", what)
				}
				for _, c := range r.columns() {
					put(r, c.id, cell{State: notRun, Note: what + " is not installed"})
				}
				t.Skipf("not run: %s is not installed (make sdk-tools)", what)
			}
			for _, story := range r.stories() {
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

func (r *row) stories() []story {
	if r.brief {
		return []story{
			{"ways", waysStory},
			{"variables", execStory},
			{"port", portStory},
			{"builtin", builtInStory},
		}
	}
	return []story{
		{"shared", sharedStory},
		{"ageing", ageingStory},
		{"failing", failingStory},
		{"asked", askedStory},
		{"kinds", kindsStory},
		{"endpoint", endpointStory},
		{"address", addressStory},
		{"relative", relativeStory},
		{"variables", execStory},
		{"client", clientStory},
		{"corp", corpStory},
		{"console", consoleStory},
		{"large", largeStory},
		{"long", longStory},
		{"short", shortStory},
		{"twohours", twoHoursStory},
	}
}
