package settings

import "github.com/sts-helper/sts-helper/internal/record"

// CacheDir is the directory of the cache: the one named, else sts-helper in the user's own
// directory for caches, see [record.DefaultDir].
func CacheDir(named string, env Environment) (string, error) {
	if named != "" {
		return named, nil
	}
	return record.DefaultDir(env.Getenv)
}
