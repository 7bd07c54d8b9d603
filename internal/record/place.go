package record

import (
	"errors"
	"os"
	"runtime"
	"strings"
)

// The layout below the cache's directory. Records of another format live in another versioned
// folder, so that an older and a newer program never undo each other's work; locks are shared
// by all versions.
const (
	VersionDir = "v1"
	LockDir    = "locks"
	Ext        = ".cred"   // a record, behind the name of its key
	StateExt   = ".state"  // what is known about refreshing it
	DirectExt  = ".direct" // what package direct notes of an answer
	LockExt    = ".lock"
)

const separator = string(os.PathSeparator)

var errNoHome = errors.New("HOME and XDG_CACHE_HOME name no directory of yours; name one with --cache-dir")

// DefaultDir is the directory of the cache where the settings name none: sts-helper in
// $XDG_CACHE_HOME, else in ~/.cache (macOS: ~/Library/Caches; Windows: %LocalAppData%\cache).
// There is none where the user has no home: a directory that others share would not do.
//
// Names are put together by hand, since path/filepath is initialised after the SDK's first
// packages.
func DefaultDir(getenv func(string) string) (string, error) {
	dir := getenv("XDG_CACHE_HOME")
	if !absolute(dir) {
		home, below := getenv("HOME"), "/.cache"
		switch runtime.GOOS {
		case "darwin", "ios":
			below = "/Library/Caches"
		case "windows":
			home, below = getenv("LocalAppData"), `\cache`
		}
		if !absolute(home) || home == "/" {
			return "", errNoHome
		}
		dir = strings.TrimRight(home, separator) + below
	}
	return strings.TrimRight(dir, separator) + separator + "sts-helper", nil
}

func absolute(path string) bool {
	if runtime.GOOS == "windows" {
		return len(path) > 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') || strings.HasPrefix(path, `\\`)
	}
	return strings.HasPrefix(path, "/")
}
