package drawing

import (
	"cmp"
	"fmt"
	"html"
	"maps"
	"slices"
	"strings"
)

// Sizes of the pictures, in pixels.
const (
	width     = 1240
	margin    = 20
	boxHeight = 56
	rowHeight = 122
	boxGap    = 30
	maxBox    = 186
	stepWidth = 140
	stepGap   = 32
	wayHeight = 134
)

// colours tell the arrows of different rooms apart.
var colours = []string{"#2563a8", "#b45309", "#3f7d20", "#8b3fa8", "#b3261e", "#0f766e", "#6b5b2a", "#525f7a"}

const style = `<style>
text { font: 12px "DejaVu Sans", Verdana, sans-serif; fill: #1f2733 }
.name { font-weight: bold; font-size: 13px }
.long { font-size: 11px }
.what { font-size: 11px; fill: #3d4858 }
.title { font-size: 12px; fill: #6b7686 }
.way { font-weight: bold; font-size: 14px }
.public { fill: #e3eefb; stroke: #2563a8 }
.internal { fill: #f4f4f1; stroke: #8a8f98 }
.box { stroke-width: 1.2 }
.arrow { fill: none; stroke-width: 1.3; opacity: 0.85 }
</style>
`

type box struct {
	Room
	row        int
	x, y, wide float64
}

func (b box) middle() float64 { return b.x + b.wide/2 }

// SVG is the picture of the rooms. Left out are arrows that follow from others, since a room may
// well import what those below it do, and the arrows to the last row, which nearly all have.
func (d *Drawing) SVG() []byte {
	boxes := d.layout()
	height := margin + rowHeight*len(d.Rows)
	var b strings.Builder
	head(&b, height, "The rooms of sts-helper and the arrows between them")
	for i, row := range d.Rows {
		text(&b, "title", margin, float64(margin+i*rowHeight+12), row.Title)
	}
	arrows(&b, d, boxes)
	for _, x := range boxes {
		class, name := "public", x.Name
		if inner, ok := strings.CutPrefix(x.Name, "internal/"); ok {
			class, name = "internal", inner
		}
		chip(&b, class, x.x, x.y, x.wide, boxHeight, name, x.What)
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (d *Drawing) layout() (all []box) {
	for i, row := range d.Rows {
		n := float64(len(row.Rooms))
		wide := min(maxBox, (width-2*margin-boxGap*(n-1))/n)
		// The boxes of a row are spread over the width.
		space := (width - 2*margin - n*wide) / n
		for j, r := range row.Rooms {
			x := margin + space/2 + float64(j)*(wide+space)
			all = append(all, box{r, i, x, float64(margin + i*rowHeight + 24), wide})
		}
	}
	return all
}

type point struct{ x, y float64 }

// arrows draws them from box to box, through the gaps of the rows between.
func arrows(b *strings.Builder, d *Drawing, boxes []box) {
	type arrow struct{ from, to box }
	var all []arrow
	in, out := map[string]int{}, map[string]int{}
	for _, from := range boxes {
		for _, to := range boxes {
			if to.row < len(d.Rows)-1 && slices.Contains(from.Imports, to.Name) && !d.reaches(from.Name, to.Name) {
				all = append(all, arrow{from, to})
				out[from.Name]++
				in[to.Name]++
			}
		}
	}
	// Where they begin and end they keep the order of where they come from and go to, so that
	// they cross as little as may be.
	ends := func(of box, n int, other func(arrow) box, at func(arrow) bool) map[arrowName]float64 {
		var mine []arrow
		for _, a := range all {
			if at(a) {
				mine = append(mine, a)
			}
		}
		slices.SortStableFunc(mine, func(p, q arrow) int { return cmp.Compare(other(p).middle(), other(q).middle()) })
		places := map[arrowName]float64{}
		for i, a := range mine {
			places[arrowName{a.from.Name, a.to.Name}] = of.x + of.wide*float64(i+1)/float64(n+1)
		}
		return places
	}
	starts, stops := map[arrowName]float64{}, map[arrowName]float64{}
	for _, x := range boxes {
		maps.Copy(starts, ends(x, out[x.Name], func(a arrow) box { return a.to }, func(a arrow) bool { return a.from.Name == x.Name }))
		maps.Copy(stops, ends(x, in[x.Name], func(a arrow) box { return a.from }, func(a arrow) bool { return a.to.Name == x.Name }))
	}
	taken := map[point]int{}
	for _, a := range all {
		name := arrowName{a.from.Name, a.to.Name}
		colour := colours[slices.IndexFunc(boxes, func(x box) bool { return x.Name == a.from.Name })%len(colours)]
		path := []point{{starts[name], a.from.y + boxHeight}}
		if a.from.row == a.to.row { // to the right, below the boxes
			under(b, path[0], point{stops[name], a.to.y + boxHeight + 5}, colour)
			continue
		}
		for row := a.from.row + 1; row < a.to.row; row++ {
			part := float64(row-a.from.row) / float64(a.to.row-a.from.row)
			gap := nearestGap(boxes, row, starts[name]+(stops[name]-starts[name])*part)
			offset := float64((taken[gap]+1)/2*5) * float64(1-2*(taken[gap]%2))
			taken[gap]++
			path = append(path, point{gap.x + offset, gap.y}, point{gap.x + offset, gap.y + boxHeight})
		}
		curve(b, append(path, point{stops[name], a.to.y - 5}), colour)
	}
}

type arrowName struct{ from, to string }

// nearestGap is where an arrow that is to pass a row near x can do so.
func nearestGap(boxes []box, row int, x float64) point {
	gaps := []float64{margin / 2, width - margin/2}
	var y float64
	last := -1.0
	for _, b := range boxes {
		if b.row != row {
			continue
		}
		y = b.y
		if last >= 0 {
			gaps = append(gaps, (last+b.x)/2)
		} else if b.x > 2*margin {
			gaps = append(gaps, b.x-boxGap/2)
		}
		last = b.x + b.wide
	}
	if last < width-2*margin {
		gaps = append(gaps, last+boxGap/2)
	}
	best := slices.MinFunc(gaps, func(p, q float64) int { return cmp.Compare(abs(p-x), abs(q-x)) })
	// Beside the boxes there is room for a straight line.
	first, end := width*1.0, 0.0
	for _, b := range boxes {
		if b.row == row {
			first, end = min(first, b.x), max(end, b.x+b.wide)
		}
	}
	if x < first-boxGap/2 || x > end+boxGap/2 {
		best = x
	}
	return point{best, y}
}

func abs(f float64) float64 { return max(f, -f) }

// curve draws a line through the points that begins and ends upright, with a head.
func curve(b *strings.Builder, path []point, colour string) {
	fmt.Fprintf(b, `<path class="arrow" stroke="%s" d="M%.0f %.0f`, colour, path[0].x, path[0].y)
	for i := 1; i < len(path); i++ {
		p, q := path[i-1], path[i]
		half := (q.y - p.y) / 2
		fmt.Fprintf(b, " C%.0f %.0f %.0f %.0f %.0f %.0f", p.x, p.y+half, q.x, q.y-half, q.x, q.y)
	}
	b.WriteString("\"/>\n")
	end := path[len(path)-1]
	fmt.Fprintf(b, `<path fill="%s" d="M%.0f %.0f l-4 -7 h8 z"/>`+"\n", colour, end.x, end.y+5)
}

// under draws an arrow between two boxes of a row, below them.
func under(b *strings.Builder, from, to point, colour string) {
	low := from.y + 34
	fmt.Fprintf(b, `<path class="arrow" stroke="%s" d="M%.0f %.0f C%.0f %.0f %.0f %.0f %.0f %.0f"/>`+"\n", colour, from.x, from.y, from.x, low, to.x, low, to.x, to.y)
	fmt.Fprintf(b, `<path fill="%s" d="M%.0f %.0f l-4 7 h8 z"/>`+"\n", colour, to.x, to.y-5)
}

// CallSVG is the picture of the ways of a call.
func (d *Drawing) CallSVG() []byte {
	var b strings.Builder
	perLine := (width - 2*margin + stepGap) / (stepWidth + stepGap)
	lines := 0
	for _, w := range d.Ways {
		lines += (len(w.Steps) + perLine - 1) / perLine
	}
	head(&b, margin+lines*wayHeight-16*(lines-len(d.Ways)), "The ways of a call")
	y := float64(margin)
	for _, w := range d.Ways {
		text(&b, "way", margin, y+12, w.Title)
		for i, s := range w.Steps {
			if i > 0 && i%perLine == 0 {
				y += wayHeight - 16
			}
			x, top := float64(margin+(i%perLine)*(stepWidth+stepGap)), y+24
			if i > 0 {
				fmt.Fprintf(&b, `<path fill="#525f7a" d="M%.0f %.0f h14 v-4 l8 6 l-8 6 v-4 h-14 z"/>`+"\n", x-27, top+38)
			}
			class, name := "public", s.Room
			if inner, ok := strings.CutPrefix(s.Room, "internal/"); ok {
				class, name = "internal", inner
			}
			chip(&b, class, x, top, stepWidth, 82, name, s.What)
		}
		y += wayHeight
	}
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func head(b *strings.Builder, height int, title string) {
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">`+"\n", width, height, width, height)
	fmt.Fprintf(b, "<title>%s</title>\n%s<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n", html.EscapeString(title), style)
}

func text(b *strings.Builder, class string, x, y float64, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%.0f" y="%.0f">%s</text>`+"\n", class, x, y, html.EscapeString(s))
}

// chip is a box with a name and what it is for.
func chip(b *strings.Builder, class string, x, y, wide, high float64, name, what string) {
	fmt.Fprintf(b, `<rect class="box %s" x="%.0f" y="%.0f" width="%.0f" height="%.0f" rx="6"/>`+"\n", class, x, y, wide, high)
	if most := wide - 16; float64(len(name))*8 > most {
		fmt.Fprintf(b, `<text class="name long" x="%.0f" y="%.0f" textLength="%.0f" lengthAdjust="spacingAndGlyphs">%s</text>`+"\n", x+8, y+18, most, html.EscapeString(name))
	} else {
		text(b, "name", x+8, y+18, name)
	}
	for i, line := range wrap(what, int((wide-14)/6)) {
		text(b, "what", x+8, y+34+14*float64(i), line)
	}
}

func wrap(s string, most int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && len(line)+1+len(word) > most {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
