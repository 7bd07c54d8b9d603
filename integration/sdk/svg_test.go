package sdk_test

import (
	"fmt"
	"html"
	"strings"
	"time"
)

// The picture's measures, in pixels.
const (
	side   = 26
	left   = 240
	top    = 190
	gap    = 24 // between groups of columns
	bottom = 40
)

var colours = map[state]string{good: "#2da44e", partly: "#bf8700", cannot: "#8c959f", notRun: "#d0d7de", failed: "#cf222e"}

// matrixSVG is the matrix as a picture: a square for each cell, its figures in a tooltip.
func matrixSVG(now time.Time) string {
	var b strings.Builder
	x, group := left, ""
	type place struct {
		column
		x int
	}
	var places []place
	for _, c := range columns() {
		if group != "" && c.group != group {
			x += gap
		}
		group = c.group
		places = append(places, place{c, x})
		x += side
	}
	width, height := x+130, top+side*len(rows())+bottom
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(&b, "<title>sts-helper with each AWS SDK, %s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", now.UTC().Format(time.DateOnly))
	group = ""
	for _, p := range places {
		if p.group != group {
			group = p.group
			fmt.Fprintf(&b, `<text x="%d" y="16" font-weight="bold" fill="#1f2328">%s</text>`+"\n", p.x, html.EscapeString(group))
		}
		fmt.Fprintf(&b, `<text transform="translate(%d %d) rotate(-50)" fill="#1f2328" font-size="11">%s</text>`+"\n", p.x+side/2+3, top-6, html.EscapeString(p.title))
	}
	for i, r := range rows() {
		y := top + i*side
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s <tspan fill="#656d76">%s</tspan></text>`+"\n", left-10, y+17, html.EscapeString(r.title), html.EscapeString(r.version()))
		for _, p := range places {
			c := at(r, p.column)
			if c.State == absent {
				continue
			}
			tip := fmt.Sprintf("%s, %s: helper run %d×, STS asked %d×, %.2f s", r.title, p.title, c.Helper, c.STS, c.Wall.Seconds())
			if c.Note != "" {
				tip += ". " + c.Note
			}
			fmt.Fprintf(&b, `<g><title>%s</title><rect x="%d" y="%d" width="%d" height="%d" rx="4" fill="%s"/><text x="%d" y="%d" text-anchor="middle" fill="#ffffff">%s</text></g>`+"\n",
				html.EscapeString(tip), p.x+1, y+1, side-2, side-2, colours[c.State], p.x+side/2, y+17, mark(c.State))
		}
	}
	x = left
	for _, s := range []struct {
		state
		text string
	}{{good, "as it should be"}, {partly, "as it should be, but the SDK hides the helper's message"}, {cannot, "the SDK cannot"}, {notRun, "not run"}} {
		y := height - bottom + 14
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="16" height="16" rx="3" fill="%s"/><text x="%d" y="%d" text-anchor="middle" font-size="10" fill="#ffffff">%s</text><text x="%d" y="%d" fill="#1f2328">%s</text>`+"\n",
			x, y, colours[s.state], x+8, y+12, mark(s.state), x+22, y+12, s.text)
		x += 40 + 7*len(s.text)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func mark(s state) string {
	switch s {
	case notRun:
		return "?"
	case failed:
		return "!"
	}
	return symbols[s]
}
