//go:build unix && !darwin

package keystore

import (
	"os"
	"runtime"
	"strconv"
)

const systemName = "the Secret Service"

// noSystemStore says why there can be no Secret Service, "" where there may be one: without a session bus the library
// would start one of its own.
func noSystemStore(getenv func(string) string) string {
	if runtime.GOOS == "freebsd" || runtime.GOOS == "dragonfly" {
		return "the library for it takes cgo on " + runtime.GOOS // which this program is built without
	}
	if getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return ""
	}
	if _, err := os.Stat("/run/user/" + strconv.Itoa(os.Getuid()) + "/bus"); err == nil {
		return ""
	}
	return "there is no D-Bus session (DBUS_SESSION_BUS_ADDRESS is not set)"
}
