// Package drawing reads the drawing of the rooms, docs/architecture.txt, and renders it. Its
// tests hold the source to it: no package imports what the drawing does not have, and the
// drawing has nothing that no package imports.
package drawing

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Drawing is the rooms and the ways of a call through them.
type Drawing struct {
	Rows []Row
	Ways []Way
}

// A Row is a row of rooms.
type Row struct {
	Title string
	Rooms []Room
}

// A Room is a package, named without the module, and the packages it imports.
type Room struct {
	Name, What string
	Imports    []string
}

// A Way is one way of a call, step by step.
type Way struct {
	Title string
	Steps []Step
}

// A Step is what happens in a room.
type Step struct{ Room, What string }

// Read reads the drawing of the module in directory root.
func Read(root string) (*Drawing, error) {
	f, err := os.Open(filepath.Join(root, "docs", "architecture.txt"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := &Drawing{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		if err := d.line(strings.TrimSpace(lines.Text())); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", f.Name(), n, err)
		}
	}
	return d, lines.Err()
}

func (d *Drawing) line(s string) error {
	word, rest, _ := strings.Cut(s, " ")
	name, what, named := strings.Cut(s, ": ")
	switch {
	case s == "" || s[0] == '#':
		return nil
	case word == "row":
		d.Rows = append(d.Rows, Row{Title: rest})
		return nil
	case word == "way":
		d.Ways = append(d.Ways, Way{Title: rest})
		return nil
	case word == "step" && named && len(d.Ways) > 0:
		w := &d.Ways[len(d.Ways)-1]
		w.Steps = append(w.Steps, Step{strings.TrimPrefix(name, "step "), what})
		return nil
	case len(d.Rows) == 0:
	case word == "->":
		if row := &d.Rows[len(d.Rows)-1]; len(row.Rooms) > 0 {
			row.Rooms[len(row.Rooms)-1].Imports = strings.Fields(rest)
			return nil
		}
	case named:
		row := &d.Rows[len(d.Rows)-1]
		row.Rooms = append(row.Rooms, Room{Name: name, What: what})
		return nil
	}
	return fmt.Errorf("%q is no line of a drawing", s)
}

// Rooms are the rooms of all rows, each before those it may import.
func (d *Drawing) Rooms() (all []Room) {
	for _, row := range d.Rows {
		all = append(all, row.Rooms...)
	}
	return all
}

// reaches reports whether there is a way of arrows from one room to another, without the arrow
// between them.
func (d *Drawing) reaches(from, to string) bool {
	imports := map[string][]string{}
	for _, r := range d.Rooms() {
		imports[r.Name] = r.Imports
	}
	var seen []string
	var walk func(string) bool
	walk = func(at string) bool {
		if at == to || slices.Contains(seen, at) {
			return at == to
		}
		seen = append(seen, at)
		return slices.ContainsFunc(imports[at], walk)
	}
	return slices.ContainsFunc(imports[from], func(next string) bool { return next != to && walk(next) })
}

// Files are the pictures, by their names in docs.
func (d *Drawing) Files() map[string][]byte {
	return map[string][]byte{"architecture.svg": d.SVG(), "call.svg": d.CallSVG(), "explanation/refresh.svg": RefreshSVG(), "overview.svg": OverviewSVG()}
}
