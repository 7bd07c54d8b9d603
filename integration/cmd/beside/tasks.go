package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// tasks are the rows of the table.
var tasks = []string{
	"first credential from an access key: commands, AWS's files changed, calls",
	"an existing profile with `role_arn` and `source_profile`: commands, AWS's files changed, calls",
	"two such profiles with `mfa_serial`, a code as a flag: codes",
	"ten at once, cold: calls",
	"one more, warm: calls, time (median of 21)",
	"a wrong name: what is said",
	"27 roles: lines of the list",
	"the long-term key at rest",
}

// ansi is what colours a terminal.
var ansi = regexp.MustCompile(`\x1b\[[0-9;?]*[A-Za-z]`)

// crowd is how many ask at once.
const crowd = 10

// column does all tasks with a tool.
func (b *bench) column(t *tool) ([]string, error) {
	first, err := b.first(t)
	if err != nil {
		return nil, err
	}
	existing, h, err := b.existing(t)
	if err != nil {
		return nil, err
	}
	codes, err := b.codes(t)
	if err != nil {
		return nil, err
	}
	cold, err := b.cold(t)
	if err != nil {
		return nil, err
	}
	warm, err := h.warm()
	if err != nil {
		return nil, err
	}
	list := "a picker"
	if t.list != nil {
		if list, err = b.list(t); err != nil {
			return nil, err
		}
	}
	return []string{first, existing, codes, cold, warm, h.wrongName(), list, t.atRest}, nil
}

func (b *bench) first(t *tool) (string, error) {
	if t.store == nil {
		return "by hand: the key into ~/.aws/credentials, or at a terminal", nil
	}
	h, err := b.home(t, false, 0)
	if err != nil {
		return "", err
	}
	before := h.files()
	b.sts.ResetCounts()
	err = errors.Join(t.store(h), h.credentials(t.show("base")))
	return fmt.Sprintf("%d, %d, %d", h.typed, h.changed(before), b.sts.Count("")), err
}

// classic is a home with a role that the tool knows.
func (b *bench) classic(t *tool, roles int) (*home, error) {
	h, err := b.home(t, true, roles)
	if err == nil && t.adopt != nil {
		err = t.adopt(h)
	}
	return h, err
}

func (b *bench) existing(t *tool) (string, *home, error) {
	h, err := b.home(t, true, 1)
	if err != nil {
		return "", nil, err
	}
	before := h.files()
	b.sts.ResetCounts()
	if t.adopt != nil {
		err = t.adopt(h)
	}
	err = errors.Join(err, h.credentials(t.show("team1")))
	return fmt.Sprintf("%d, %d, %d", h.typed, h.changed(before), b.sts.Count("")), h, err
}

// codes says how many codes two roles take: the first gets one, and the second is asked for without.
func (b *bench) codes(t *tool) (string, error) {
	device := b.sts.AddMFADevice(b.user, t.name) // whose codes no other tool has used
	h, err := b.homeOf(t, true, 2, b.mfaRole, "mfa_serial = "+device.SerialNumber+"\n")
	if err == nil && t.adopt != nil {
		err = t.adopt(h)
	}
	if err != nil {
		return "", err
	}
	args := t.show("team1")
	if err := h.credentials(append([]string{args[0], t.code, device.Code(b.sts.Now())}, args[1:]...)); err != nil {
		return "", err
	}
	if err := h.credentials(t.show("team2")); err != nil {
		return "2", nil
	}
	return "1", nil
}

func (b *bench) cold(t *tool) (string, error) {
	h, err := b.classic(t, 1)
	if err != nil {
		return "", err
	}
	b.sts.ResetCounts()
	errs := make([]error, crowd)
	var all sync.WaitGroup
	for i := range crowd {
		one := *h
		all.Go(func() { errs[i] = one.credentials(t.show("team1")) })
	}
	all.Wait()
	return fmt.Sprint(b.sts.Count("")), errors.Join(errs...)
}

func (h *home) warm() (string, error) {
	h.sts.ResetCounts()
	var times []time.Duration
	for range 21 {
		start := time.Now()
		if err := h.credentials(h.show("team1")); err != nil {
			return "", err
		}
		times = append(times, time.Since(start))
	}
	return fmt.Sprintf("%d in 21, %s", h.sts.Count(""), milliseconds(median(times))), nil
}

// wrongName is the last line that a misspelt profile gives.
func (h *home) wrongName() string {
	cmd := h.command(h.show("taem1")...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return "nothing: it runs the command"
	}
	text := ansi.ReplaceAllString(strings.ReplaceAll(string(out), h.dir, "~"), "")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return "`" + strings.ReplaceAll(strings.TrimSpace(lines[0]), "|", `\|`) + "`"
}

func (b *bench) list(t *tool) (string, error) {
	h, err := b.classic(t, 27)
	if err != nil {
		return "", err
	}
	if t.list[0] == "status" { // it lists profiles that run it
		if _, err := h.run("", "setup", "--yes", "--no-try"); err != nil {
			return "", err
		}
	}
	out, err := h.run("", t.list...)
	return fmt.Sprint(strings.Count(out, "\n")), err
}

func render(all []*tool, columns [][]string) string {
	var b strings.Builder
	b.WriteString("Run on " + time.Now().UTC().Format(time.DateOnly) + ".\n\n| |")
	for _, t := range all {
		fmt.Fprintf(&b, " %s (%s) |", t.name, t.version)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(all)) + "\n")
	for row, task := range tasks {
		b.WriteString("| " + task + " |")
		for _, c := range columns {
			b.WriteString(" " + c[row] + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
