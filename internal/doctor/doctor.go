// Package doctor finds what breaks set-ups that look right: each rule is a small check of files,
// variables and clocks that were read before, and names the mend. It opens and asks nothing itself.
package doctor

import (
	"fmt"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/remaining"
)

// Level says how much a finding matters.
type Level string

const (
	// Problem is what keeps programs from their credentials, or will.
	Problem Level = "problem"
	// Advice is what works and could be better. A set-up with advice alone is healthy.
	Advice Level = "advice"
)

// Finding is one thing that is wrong. The texts are safe to show.
type Finding struct {
	Check   string `json:"check"` // which rule found it; docs/doctor.md has them all
	Level   Level  `json:"level"`
	Profile string `json:"profile,omitempty"` // "" where it is about all of them
	Where   string `json:"where,omitempty"`   // file:line, a variable, a file or a URL
	Problem string `json:"problem"`
	Mend    string `json:"mend"`
}

// String is the finding on one line.
func (f Finding) String() string {
	s := f.Problem
	if f.Where != "" {
		s = f.Where + ": " + s
	}
	if f.Profile != "" {
		s = f.Profile + ": " + s
	}
	if f.Level == Advice {
		s = "advice: " + s
	}
	return s + "; " + f.Mend
}

const (
	// shortestUseful is the shortest life of credentials with which no SDK refreshes at every use: botocore
	// and .NET refresh what has less than 15 minutes left (botocore credentials.py, _advisory_refresh_timeout).
	shortestUseful = 20 * time.Minute
	// skewTolerated is what a clock may be off; AWS refuses requests that are 5 minutes off.
	skewTolerated = time.Minute
)

// Clock checks this machine's time against the Date of an answer of STS; here is zero where there was none.
func Clock(here, there time.Time, from string) []Finding {
	d := here.Sub(there)
	if here.IsZero() || d.Abs() <= skewTolerated {
		return nil
	}
	word := "ahead of"
	if d < 0 {
		word = "behind"
	}
	return []Finding{{"clock", Problem, "", from, fmt.Sprintf("this machine's clock is %s %s that of STS", remaining.Text(d.Abs()), word), "set the clock: AWS refuses requests that are 5 minutes off"}}
}

// Agent is what there is to say where a coding agent or a CI system is known by a variable, and nothing says
// what it gets.
func Agent(variable, name string) Finding {
	return Finding{"agent", Advice, "", variable, "it is set, so that " + name + " asks, and it gets the same credentials as you: no config.toml has a table [agent]",
		"write what it gets there: docs/howto/agents.md"}
}

// Lifetime checks how long the credentials of a profile live, and the session that they are made from, 0 for none.
func Lifetime(profile string, life, session time.Duration) (all []Finding) {
	short := func(d time.Duration) bool { return 0 < d && d < shortestUseful }
	if short(life) {
		all = append(all, Finding{"short-life", Problem, profile, "", "credentials live " + display.Duration(life) + ", and botocore and .NET refresh what lasts less than 15 minutes at every use", "let duration be 20m or more"})
	}
	if short(session) {
		all = append(all, Finding{"short-life", Problem, profile, "", "the session behind the role lives " + display.Duration(session) + ", so it is made anew nearly each time that the role is", "let session_duration be 20m or more"})
	}
	return all
}
