package settings

import "time"

// ParseDuration is for the duration tests.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }

// MaxFile is the size limit of settings files.
const MaxFile = maxFile
