package awsedit

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Hunk is a change: lines of the text as it was, and what is in their place now.
type Hunk struct {
	From, To int      // the lines that went, counted from 0, To not among them
	Added    []string // with their ends
	At       int      // the place of Added in the new text
	Before   []string // up to three lines above that in the new text
}

// hashPrefix begins what stands for a line in a hunk that is kept.
const hashPrefix = "sha256:"

// Hashed is h with hashes in the place of lines, which may hold secrets. It is enough for [Revert].
func (h Hunk) Hashed() Hunk {
	h.Added, h.Before = hashed(h.Added), hashed(h.Before)
	return h
}

func hashed(lines []string) []string {
	var all []string
	for _, text := range lines {
		all = append(all, hashOf(text))
	}
	return all
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hashPrefix + hex.EncodeToString(sum[:])
}

// same reports whether a line is the one that a hunk has, or has the hash of.
func same(text, want string) bool {
	return text == want || strings.HasPrefix(want, hashPrefix) && hashOf(text) == want
}

// context is how many lines around a change are shown and compared.
const context = 3

// Hunks are the changes, in order.
func (f *File) Hunks() []Hunk {
	var all []Hunk
	next := 0 // the line of the old text that comes next
	for i := 0; i <= len(f.lines); {
		h := Hunk{From: next, At: i}
		for i < len(f.lines) && f.lines[i].was < 0 {
			h.Added = append(h.Added, f.lines[i].text)
			i++
		}
		h.To = len(f.before)
		if i < len(f.lines) {
			h.To = f.lines[i].was
		}
		if h.To > h.From || len(h.Added) > 0 {
			for _, l := range f.lines[max(0, h.At-context):h.At] {
				h.Before = append(h.Before, l.text)
			}
			all = append(all, h)
		}
		next = h.To + 1
		i++
	}
	return all
}

// Diff is the changes as a unified diff with the names of the two texts, "" for none. shown is
// asked how a line is shown, without its end.
func (f *File) Diff(before, after string, shown func(string) string) string {
	hunks := f.Hunks()
	if len(hunks) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", before, after)
	put := func(sign byte, text string) {
		b.WriteByte(sign)
		line := strings.TrimRight(text, "\r\n")
		b.WriteString(shown(line))
		b.WriteByte('\n')
		if !strings.HasSuffix(text, "\n") {
			b.WriteString("\\ No newline at end of file\n")
		}
	}
	for len(hunks) > 0 {
		n := 1 // hunks whose surroundings meet are shown as one
		for n < len(hunks) && hunks[n].From-hunks[n-1].To <= 2*context {
			n++
		}
		group := hunks[:n]
		hunks = hunks[n:]
		from, to := max(0, group[0].From-context), min(len(f.before), group[n-1].To+context)
		added := 0
		for _, h := range group {
			added += len(h.Added) - (h.To - h.From)
		}
		start := group[0].At - (group[0].From - from)
		fmt.Fprintf(&b, "@@ -%s +%s @@\n", span(from, to-from), span(start, to-from+added))
		at := from
		for _, h := range group {
			for ; at < h.From; at++ {
				put(' ', f.before[at])
			}
			for ; at < h.To; at++ {
				put('-', f.before[at])
			}
			for _, text := range h.Added {
				put('+', text)
			}
		}
		for ; at < to; at++ {
			put(' ', f.before[at])
		}
	}
	return b.String()
}

// span is a range of lines as diff writes it.
func span(start, n int) string {
	if n == 0 {
		return fmt.Sprintf("%d,0", start)
	}
	return fmt.Sprintf("%d,%d", start+1, n)
}

// Revert takes changes back in a text that was changed since: before is the text as it was before
// them, now what it is. Where the added lines of a change are no longer there together, or what
// was above them is gone, that change stays and is given in left.
func Revert(before, now []byte, hunks []Hunk) (reverted []byte, left []Hunk) {
	old := slices.Collect(strings.Lines(string(before)))
	lines := slices.Collect(strings.Lines(string(now)))
	for _, h := range slices.Backward(hunks) {
		var gone []string
		if h.From >= 0 && h.From <= h.To && h.To <= len(old) {
			gone = old[h.From:h.To]
		}
		at := find(lines, h, old)
		if at < 0 {
			left = append(left, h)
			continue
		}
		lines = slices.Replace(lines, at, at+len(h.Added), gone...)
	}
	slices.Reverse(left)
	return []byte(strings.Join(lines, "")), left
}

// find is where the lines that a change added are, -1 where they are not to be found, or where
// the place of lines that only went cannot be told. Of several places it is the one with the most
// of its surroundings, and of those the nearest.
func find(lines []string, h Hunk, old []string) int {
	best, score := -1, -1
	after := old[min(len(old), h.To):min(len(old), h.To+context)]
	for at := 0; at+len(h.Added) <= len(lines); at++ {
		if !slices.EqualFunc(lines[at:at+len(h.Added)], h.Added, same) {
			continue
		}
		s := 0
		for i := 1; i <= len(h.Before) && i <= at && same(lines[at-i], h.Before[len(h.Before)-i]); i++ {
			s++
		}
		rest := lines[at+len(h.Added):]
		for i := 0; i < len(after) && i < len(rest) && rest[i] == after[i]; i++ {
			s++
		}
		if s > score || s == score && max(at-h.At, h.At-at) < max(best-h.At, h.At-best) {
			best, score = at, s
		}
	}
	if len(h.Added) == 0 && score == 0 && len(h.Before)+len(after) > 0 {
		return -1
	}
	return best
}
