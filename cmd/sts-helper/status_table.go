package main

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/broker"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/remaining"
	"github.com/sts-helper/sts-helper/internal/request"
)

// The states of a profile: docs/status.md has the same list.
const (
	stateOK          = "ok"           // there are credentials
	stateEmpty       = "empty"        // there are none yet; the next use gets them
	stateLoginNeeded = "login-needed" // the user has to log in
	stateCodeNeeded  = "code-needed"  // the next use asks for an MFA code
	stateAsking      = "asking"       // the user is being asked at the moment
	stateFailed      = "failed"       // there are none, and getting them failed
	stateUnusable    = "unusable"     // the record cannot be used; the next use replaces it
	stateUnreadable  = "unreadable"   // the profile's settings are wrong; the detail says which
)

// statusProfile is one line of status. Times are RFC 3339, UTC.
type statusProfile struct {
	Profile     string     `json:"profile"`         // "" for a record that no profile leads to
	Agent       bool       `json:"agent,omitempty"` // it was made for a coding agent or a CI system
	Session     bool       `json:"session"`         // it is the session behind profiles, not one of them
	UsedBy      []string   `json:"used_by,omitempty"`
	Identity    string     `json:"identity,omitempty"`
	Expires     *time.Time `json:"expires,omitempty"`
	SecondsLeft int64      `json:"seconds_left,omitempty"`
	Source      string     `json:"source,omitempty"`
	State       string     `json:"state"`
	NeedsMe     bool       `json:"needs_me"` // nothing goes on before the user does something
	Detail      string     `json:"detail,omitempty"`

	left time.Duration
}

// profileStatus is the line of one profile.
func profileStatus(t *target) *statusProfile {
	s := &statusProfile{Profile: t.name, Source: sourceName(t.Provider), State: stateEmpty}
	c, err := t.Cache()
	if err != nil || c == nil {
		s.Detail = "nothing is kept"
		return s
	}
	s.fill(look(c, t.handedOut().String()))
	if s.State == stateOK || s.State == stateAsking {
		return s
	}
	if login, _ := t.SourceLogin(); login != nil {
		if why := login.Needed(); why != "" {
			s.State, s.NeedsMe, s.Detail = stateLoginNeeded, true, display.Safe(why)
			return s
		}
	}
	if t.NeedsCode(&broker.LoginBatch{}, false) && t.Request().Granted == "" {
		s.State, s.NeedsMe = stateCodeNeeded, true
		if who, ok := t.PromptedElsewhere(); ok {
			s.State, s.Detail = stateAsking, display.Safe(who.String())
		}
	}
	return s
}

// handedOut is the key of the record that t's answer is kept as.
func (t *target) handedOut() cache.Key {
	if b := t.Base(); b != nil && t.HandsOut(b.Key().String()) {
		return b.Key()
	}
	return t.Key()
}

// fill takes over what the record r says.
func (s *statusProfile) fill(r *statusRecord) {
	s.Identity, s.left, s.Agent = r.Identity, r.left, r.Agent
	if r.Expires != nil && r.left > 0 {
		s.State, s.Expires, s.SecondsLeft = stateOK, r.Expires, r.SecondsLeft
	}
	if s.Identity == "" && r.SourceKey != "" {
		s.Identity = "the user of key " + r.SourceKey
	}
	switch {
	case r.LockedBy != nil && r.LockedBy.Asking:
		s.State, s.NeedsMe, s.Detail = stateAsking, true, r.LockedBy.said
	case r.Unusable != "":
		s.State, s.Detail = stateUnusable, r.Unusable
	case r.Failure != nil && s.State == stateOK:
		s.Detail = "refresh failed: " + r.Failure.Message
	case r.Failure != nil:
		s.State, s.NeedsMe, s.Detail = stateFailed, true, r.Failure.Message
	}
}

// sourceName is what p's token is made from in the end: an AWS profile, or a kind of source.
func sourceName(p *broker.Provider) string {
	r := p.Request()
	if r.Granted != "" {
		return "granted"
	}
	mfa := r.SerialNumber != ""
	for r.Base != nil {
		r = r.Base
		mfa = mfa || r.SerialNumber != ""
	}
	name := display.Safe(cmp.Or(r.Source.Profile, string(r.Source.Kind), "token"))
	if s := r.Source.Stored; s != nil {
		name += " " + s.Name
	}
	if s := r.Source; s.Kind != request.SourceStatic && s.Profile != "" {
		name += " (" + string(s.Kind) + ")"
	}
	if mfa {
		name += " + MFA"
	}
	return name + narrowing(p.Request())
}

// narrowing says what narrows the credentials of a request that names no operation, "" for nothing.
func narrowing(r *request.Request) string {
	switch {
	case r.Agent != "":
		return ", an agent's"
	case r.Scoped():
		return ", narrowed"
	case r.Reason != "" && r.FederationName != "":
		return ", federation token"
	}
	return ""
}

// statusLines are the lines of all profiles, sessions once, those that need the user first.
func statusLines(known []*target, bad []unreadable, caches []*cache.Cache) ([]*statusProfile, error) {
	all := []*statusProfile{}
	shown := map[string]*statusProfile{}
	at := func(c *cache.Cache, key string) string { return c.Path() + "\n" + key }
	for _, b := range bad {
		all = append(all, &statusProfile{Profile: b.name, State: stateUnreadable, NeedsMe: true, Detail: display.Safe(b.err.Error())})
	}
	for _, t := range known {
		s := profileStatus(t)
		all = append(all, s)
		if c, err := t.Cache(); err == nil && c != nil {
			shown[at(c, t.Key().String())] = s
		}
	}
	for _, t := range known {
		c, err := t.Cache()
		if err != nil || c == nil {
			continue
		}
		for b := t.Base(); b != nil; b = b.Base() {
			s := shown[at(c, b.Key().String())]
			if s == nil {
				r := look(c, b.Key().String())
				s = &statusProfile{Profile: t.name, Session: true, Source: sourceName(b), State: stateEmpty}
				s.fill(r)
				shown[at(c, b.Key().String())] = s
				if r.there() && !t.HandsOut(b.Key().String()) {
					all = append(all, s)
				}
			}
			if s.Session {
				s.UsedBy = append(s.UsedBy, t.name)
			}
		}
	}
	for _, c := range caches {
		keys, err := c.Names()
		if err != nil {
			return nil, noCache(err)
		}
		for _, key := range keys {
			r := look(c, key)
			if shown[at(c, key)] != nil || r.Expires == nil && r.Unusable == "" {
				continue // a failure of what no profile asks for needs no user
			}
			s := &statusProfile{State: stateEmpty}
			s.fill(r)
			s.NeedsMe = false
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b *statusProfile) int {
		return cmp.Or(falseFirst(b.NeedsMe, a.NeedsMe), falseFirst(a.Profile == "", b.Profile == ""), falseFirst(a.Session, b.Session), compareNames(a.Profile, b.Profile))
	})
	return all, nil
}

// falseFirst puts false before true.
func falseFirst(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// compareNames sorts as people count: team2 before team10.
func compareNames(a, b string) int {
	digit := func(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
	number := func(s string) (n, rest string) {
		i := 0
		for i < len(s) && digit(s[i:]) {
			i++
		}
		return strings.TrimLeft(s[:i], "0"), s[i:]
	}
	x, y := a, b
	for x != "" && y != "" {
		if digit(x) && digit(y) {
			m, xs := number(x)
			n, ys := number(y)
			if c := cmp.Or(cmp.Compare(len(m), len(n)), cmp.Compare(m, n)); c != 0 {
				return c
			}
			x, y = xs, ys
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

// shortIdentity is an ARN as a column has room for it: the role or the user, and the account.
func shortIdentity(identity string) string {
	arn, ok := awsname.ParseARN(identity)
	if !ok {
		return identity
	}
	what := arn.Resource
	if role, ok := strings.CutPrefix(what, "assumed-role/"); ok {
		what, _, _ = strings.Cut(role, "/")
	}
	return what + " in " + arn.Account
}

// table writes the lines, each no longer than width columns, with colours where they are wanted.
func table(lines []*statusProfile, width int, colour bool) string {
	rows := [][]string{{"PROFILE", "IDENTITY", "ENDS IN", "SOURCE", "STATE"}}
	for _, s := range lines {
		name, left, state := cmp.Or(s.Profile, "(none)"), "-", s.State
		if s.Agent && s.Profile == "" {
			name = "(an agent)"
		}
		if s.Session {
			name = "session of " + several(s.UsedBy)
		}
		if s.Expires != nil {
			left = remaining.Text(s.left)
		}
		if s.Detail != "" {
			state += ": " + s.Detail
		}
		rows = append(rows, []string{name, cmp.Or(shortIdentity(s.Identity), "-"), left, cmp.Or(s.Source, "-"), state})
	}
	most := [...]int{30, 40, 10, 24}
	var widths [4]int
	for _, r := range rows {
		for i := range widths {
			r[i] = display.Clip(r[i], most[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(r[i]))
		}
	}
	state := 0
	for _, r := range rows {
		state = max(state, utf8.RuneCountInString(r[4]))
	}
	narrow(&widths, min(state, stateRoom), width)
	for _, r := range rows {
		for i := range widths {
			r[i] = display.Clip(r[i], widths[i])
		}
	}
	var b strings.Builder
	for n, r := range rows {
		line := ""
		for i, w := range widths {
			line += r[i] + strings.Repeat(" ", w-utf8.RuneCountInString(r[i])+2)
		}
		line += r[4]
		if width > 0 {
			line = display.Clip(line, width)
		}
		code := ""
		if colour {
			switch {
			case n == 0:
				code = "1" // bold
			case lines[n-1].NeedsMe:
				code = "33" // yellow
			case lines[n-1].State == stateEmpty:
				code = "2" // dim
			}
		}
		if code != "" {
			line = "\x1b[" + code + "m" + line + "\x1b[0m"
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// stateRoom is what the state needs, for a word and the beginning of what it is about.
const stateRoom = 18

// narrow makes columns narrower until the state has room behind them, on a terminal of that width: first the
// identity, which the others nearly say, then the source and the name.
func narrow(widths *[4]int, state, width int) {
	over := widths[0] + widths[1] + widths[2] + widths[3] + 2*len(widths) + state - width
	for _, c := range [...]struct{ column, least int }{{1, 12}, {3, 10}, {0, 12}} {
		if less := min(over, widths[c.column]-c.least); width > 0 && less > 0 {
			widths[c.column] -= less
			over -= less
		}
	}
}

// screen is how wide the terminal on standard output is, 0 where it is none, and whether colours
// are welcome (https://no-color.org).
func (p *program) screen() (width int, colour bool) {
	if !p.terminal(p.stdout) {
		return 0, false
	}
	width, _, err := term.GetSize(int(p.stdout.Fd()))
	if err != nil {
		width = 80
	}
	return width, p.env.Getenv("NO_COLOR") == "" && p.env.Getenv("TERM") != "dumb"
}

// statusEvery is how often status --watch looks.
const statusEvery = time.Second

// watch shows what status shows until the user ends it: on a terminal in place, else whenever it
// changes.
func (p *program) watch(ctx context.Context, show func() (string, error)) error {
	last, done := "", ctx.Done() // signals are watched for before anything is shown
	for {
		text, err := show()
		if err != nil {
			return err
		}
		if p.terminal(p.stdout) {
			text = "\x1b[H\x1b[2J" + text
		}
		if text != last {
			if _, err := p.stdout.WriteString(text); err != nil {
				return err
			}
			last = text
		}
		select {
		case <-done:
			return context.Cause(ctx)
		case <-time.After(statusEvery):
		}
	}
}
