package record

import (
	"fmt"
	"testing"
	"time"
)

// machine is a model of a machine with two clocks, one of which can be set.
type machine struct {
	real time.Time     // the time as AWS has it
	off  time.Duration // the wall clock less that
	boot time.Duration
	id   int
}

func (m *machine) now() Moment {
	return Moment{m.real.Add(m.off), m.boot, fmt.Sprint("boot ", m.id)}
}

// pass lets time go by. The boot clock runs through suspend as well.
func (m *machine) pass(d time.Duration) { m.real, m.boot = m.real.Add(d), m.boot+d }

// reboot lets time go by while the machine is off.
func (m *machine) reboot(d time.Duration) {
	m.pass(d)
	m.id, m.boot = m.id+1, 20*time.Second
}

// Two clocks in every combination of ahead, back, suspend and reboot, for what a token is kept
// as: nothing that is valid is lost, and nothing that has ended is handed out.
//
// One thing cannot be known: after a reboot with a wall clock that is back, how long ago a token
// was issued. The wall clock is believed then, as everything on the machine does, and AWS
// refuses what has ended.
func TestTwoClocks(t *testing.T) {
	for kind, life := range map[string]time.Duration{"token": time.Hour, "MFA session": 12 * time.Hour, "granted token": 36 * time.Hour} {
		for _, off := range []time.Duration{0, time.Minute, 4 * time.Minute, time.Hour, 72 * time.Hour, 20 * 365 * 24 * time.Hour} {
			for _, sign := range []time.Duration{1, -1} {
				for _, asleep := range []time.Duration{0, life / 2, 2 * life} {
					for _, down := range []time.Duration{0, time.Minute, life / 3, 2 * life} {
						off := off * sign
						t.Run(fmt.Sprintf("%s, clock %v off, suspended %v, switched off %v", kind, off, asleep, down), func(t *testing.T) {
							m := &machine{real: issued, boot: 5 * time.Hour}
							r := Record{Issued: m.now(), Expires: issued.Add(life)}
							look := func(when string, m machine) {
								t.Helper()
								at := m.now()
								out := r.Remaining(at) > Floor && !r.FromFuture(at)
								valid, ended := r.Expires.Sub(m.real) > Floor, !m.real.Before(r.Expires)
								rebooted := m.id > 0
								switch {
								case valid && m.off == 0 && !out:
									t.Errorf("%s: lost, though the clock is right", when)
								case valid && m.off < 0 && !rebooted && !out:
									t.Errorf("%s: lost, though the boot clock proves it good", when)
								case ended && out && (m.off >= 0 || !rebooted):
									t.Errorf("%s: handed out after its end", when)
								case !ended && r.Ended(at):
									t.Errorf("%s: swept before its end", when)
								}
							}
							both := func(when string) {
								t.Helper()
								look(when, *m)
								right := *m
								right.off = 0
								look(when+", clock set right", right)
							}
							m.pass(time.Minute)
							both("a minute later")
							m.off = off
							both("clock set")
							m.pass(asleep)
							both("after suspend")
							if down > 0 {
								m.reboot(down)
								both("after the reboot")
							}
							m.pass(life - time.Minute)
							both("later")
							m.pass(time.Minute + 1)
							both("after the end")
							if m.off = 0; m.boot > life && !r.Ended(m.now()) {
								t.Error("never swept")
							}
						})
					}
				}
			}
		}
	}
}

// A boot clock that runs behind the record's, as in another time namespace, proves nothing.
func TestBootClockBehindTheRecord(t *testing.T) {
	r := Record{Issued: Moment{issued, 5 * time.Hour, "b"}, Expires: issued.Add(time.Hour)}
	if at := (Moment{issued.Add(-time.Hour), 4 * time.Hour, "b"}); !r.FromFuture(at) {
		t.Error("believed")
	}
	if at := (Moment{issued.Add(time.Minute), 4 * time.Hour, "b"}); r.Ended(at) || r.FromFuture(at) || r.Remaining(at) != 59*time.Minute {
		t.Error("not by the wall clock")
	}
}
