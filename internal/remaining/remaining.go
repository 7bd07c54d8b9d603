// Package remaining is the text of how long something lasts still.
//
// It depends on nothing that takes time to initialise, since direct answers have it, too: see
// package direct.
package remaining

import (
	"strconv"
	"time"
)

// Text is how long something lasts still, in the two units that matter: "3d4h", "11h59m", "4m10s",
// "12s"; of something that has ended, "ended 12s ago".
func Text(d time.Duration) string {
	const day = 24 * time.Hour
	switch d = d.Round(time.Second); {
	case d < 0:
		return "ended " + Text(-d) + " ago"
	case d >= 2*day:
		return number(d/day) + "d" + number(d%day/time.Hour) + "h"
	case d >= time.Hour:
		return number(d/time.Hour) + "h" + twoDigits(d%time.Hour/time.Minute) + "m"
	case d >= time.Minute:
		return number(d/time.Minute) + "m" + twoDigits(d%time.Minute/time.Second) + "s"
	}
	return number(d/time.Second) + "s"
}

func number(n time.Duration) string { return strconv.FormatInt(int64(n), 10) }

func twoDigits(n time.Duration) string {
	if n < 10 {
		return "0" + number(n)
	}
	return number(n)
}
