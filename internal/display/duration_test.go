package display_test

import (
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

func TestDurations(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		d              time.Duration
		duration, wait string
	}{
		{0, "0s", "0s"},
		{1, "1ns", "1s"},
		{1500 * time.Millisecond, "1.5s", "2s"},
		{59 * time.Second, "59s", "59s"},
		{15 * time.Minute, "15m", "15m0s"},
		{250 * time.Second, "4m10s", "4m10s"},
		{12 * time.Hour, "12h", "12h0m0s"},
		{12*time.Hour - time.Second, "11h59m59s", "11h59m59s"},
		{90 * time.Minute, "1h30m", "1h30m0s"},
		{47*time.Hour + 59*time.Minute, "47h59m", "47h59m0s"},
		{3*day + 4*time.Hour, "76h", "76h0m0s"},
	} {
		if got := display.Duration(c.d); got != c.duration {
			t.Errorf("Duration(%v) = %q, want %q", c.d, got, c.duration)
		}
		if got := display.Wait(c.d); got != c.wait {
			t.Errorf("Wait(%v) = %q, want %q", c.d, got, c.wait)
		}
	}
}
