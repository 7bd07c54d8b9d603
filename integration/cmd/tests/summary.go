package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, Test, Output, ImportPath string
}

// summary is what has been seen of all tests so far.
type summary struct {
	out      io.Writer
	tests    map[testName]*outcome
	packages map[string]*outcome
}

type testName struct{ pkg, test string }

// outcome is what became of a test or a package, and what it printed. An action of "" means
// that it has not ended.
type outcome struct {
	action string
	output strings.Builder
	parent bool // it has subtests
	failed bool // and of those, or of a package's tests, one has failed
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, tests: map[testName]*outcome{}, packages: map[string]*outcome{}}
}

func (s *summary) printf(format string, args ...any) { _, _ = fmt.Fprintf(s.out, format, args...) }

// line takes one line; what is no event is printed as it is.
func (s *summary) line(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		s.printf("%s", line)
		return
	}
	switch {
	case e.Action == "build-output":
		s.printf("%s", e.Output)
	case e.Package == "":
	case e.Test == "":
		s.pkg(e)
	default:
		s.test(e)
	}
}

// noise is what "go test -v" prints of a test's progress.
var noise = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME) `)

func (s *summary) test(e event) {
	name := testName{e.Package, e.Test}
	o := s.tests[name]
	if o == nil {
		o = &outcome{}
		s.tests[name] = o
		if up := s.above(name); up != nil {
			up.parent = true
		}
	}
	switch e.Action {
	case "output":
		if !noise.MatchString(e.Output) {
			o.output.WriteString(e.Output)
		}
	case "pass", "fail", "skip":
		o.action = e.Action
		if e.Action == "fail" {
			s.printf("%s", o.output.String())
			if up := s.above(name); up != nil {
				up.failed = true
			}
			s.ofPackage(e.Package).failed = true
		}
	}
}

// above is the test that a subtest belongs to, nil for none.
func (s *summary) above(n testName) *outcome {
	i := strings.LastIndexByte(n.test, '/')
	if i < 0 {
		return nil
	}
	return s.tests[testName{n.pkg, n.test[:i]}]
}

func (s *summary) ofPackage(name string) *outcome {
	o := s.packages[name]
	if o == nil {
		o = &outcome{}
		s.packages[name] = o
	}
	return o
}

// pkg prints what "go test" prints of a package: one line where it passes, all where it fails.
func (s *summary) pkg(e event) {
	o := s.ofPackage(e.Package)
	switch e.Action {
	case "output":
		o.output.WriteString(e.Output)
	case "pass", "skip":
		o.action = e.Action
		for line := range strings.Lines(o.output.String()) {
			if strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") {
				s.printf("%s", line)
			}
		}
	case "fail":
		o.action = e.Action
		for name, t := range s.tests {
			if name.pkg == e.Package && t.action == "" { // it panicked, or its time was over
				s.printf("%s", t.output.String())
			}
		}
		s.printf("%s", o.output.String())
	}
}

// reason is a line that a test logged: its file, its number and what it says.
var reason = regexp.MustCompile(`(?m)^\s+\S+\.go:\d+: (.*)$`)

// end prints the skipped tests and the counts. It is 1 where something failed, or where go test
// failed with its code for a reason that no test shows.
func (s *summary) end(code int) int {
	passed, failed := 0, 0
	skipped := map[string][]string{} // by reason
	for name, o := range s.tests {
		switch {
		case o.action == "skip":
			why := "no reason given"
			if m := reason.FindAllStringSubmatch(o.output.String(), -1); m != nil {
				why = m[len(m)-1][1]
			}
			skipped[why] = append(skipped[why], name.pkg+" "+name.test)
		case o.action == "pass" && !o.parent:
			passed++
		case o.action != "pass" && !o.failed: // a parent fails with its subtests
			failed++
		}
	}
	for _, o := range s.packages {
		if o.action != "pass" && o.action != "skip" && !o.failed {
			failed++ // it was not built, or ended before its tests did
		}
	}
	n := 0
	for _, why := range slices.Sorted(maps.Keys(skipped)) {
		s.printf("skipped: %s\n", why)
		slices.Sort(skipped[why])
		for _, name := range skipped[why] {
			s.printf("    %s\n", name)
		}
		n += len(skipped[why])
	}
	if code != 0 && failed == 0 {
		failed = 1
	}
	s.printf("%d passed, %d failed, %d skipped\n", passed, failed, n)
	return min(failed, 1)
}
