package record

import "time"

// Moment is one instant by both clocks a machine has: the wall clock, which people and time
// servers set, and the boot clock, which only runs, through suspend too, and starts anew with
// each boot. BootID names the boot; it is empty where there is no boot clock.
type Moment struct {
	Wall   time.Time
	Boot   time.Duration
	BootID string
}

// Now reads both clocks. The wall time carries no monotonic reading, which would stop while
// the machine sleeps.
func Now() Moment {
	m := Moment{Wall: time.Now().Round(0)}
	m.Boot, m.BootID = BootClock()
	return m
}

// SameBoot reports whether the boot clocks of m and o can be compared.
func (m Moment) SameBoot(o Moment) bool { return m.BootID != "" && m.BootID == o.BootID }

// Since is the time from o to m: the longer of what the two clocks say, so that a clock set
// back makes nothing live longer.
func (m Moment) Since(o Moment) time.Duration {
	d := m.Wall.Sub(o.Wall)
	if m.SameBoot(o) {
		d = max(d, m.Boot-o.Boot)
	}
	return d
}

// Before reports whether m is earlier than o, by the boot clock where both have the same.
func (m Moment) Before(o Moment) bool {
	if m.SameBoot(o) {
		return m.Boot < o.Boot
	}
	return m.Wall.Before(o.Wall)
}

// Within reports whether m lies between start and end. What claims to be later than end,
// written under a clock that was set back since, does not.
func (m Moment) Within(start, end Moment) bool { return !m.Before(start) && !end.Before(m) }
