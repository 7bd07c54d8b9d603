package settings

import (
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// duration checks the life asked for against the operation's bounds (STS API reference). What is too short
// for it is what its credentials are narrowed to then.
func (l *loader) duration(r *request.Request, op opSet) (narrower time.Duration, err error) {
	g := l.value(sDuration)
	if g == nil {
		return 0, nil
	}
	d, err := g.duration()
	if err != nil {
		return 0, err
	}
	low, high := stsfield.Durations(token.Operation(r.Operation))
	least := low
	if op != opRoot {
		least, _ = stsfield.Durations(token.GetScopedCredentials)
	}
	if g.layer == fromDefaults {
		longest := high
		if op == opRole && chained(r) {
			longest = time.Hour
		}
		d = clamp(d, low, longest)
	}
	switch {
	case d < least:
		return 0, g.wrong(display.Duration(d)+" is out of bounds: "+display.Duration(least)+" is the least", "")
	case d > high:
		return 0, g.wrong(display.Duration(d)+" is out of bounds: "+r.Operation+" takes "+display.Duration(low)+" to "+display.Duration(high), "")
	case d < low:
		r.Duration = 0
		return d, nil
	case op == opRole && chained(r) && d > time.Hour:
		return 0, g.wrong(display.Duration(d)+" is too long: "+chainedRule, "")
	}
	r.Duration = d
	return 0, nil
}

// sessionDuration sets the life of the MFA session that r is made from.
func (l *loader) sessionDuration(r *request.Request) error {
	g := l.value(sSessionDuration)
	if g == nil {
		return nil
	}
	d, err := g.duration()
	if err != nil {
		return err
	}
	session := r.Base
	for session != nil && session.Base != nil {
		session = session.Base
	}
	if session == nil || session.Operation != opSession.String() {
		if g.layer == fromVariable || g.layer == fromDefaults {
			return nil // it holds for those profiles that have one
		}
		return g.wrong("is of no effect: no MFA session is behind it", "add --mfa-serial, or remove it")
	}
	low, high := stsfield.Durations(token.GetSessionToken)
	if d < low || d > high {
		return g.wrong(display.Duration(d)+" is out of bounds: "+session.Operation+" takes "+display.Duration(low)+" to "+display.Duration(high), "")
	}
	session.Duration = d
	return nil
}

const chainedRule = "a role that is assumed from a role lasts an hour at most"

// chained reports whether a role is assumed with a role's credentials, which limits its life.
func chained(r *request.Request) bool { return r.Base != nil && r.Base.RoleARN != "" }
