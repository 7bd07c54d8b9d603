package settings

import (
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// CacheDir is the directory of the cache: the one named, else sts-helper in the user's own
// directory for caches, see [record.DefaultDir].
func CacheDir(named string, env Environment) (string, error) {
	if named != "" {
		return named, nil
	}
	return record.DefaultDir(env.Getenv)
}

// SpareDir is where the cache is kept while its own directory cannot be used, "" for nowhere:
// below $XDG_RUNTIME_DIR, else $TMPDIR (macOS, and where pam_mktemp is in use), if that belongs
// to the user alone. The system's directory for temporary files does not, and is never used.
func SpareDir(getenv func(string) string) string {
	for _, dir := range SpareDirs(getenv) {
		if safefile.PrivateDir(filepath.Dir(filepath.Dir(dir))) == nil {
			return dir
		}
	}
	return ""
}

// SpareDirs are the directories that [SpareDir] chooses from, whomever they belong to.
func SpareDirs(getenv func(string) string) (dirs []string) {
	for _, name := range []string{"XDG_RUNTIME_DIR", "TMPDIR"} {
		if dir := getenv(name); filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Join(dir, "sts-helper", "cache"))
		}
	}
	return dirs
}
