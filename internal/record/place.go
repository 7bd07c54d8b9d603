package record

import (
	"errors"
	"os"
	"runtime"
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
	lockExt    = ".lock"
)

// A file of the cache is one line with its format and the SHA-256 of the rest, then the rest: one
// document in the only form this program writes. Package envelope makes and verifies it.
const (
	Magic = "STSH1 "
	// Header is the length of the first line, its end included.
	Header = len(Magic) + 2*32 + 1
	// MaxFile bounds every file of the cache in bytes, the first line included.
	MaxFile = 64 << 10
)

const separator = string(os.PathSeparator)

// LockPath is the file of the lock of a record, or of something else of that name, in the cache in dir.
func LockPath(dir, name string) string { return dir + separator + LockDir + separator + name + lockExt }

var errNoHome = errors.New(homeVariable() + " and XDG_CACHE_HOME name no directory of yours; name one with --cache-dir")

func homeVariable() string {
	if runtime.GOOS == "windows" {
		return "LocalAppData"
	}
	return "HOME"
}

// DefaultDir is the directory of the cache where the settings name none: sts-helper in
// $XDG_CACHE_HOME, else in ~/.cache (macOS: ~/Library/Caches; Windows: %LocalAppData%\cache).
// There is none where the user has no home: a directory that others share would not do. Nor is
// there for root in the home of another user, as under sudo: what root makes there the user
// could not use, and what the user makes there root should not.
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
			home, below = getenv(homeVariable()), `\cache`
		}
		if !absolute(home) || home == "/" {
			return "", errNoHome
		}
		if uid := otherOwner(home); uid != "" {
			return "", errors.New("HOME is " + home + ", which belongs to uid " + uid + ", and nothing is written there as root; use sudo -H, or name a directory with --cache-dir")
		}
		dir = trimRight(home, separator[0]) + below
	} else if uid := otherOwner(dir); uid != "" {
		return "", errors.New("XDG_CACHE_HOME is " + dir + ", which belongs to uid " + uid + ", and nothing is written there as root; unset it, or name a directory with --cache-dir")
	}
	return trimRight(dir, separator[0]) + separator + "sts-helper", nil
}

func absolute(path string) bool {
	if runtime.GOOS == "windows" {
		return len(path) > 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/') || len(path) > 1 && path[:2] == `\\`
	}
	return path != "" && path[0] == '/'
}
