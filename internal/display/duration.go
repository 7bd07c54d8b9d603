package display

import (
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

// Wait is d in whole seconds, rounded up, so that a wait is never shown too short.
func Wait(d time.Duration) string {
	return ((d + time.Second - 1) / time.Second * time.Second).String()
}
