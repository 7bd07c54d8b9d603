package settings

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// What an agent or a CI system gets is said by [agent] of config.toml, and where that has not got a key, by
// [agent] of the fleet's file. It changes the request before its key is computed. It is a safety net: an agent
// that unsets the variable it is known by is taken for the user.

// ErrAgentRefused is in the errors for agents that get no credentials.
var ErrAgentRefused = errors.New("agents get no credentials")

// agent is who asks, where it is not the user.
type agent struct {
	sign    Sign
	where   string // the table, as file:line
	values  [settingCount]*settingValue
	instead bool // another profile took the place of what was asked for
}

// openAgent finds out whether an agent asks, and replaces or refuses what it asks for.
func (l *loader) openAgent() error {
	tables := slices.DeleteFunc([]*agentTable{l.file.agentTable(), l.fleet.agentTable()}, func(t *agentTable) bool { return t == nil })
	if len(tables) == 0 {
		return nil
	}
	a := &agent{where: fileLine(tables[0].file, tables[0].line)}
	var profile, refuse *settingValue
	for _, t := range tables {
		for _, v := range t.asked.values {
			if a.values[v.setting] == nil {
				a.values[v.setting] = &settingValue{setting: &settings[v.setting], list: v.list, layer: fromAgent, file: t.file, line: v.line}
			}
		}
		if profile == nil && t.profile.line != 0 {
			profile = &settingValue{setting: &keyAgentProfile, list: []string{t.profile.value}, layer: fromAgent, file: t.file, line: t.profile.line}
		}
		if refuse == nil && t.refuse.line != 0 {
			refuse = &settingValue{setting: &keyAgentRefuse, list: []string{"false"}, layer: fromAgent, file: t.file, line: t.refuse.line}
			if t.refuse.value {
				refuse.list[0] = "true"
			}
		}
	}
	// A mistake in the table is reported to all, not to the first agent alone.
	if err := a.check(); err != nil {
		return err
	}
	refused := refuse != nil && refuse.text() == "true"
	if !refused && profile == nil && !a.narrows() && a.values[sDuration] == nil {
		return &Error{Kind: Config, Where: a.where, What: "[agent] does not say what agents get", Do: "add profile, read_only, allow, deny, policy, duration or refuse"}
	}
	var ok bool
	if a.sign, ok = l.signOf(tables); !ok {
		return nil
	}
	if refused {
		return &Error{Kind: Config, Where: refuse.from(), What: a.sign.Variable + " is set, so that " + a.sign.Name + " asks, and agents get no credentials here",
			Do: "run it in a shell of your own", Err: ErrAgentRefused}
	}
	l.agent = a
	if profile != nil {
		l.askFor(profile)
	}
	return nil
}

// signOf looks at all variables, so that all are noted for direct answers, and gives the first that is set.
func (l *loader) signOf(tables []*agentTable) (found Sign, ok bool) {
	look := func(s Sign) {
		if s.shows(l.env) && !ok {
			found, ok = s, true
		}
	}
	for _, t := range tables {
		for _, text := range t.detect.value {
			look(userSign(text))
		}
	}
	for _, s := range signs {
		if !slices.ContainsFunc(tables, func(t *agentTable) bool { return slices.Contains(t.ignore.value, s.Variable) }) {
			look(s)
		}
	}
	return found, ok
}

// keptForAgents are the settings that hold for whatever profile an agent gets: they narrow, or say how
// STS is asked.
var keptForAgents = [...]id{sRegion, sEndpointURL, sFIPS, sDualStack, sCacheDir, sNoCache, sWait, sVerbose, sMFACode, sMFAProcess, sPrompt,
	sPolicy, sAllow, sDeny, sResource, sReadOnly, sDuration}

// askFor makes g's profile the one that is asked for, and drops what flags and variables ask for beside it.
func (l *loader) askFor(g *settingValue) {
	for i := range l.values {
		if !slices.Contains(keptForAgents[:], id(i)) {
			l.values[i] = nil
		}
	}
	l.values[sProfile], l.agent.instead = g, true
}

// check checks what the table asks for, as that of an entry is.
func (a *agent) check() error {
	for i, g := range a.values {
		if g == nil {
			continue
		}
		if len(g.list) == 0 {
			a.values[i] = nil
			continue
		}
		if err := g.check(); err != nil {
			return err
		}
		switch g.setting.Kind {
		case Bool:
			if on, err := g.bool(); err != nil {
				return err
			} else if !on {
				a.values[i] = nil
			}
		case Duration:
			d, err := g.duration()
			if least, _ := stsfield.Durations(token.GetScopedCredentials); err == nil && d < least {
				err = g.wrong(display.Duration(d)+" is too short: "+display.Duration(least)+" is the least", "")
			}
			if err != nil {
				return err
			}
		}
	}
	if a.values[sResource] != nil && a.values[sAllow] == nil && a.values[sDeny] == nil {
		return a.values[sResource].wrong("goes with allow and deny, and there is neither", "add one of them")
	}
	return nil
}

// narrows reports whether the agent's credentials are narrowed by a policy; a may be nil.
func (a *agent) narrows() bool { return a.policySetting() != nil }

// policySetting is the first setting that makes the agent's policy, nil for none.
func (a *agent) policySetting() *settingValue {
	if a == nil {
		return nil
	}
	for _, s := range policySettings {
		if s != sResource && a.values[s] != nil {
			return a.values[s]
		}
	}
	return nil
}

// limit is the longest life that the agent's credentials have, 0 for none; a may be nil.
func (a *agent) limit() time.Duration {
	if a == nil || a.values[sDuration] == nil {
		return 0
	}
	d, _ := a.values[sDuration].duration() // it was checked
	return d
}

// nameAgent puts what says who asks in the place of what the profile says of the user.
func (l *loader) nameAgent() {
	if l.agent == nil {
		return
	}
	for _, s := range agentNames {
		g := l.agent.values[s]
		if g == nil {
			continue
		}
		named := *g
		named.list = nil
		for _, v := range g.list {
			named.list = append(named.list, strings.ReplaceAll(v, "{agent}", l.agent.sign.ID))
		}
		if old := l.values[s]; old != nil && s == sTag {
			named.list = append(slices.DeleteFunc(slices.Clone(old.list), func(tag string) bool {
				key, _, _ := strings.Cut(tag, "=")
				return slices.ContainsFunc(named.list, func(n string) bool {
					of, _, _ := strings.Cut(n, "=")
					return strings.EqualFold(of, key)
				})
			}), named.list...)
		}
		l.values[s] = &named
	}
}

// keepOwnLife keeps an agent from a longer life than the profile that it gets has.
func (l *loader) keepOwnLife() {
	own, asked := l.own[sDuration], l.values[sDuration]
	if l.agent == nil || own == nil || own == asked {
		return
	}
	longest, err := own.duration()
	if d, askedErr := asked.duration(); err != nil || askedErr == nil && d > longest {
		l.values[sDuration] = own
	}
}

// agentFits refuses what an agent cannot be given less of.
func (l *loader) agentFits(op opSet) error {
	switch g := l.agent.policySetting(); {
	case l.agent == nil:
	case g != nil && op&opsPolicy == 0:
		return g.wrong("is what agents get, and does not go with "+op.String()+", which is what is asked for", "let agents get another profile, or run it yourself")
	case op == opGranted && l.agent.limit() > 0:
		return l.agent.values[sDuration].wrong("is how long credentials of agents live at most, and does not go with a granted token, which lives as long as it does", "let agents get another profile, or run it yourself")
	}
	return nil
}

// limitLife lowers r's life, or the shorter one that it is narrowed to, to what agents get.
func (l *loader) limitLife(r *request.Request, op opSet, narrower time.Duration) time.Duration {
	limit := l.agent.limit()
	if l.fleet != nil && l.fleet.fleet.policy.maxDuration.line != 0 {
		limit = min(limit, l.fleet.fleet.policy.maxDuration.value)
	}
	low, high := stsfield.Durations(token.Operation(r.Operation))
	asked := narrower
	if asked == 0 {
		asked = r.Duration
	}
	if asked == 0 {
		asked = stsfield.DefaultDuration(token.Operation(r.Operation))
	}
	switch {
	case limit == 0 || asked != 0 && asked <= limit:
		return narrower
	case limit < low:
		r.Duration = 0
		return limit
	}
	if op == opRole && chained(r) {
		high = min(high, time.Hour)
	}
	r.Duration = min(limit, high)
	return 0
}

// mark notes in r that an agent asked, so that its token is never a user's.
func (a *agent) mark(r *request.Request) {
	if a == nil {
		return
	}
	r.Agent, r.Instead = a.sign.Name, a.instead
	r.Reason = strings.TrimPrefix(r.Reason+"; "+a.sign.Variable+" is set, so that "+a.sign.Name+" asks: "+a.where+" says what it gets", "; ")
}
