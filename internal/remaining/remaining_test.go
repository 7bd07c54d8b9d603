package remaining_test

import (
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/remaining"
)

func TestText(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0:                             "0s",
		1:                             "0s",
		1500 * time.Millisecond:       "2s",
		59 * time.Second:              "59s",
		59*time.Second + 600*1e6:      "1m00s",
		15 * time.Minute:              "15m00s",
		250 * time.Second:             "4m10s",
		time.Hour:                     "1h00m",
		90 * time.Minute:              "1h30m",
		12*time.Hour - time.Second:    "11h59m",
		47*time.Hour + 59*time.Minute: "47h59m",
		2 * day:                       "2d0h",
		3*day + 4*time.Hour:           "3d4h",
		-12 * time.Second:             "ended 12s ago",
		-(time.Hour + 5*time.Minute):  "ended 1h05m ago",
		-400 * time.Millisecond:       "0s",
	} {
		if got := remaining.Text(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
