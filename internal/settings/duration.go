package settings

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var (
	errNoDuration = errors.New(`is not a duration; write it like 12h, 90m or, in seconds, 43200`)
	errFraction   = errors.New("is not a whole number of seconds")
	errNegative   = errors.New("is negative")
)

// DurationOf is the duration that a text means, as a setting has it: "12h", "90m", "43200".
func DurationOf(text string) (time.Duration, error) { return parseDuration(text) }

// parseDuration reads a Go duration or a plain number of seconds. STS counts in whole
// seconds, so nothing finer is taken.
func parseDuration(s string) (time.Duration, error) {
	if s != "" && strings.Trim(s, "0123456789") == "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > int64(time.Duration(1<<63-1)/time.Second) {
			return 0, errNoDuration
		}
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, errNoDuration
	case d < 0:
		return 0, errNegative
	case d%time.Second != 0:
		return 0, errFraction
	}
	return d, nil
}
