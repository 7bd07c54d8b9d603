package drawing

import (
	"fmt"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
)

// lives are the lives of tokens that the picture of the refresh windows has: those that AWS gives by
// default, and the bounds of the table.
var lives = []struct {
	life time.Duration
	what string
}{
	{12 * time.Hour, "12 h: a session"},
	{time.Hour, "1 h: a role"},
	{30 * time.Minute, "30 min"},
	{15 * time.Minute, "15 min: the least"},
}

// RefreshSVG is the picture of when a token is refreshed: a time line for each life, from the moment
// of issue to the end, by the one table in internal/record.
func RefreshSVG() []byte {
	const left, right, lineHeight, bar = 190.0, width - 40.0, 74, 26.0
	var b strings.Builder
	head(&b, margin+40+lineHeight*len(lives), "When a token is refreshed")
	x := left
	for _, key := range []struct{ colour, what string }{
		{"#d8ead0", "handed out"},
		{"#fbe3b5", "one caller refreshes, the others go on with it"},
		{"#f5b8b0", "callers wait for a new one"},
	} {
		fmt.Fprintf(&b, `<rect x="%.0f" y="12" width="14" height="14" fill="%s" stroke="#8a8f98"/>`+"\n", x, key.colour)
		text(&b, "what", x+20, 23, key.what)
		x += 60 + 6.2*float64(len(key.what))
	}
	for i, l := range lives {
		y := float64(margin + 34 + i*lineHeight)
		window := record.AdvisoryWindow(l.life)
		opens := left + (right-left)*float64(l.life-window)/float64(l.life)
		last := min(left+(right-left)*float64(l.life-record.Mandatory)/float64(l.life), right-3)
		text(&b, "name", margin, y+17, l.what)
		for _, part := range []struct {
			from, to float64
			colour   string
		}{{left, opens, "#d8ead0"}, {opens, last, "#fbe3b5"}, {last, right, "#f5b8b0"}} {
			fmt.Fprintf(&b, `<rect x="%.0f" y="%.0f" width="%.1f" height="%.0f" fill="%s" stroke="#8a8f98"/>`+"\n", part.from, y, part.to-part.from, bar, part.colour)
		}
		text(&b, "what", left, y+bar+15, "issued")
		fmt.Fprintf(&b, `<text class="what" text-anchor="middle" x="%.0f" y="%.0f">%s left</text>`+"\n", min(opens, right-170), y+bar+15, short(window))
		fmt.Fprintf(&b, `<text class="what" text-anchor="end" x="%.0f" y="%.0f">%s left; ends</text>`+"\n", right, y+bar+15, short(record.Mandatory))
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

// short is a whole number of minutes or seconds.
func short(d time.Duration) string {
	if d%time.Minute == 0 && d > time.Minute {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}
