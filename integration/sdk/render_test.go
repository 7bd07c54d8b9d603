package sdk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	beginMark = "<!-- The tables up to the next mark are written by \"make conformance\". -->"
	endMark   = "<!-- End of what \"make conformance\" writes. -->"
)

// report prints the matrix where one was asked for, and puts it into the documentation if
// every cell of every row is there and none failed.
func report(ok bool) error {
	docs := os.Getenv(docsVariable)
	if docs == "" || len(results.rows) == 0 {
		return nil
	}
	results.Lock()
	defer results.Unlock()
	text := matrixText(time.Now())
	fmt.Println(text)
	if ok {
		if err := reportClients(docs); err != nil {
			return err
		}
	}
	if whole := complete(); !ok || whole != "" {
		fmt.Println("Not written to the documentation: the run failed, or was one of a part. " + whole)
		return nil
	}
	if err := splice(filepath.Join(docs, "compatibility.md"), text); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "compatibility.svg"), []byte(matrixSVG(time.Now())), 0o644)
}

// complete names a cell that is missing from a matrix that is not.
func complete() string {
	for _, r := range rows() {
		for _, c := range columns() {
			if at(r, c).State == absent && !(r.cli && c.lives) {
				return r.title + ", " + c.title
			}
		}
	}
	return ""
}

func at(r *row, c column) cell { return results.cells[[2]string{r.id, c.id}] }

func splice(file, text string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(b), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no marks for the tables", file)
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n\n"+text+"\n"+endMark+after), 0o644)
}

var symbols = map[state]string{good: "✓", partly: "◐", cannot: "✗", notRun: "not run", failed: "FAILED"}

// matrixText is the matrix as Markdown, a table for each group of columns.
func matrixText(now time.Time) string {
	var b, notes strings.Builder
	var noted []string
	fmt.Fprintf(&b, "Run on %s, %s/%s.\n", now.UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH)
	all := columns()
	for len(all) > 0 {
		group := all
		if i := slices.IndexFunc(all, func(c column) bool { return c.group != all[0].group }); i > 0 {
			group = all[:i]
		}
		all = all[len(group):]
		fmt.Fprintf(&b, "\n### %s\n\n| |", strings.ToUpper(group[0].group[:1])+group[0].group[1:])
		for _, c := range group {
			fmt.Fprintf(&b, " %s |", c.title)
		}
		b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(group)) + "\n")
		for _, r := range rows() {
			fmt.Fprintf(&b, "| %s %s |", r.title, r.version())
			for _, c := range group {
				fmt.Fprintf(&b, " %s |", cellText(at(r, c), &noted))
			}
			b.WriteString("\n")
		}
	}
	for i, n := range noted {
		fmt.Fprintf(&notes, "%d. %s\n", i+1, n)
	}
	if len(noted) > 0 {
		b.WriteString("\nNotes, with the place in the SDK's source:\n\n" + notes.String())
	}
	return b.String()
}

// cellText is one cell; its note gets a number, the same for the same note.
func cellText(c cell, noted *[]string) string {
	switch c.State {
	case absent:
		return ""
	case notRun, failed:
		return symbols[c.State]
	}
	text := symbols[c.State]
	if c.Note != "" {
		i := slices.Index(*noted, c.Note)
		if i < 0 {
			i = len(*noted)
			*noted = append(*noted, c.Note)
		}
		text += fmt.Sprintf(" (%d)", i+1)
	}
	return fmt.Sprintf("%s %d/%d %.2f s", text, c.Helper, c.STS, c.Wall.Seconds())
}
