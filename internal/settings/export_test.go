package settings

import "time"

// ParseDuration is for the duration tests.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// MaxFile is the size limit of settings files.
const MaxFile = maxFile

// WithFleet is env on a machine with a fleet's file at path, which any user may own.
func WithFleet(env Environment, path string) Environment {
	env.fleet = path
	return env
}
