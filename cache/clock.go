package cache

import "time"

// moment is one instant by both clocks a machine has: the wall clock, which people and
// time servers set, and the boot clock, which only runs, through suspend too, and starts
// anew with each boot. BootID is empty where there is no boot clock.
type moment struct {
	Wall   time.Time
	Boot   time.Duration
	BootID string
}

// now reads both clocks. The wall time carries no monotonic reading, which would stand
// still while the machine sleeps.
func now() moment {
	m := moment{Wall: time.Now().Round(0)}
	m.Boot, m.BootID = bootClock()
	return m
}

func (m moment) sameBoot(o moment) bool { return m.BootID != "" && m.BootID == o.BootID }

// elapsed is the time from o to m: the longer of what the two clocks say, so that a clock
// set back makes nothing live longer.
func (m moment) elapsed(o moment) time.Duration {
	d := m.Wall.Sub(o.Wall)
	if m.sameBoot(o) {
		d = max(d, m.Boot-o.Boot)
	}
	return d
}

// before reports whether m is earlier than o, by the boot clock where both have the same.
func (m moment) before(o moment) bool {
	if m.sameBoot(o) {
		return m.Boot < o.Boot
	}
	return m.Wall.Before(o.Wall)
}

// within reports whether m lies between start and end. What claims to be later than end,
// written under a clock that was set back since, does not.
func (m moment) within(start, end moment) bool { return !m.before(start) && !end.before(m) }
