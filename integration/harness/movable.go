package harness

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// MovableWorld is a world whose helper and STS share a clock that the test moves.
type MovableWorld struct {
	*World
	Clock *Clock
	ahead time.Duration
}

// NewMovableWorld starts a world at the real time.
func NewMovableWorld(t testing.TB) *MovableWorld {
	t.Helper()
	return NewWorld(t).Movable(t)
}

// Movable gives the world clocks that the test moves.
func (w *World) Movable(t testing.TB) *MovableWorld {
	t.Helper()
	w.Bin = ClockBinary(t)
	clock, err := w.NewClock()
	Must(t, err)
	return &MovableWorld{World: w, Clock: clock}
}

// At moves every clock to so much after the test's beginning.
func (m *MovableWorld) At(t testing.TB, ahead time.Duration) {
	t.Helper()
	m.ahead = ahead
	Must(t, m.Clock.Set(ahead))
	m.STS.SetNow(func() time.Time { return time.Now().Add(ahead) })
}

// NextStep moves every clock to the next code of an MFA device.
func (m *MovableWorld) NextStep(t testing.TB) {
	t.Helper()
	m.At(t, m.ahead+30*time.Second)
}

// AwaitNextCode moves the clock on where a question waits for a device's next code, and waits
// until the code is asked for.
func AwaitNextCode(tt *Terminal, m *MovableWorld) {
	tt.t.Helper()
	Await(tt.t, "a question", func() bool {
		return strings.Contains(tt.Screen(), "please wait") || strings.Contains(tt.Screen(), Prompt)
	})
	if strings.Contains(tt.Screen(), "please wait") { // else the next code is there already
		m.NextStep(tt.t)
	}
	tt.Await(Prompt, 1)
}

// Outages is every way in which the emulator's STS can be down or wrong, with the class of
// the error a user sees when there is nothing valid left.
func Outages() map[emulator.Kind]int {
	all := map[emulator.Kind]int{}
	for _, k := range emulator.Kinds() {
		all[k] = ExitUnreachable
	}
	all[emulator.Deny] = ExitDenied
	all[emulator.Refuse] = ExitDenied
	delete(all, emulator.Delay)       // an answer that is only late is an answer
	delete(all, emulator.LongTermKey) // emulators of STS give such ids, with a session token, and mean it
	delete(all, emulator.SlowDrip)    // see TestSlowAnswers
	return all
}

// Break makes STS fail in one way, and in no other.
func (m *MovableWorld) Break(kind emulator.Kind) {
	m.STS.ClearFaults()
	f := emulator.Fault{Kind: kind}
	switch kind {
	case emulator.Refuse:
		f.Code, f.Message, f.Status = "RegionDisabledException", "STS is not activated in this region for account:"+Account, 403
	case emulator.Redirect:
		f.Location = m.STS.URL() + "/elsewhere"
	}
	m.STS.Fault(f)
}

// Moments in the life of a one-hour token, which is due for a refresh 20 minutes before its end (less a tenth at most), and
// has to be refreshed in its last minute.
const (
	Fresh     = 30 * time.Minute
	Due       = 45 * time.Minute
	Pressing  = 59*time.Minute + 2*time.Second
	AtTheEnd  = 59*time.Minute + 55*time.Second
	Afterward = 61 * time.Minute
)

// StillServes reports whether a token has more life left than what it is handed out with, ten seconds. On a very
// busy machine it can end between two lines of a test.
func (m *MovableWorld) StillServes(accessKeyID string) bool {
	id, ok := m.STS.Lookup(accessKeyID)
	return ok && id.Expiration.Sub(m.STS.Now()) > 10*time.Second
}
