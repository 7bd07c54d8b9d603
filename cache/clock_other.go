//go:build !linux

package cache

import "time"

// Only Linux gives the boot clock and a name for the boot without cgo; elsewhere the wall
// clock decides alone.
func bootClock() (time.Duration, string) { return 0, "" }
