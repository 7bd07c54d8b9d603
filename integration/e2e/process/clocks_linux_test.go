package process_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/record"
)

// machine is a world on a machine with two clocks: the wall clock, which may be off, and the boot
// clock, which runs through suspend and begins anew with each boot.
type machine struct {
	*harness.World
	t      *testing.T
	clock  *harness.Clock
	passed time.Duration // since the beginning, as AWS has it
	off    time.Duration // the wall clock less the right one
	boot   time.Duration // the boot clock less the real one of this machine
	boots  int
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	w := harness.NewWorld(t)
	m := &machine{World: w, t: t, clock: w.Movable(t).Clock}
	return m
}

func (m *machine) set() {
	m.t.Helper()
	passed := m.passed
	harness.Must(m.t, m.clock.SetBoth(passed+m.off, m.boot, m.boots))
	m.STS.SetNow(func() time.Time { return time.Now().Add(passed) })
}

// pass lets time go by, asleep or awake.
func (m *machine) pass(d time.Duration) {
	m.passed, m.boot = m.passed+d, m.boot+d
	m.set()
}

// restart lets time go by while the machine is off, and starts it.
func (m *machine) restart(d time.Duration) {
	m.pass(d)
	now, _ := record.BootClock()
	m.boots, m.boot = m.boots+1, 20*time.Second-now
	m.set()
}

// Two clocks in every combination of ahead, back, suspend and restart, for a session, an MFA session and
// a granted token, which cannot be renewed: nothing that is valid is lost, and nothing that has ended is
// handed out. STS refuses everything after the first call, so that nothing is renewed. (What a restart with a
// clock that is back leaves unknown is in docs/cache.md.)
func TestTwoClocks(t *testing.T) {
	harness.OnlyLinux(t, "a clock that counts from the boot on")
	harness.Long(t, "runs some thousand processes")
	kinds := []struct {
		name  string
		life  time.Duration
		begin func(m *machine) (args []string)
	}{
		{"session", time.Hour, func(m *machine) []string { return []string{"--source-profile", "base", "--duration", "1h"} }},
		{"MFA session", 12 * time.Hour, func(m *machine) []string {
			d := m.STS.AddMFADevice(m.User, "alice")
			args := []string{"--source-profile", "base", "--mfa-serial", d.SerialNumber, "--prompt", "never"}
			m.Creds(m.t, m.Run(m.t, append(args, "--mfa-code", d.Code(m.STS.Now()))...))
			return args
		}},
		{"granted token", 3 * time.Hour, func(m *machine) []string {
			sealed := m.Run(m.t, "grant", "visitor", "--source-profile", "base", "--allow", "ec2:*", "--duration", "3h", "--plain")
			harness.Must(m.t, m.Write("sealed", sealed.Stdout))
			if r := m.Run(m.t, "accept", "--plain", "sealed"); r.Code != 0 {
				m.t.Fatal(r.Stderr)
			}
			return []string{"--granted", "visitor"}
		}},
	}
	for _, kind := range kinds {
		for _, off := range []time.Duration{0, 4 * time.Minute, -4 * time.Minute, time.Hour, -time.Hour, 72 * time.Hour, -72 * time.Hour} {
			for _, asleep := range []time.Duration{0, kind.life / 2} {
				for _, down := range []time.Duration{0, time.Minute, kind.life / 3, 2 * kind.life} {
					t.Run(fmt.Sprintf("%s, clock %v off, suspended %v, switched off %v", kind.name, off, asleep, down), func(t *testing.T) {
						t.Parallel()
						m := newMachine(t)
						m.set()
						args := kind.begin(m)
						issued := time.Now()
						first := m.Creds(t, m.Run(t, args...))
						m.STS.Fault(emulator.Fault{Kind: emulator.Deny})
						records := func() int {
							all, err := filepath.Glob(filepath.Join(m.Cache(), "v*", "*"+record.Ext))
							harness.Must(t, err)
							return len(all)
						}
						kept := records()
						look := func(when string) {
							t.Helper()
							r := m.Run(t, args...)
							left := kind.life - m.passed - time.Since(issued) // less what this test took
							valid, ended := left > record.Floor+time.Minute/2, left <= 0
							out := r.Code == 0
							if out && m.Parse(t, r.Stdout).AccessKeyId != first.AccessKeyId {
								t.Fatalf("%s: another token", when)
							}
							switch rebooted := m.boots > 0; {
							case valid && m.off == 0 && !out:
								t.Errorf("%s: lost, though the clock is right: %s", when, r.Stderr)
							case valid && m.off < 0 && !rebooted && !out:
								t.Errorf("%s: lost, though the boot clock proves it good: %s", when, r.Stderr)
							case ended && out && (m.off >= 0 || !rebooted):
								t.Errorf("%s: handed out after its end", when)
							case rebooted && out && m.passed+m.off < -6*time.Minute:
								t.Errorf("%s: handed out, though it is from the future", when)
							case !ended && records() < kept:
								t.Errorf("%s: %d records of %d are left", when, records(), kept)
							}
						}
						both := func(when string) {
							t.Helper()
							look(when)
							if m.off != 0 {
								wrong := m.off
								m.off = 0
								m.set()
								look(when + ", clock set right")
								m.off = wrong
								m.set()
							}
						}
						m.pass(time.Minute)
						m.off = off
						m.set()
						both("clock set")
						m.pass(asleep)
						both("after suspend")
						if down > 0 {
							m.restart(down)
							both("after the restart")
						}
						m.pass(kind.life)
						both("after the end")
					})
				}
			}
		}
	}
}
