package integration_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// clockBinary is the helper with clocks that tests can move, built when the first test wants it.
var clockBinary = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(scratch, "clock")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return harness.BuildWithClock(dir)
})

// timeMachine is a world whose helper and STS share a clock that the test moves.
type timeMachine struct {
	*world
	clock *harness.Clock
}

func newTimeMachine(t testing.TB) *timeMachine {
	t.Helper()
	w := newWorld(t)
	bin, err := clockBinary()
	must(t, err)
	w.Bin = bin
	clock, err := w.NewClock()
	must(t, err)
	return &timeMachine{w, clock}
}

// at moves every clock to so much after the test's beginning.
func (m *timeMachine) at(t testing.TB, ahead time.Duration) {
	t.Helper()
	must(t, m.clock.Set(ahead))
	m.sts.SetNow(func() time.Time { return time.Now().Add(ahead) })
}
