package display

import (
	"fmt"
	"strings"
	"time"
)

// Duration is d as it would be written in a setting, without the zero parts that
// [time.Duration.String] keeps: "12h", "15m", "1h30m", "90ms".
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// Remaining is how long something lasts still, in the two units that matter: "3d4h", "11h59m", "4m10s",
// "12s"; of something that has ended, "ended 12s ago".
func Remaining(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Round(time.Second); {
	case d < 0:
		return "ended " + Remaining(-d) + " ago"
	case d >= 2*day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}

// Wait is d in whole seconds, rounded up, so that a wait is never shown too short.
func Wait(d time.Duration) string {
	return ((d + time.Second - 1) / time.Second * time.Second).String()
}
