package sdk_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ways to credentials, by the letters of docs/clients.md, best first, and the column that shows each.
var letters = []struct{ letter, column, title string }{
	{"A", "cold", "credential_process"},
	{"C", "tokenfile", "container, token in a file"},
	{"D", "token", "container, token in a variable"},
	{"F", "imds", "IMDSv2 by a variable"},
	{"G", "address", "IMDSv2 at 169.254.169.254"},
	{"E", "relative", "container at 169.254.170.2"},
	{"H", "exec", "variables, by exec"},
}

// all are the SDKs of the matrix and the clients beside them, by name.
func everyClient() []*row {
	all := append(rows(), clients()...)
	slices.SortStableFunc(all, func(a, b *row) int {
		return strings.Compare(strings.ToLower(a.title), strings.ToLower(b.title))
	})
	return all
}

// reportClients writes the tables of docs/clients.md, where every row of them was run.
func reportClients(docs string) error {
	for _, r := range everyClient() {
		for _, c := range r.columns() {
			if s := at(r, c).State; slices.Contains(ways, c.id) && (s == absent || s == notRun || s == failed) {
				fmt.Printf("clients.md is as it was: %s, %s was not run\n", r.title, c.title)
				return nil
			}
		}
	}
	return splice(filepath.Join(docs, "clients.md"), clientsText(time.Now()))
}

func cellOf(r *row, column string) cell { return results.cells[[2]string{r.id, column}] }

// clientsText is what to write for each program, and the cells that it follows from.
func clientsText(now time.Time) string {
	var b strings.Builder
	var noted []string
	fmt.Fprintf(&b, "Run on %s.\n\n| program | write | when you are needed | mind |\n| --- | --- | --- | --- |\n", now.UTC().Format(time.DateOnly))
	for _, r := range everyClient() {
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s |\n", r.title, r.version(), r.write(), r.needed(), strings.Join(r.quirks, "; "))
	}
	b.WriteString("\n### Every way\n\n| |")
	for _, l := range letters {
		letter := l.letter
		if letter == "A" {
			letter = "A, B"
		}
		fmt.Fprintf(&b, " %s: %s |", letter, l.title)
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(letters)) + "\n")
	for _, r := range everyClient() {
		fmt.Fprintf(&b, "| %s |", r.title)
		for _, l := range letters {
			c := cellOf(r, l.column)
			fmt.Fprintf(&b, " %s |", wayText(c, &noted))
		}
		b.WriteString("\n")
	}
	b.WriteString("\nIn a cell: how often the program ran the helper / how often STS was asked for credentials, the first time.\n\nNotes, with the place in the program's source:\n\n")
	for i, n := range noted {
		fmt.Fprintf(&b, "%d. %s\n", i+1, n)
	}
	return b.String()
}

// wayText is a cell without its time.
func wayText(c cell, noted *[]string) string {
	text := cellText(c, noted)
	if i := strings.LastIndexByte(text, ' '); i > 0 { // the unit, and before it the figure
		text = text[:strings.LastIndexByte(text[:i], ' ')]
	}
	return strings.TrimSuffix(text, " 0/0")
}

// write gives the letters of what its user can write, best first.
func (r *row) write() string {
	var can []string
	for _, l := range letters {
		if cellOf(r, l.column).State != good {
			continue
		}
		letter := l.letter
		switch {
		case letter == "A" && r.credentialsFile:
			letter = "B"
		case letter == "F" && r.imds != "":
			letter += " as `" + r.imds + "`"
		}
		can = append(can, letter)
	}
	if len(can) < 2 {
		return strings.Join(can, "")
	}
	return "**" + can[0] + "**; " + strings.Join(can[1:], ", ")
}

// needed says where its user reads that a code or a login is wanted.
func (r *row) needed() string {
	switch c := cellOf(r, "human"); {
	case c.State == good:
		return "it says so"
	case c.State == cannot:
		return "the server's log says so"
	case r.anonymous:
		return "it hides that, and asks S3 unsigned: `AccessDenied`"
	}
	return "it hides that"
}
