//go:build !linux || otheros

package record

import "time"

// BootClock is 0 and "": only Linux gives the boot clock and a name for the boot without cgo.
// Elsewhere the wall clock decides alone.
func BootClock() (time.Duration, string) { return 0, "" }
