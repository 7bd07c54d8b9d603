package settings

import (
	"strconv"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/policy"
	"github.com/sts-helper/sts-helper/token"
)

// Temporary credentials are narrowed by GetScopedCredentials: where a policy or a short life is asked for
// and no operation that takes it, and where a policy comes on top of another one, which it must not widen.

// policySettings are the settings that make a session policy of a request for any operation,
// allPolicySettings those too that only some operations take.
var (
	policySettings    = [...]id{sPolicy, sAllow, sDeny, sResource, sReadOnly}
	allPolicySettings = [...]id{sPolicy, sAllow, sDeny, sResource, sReadOnly, sPolicyARN}
)

// asksToNarrow reports whether a policy is asked for.
func (l *loader) asksToNarrow() bool {
	for _, s := range allPolicySettings {
		if l.isOn(s) {
			return true
		}
	}
	return l.agent.narrows()
}

// isOn reports whether a setting has a value that asks for something.
func (l *loader) isOn(s id) bool {
	g := l.value(s)
	if g == nil || g.setting.Kind != Bool {
		return g != nil
	}
	on, err := g.bool()
	return on || err != nil // the error is reported where it is read
}

// inferNarrowing decides what is asked of STS where no setting names an operation and the source is s:
// for temporary credentials GetScopedCredentials; for a user's keys a federation token, or where an MFA
// device is known, which that cannot show, a session with MFA that is narrowed then.
func (l *loader) inferNarrowing(r *request.Request, s sourceChain) (opSet, error) {
	temporary := s.source.Asked() || s.source.Session
	limited := l.agent.limit() > 0 // as a life is that is asked for
	if !l.asksToNarrow() && !limited && !(temporary && l.value(sDuration) != nil && !l.defaultDuration()) {
		return opSession, nil
	}
	serial, err := l.knownSerial(s)
	if err != nil {
		return 0, err
	}
	name := display.Safe(l.name(r))
	switch {
	case serial != "" && !s.source.Session:
		what := "a policy is asked for"
		if !l.asksToNarrow() {
			if !limited {
				return opSession, nil // only its life is asked for
			}
			what = "an agent's life is shorter than the user's" // one code is for both
		}
		r.Reason = what + ", and an MFA device of " + name + " is known: GetSessionToken with MFA, then GetScopedCredentials"
		session, err := l.mfaSession(s.source, serial, s.profile)
		if err != nil {
			return 0, err
		}
		r.Base, r.Source = session, request.Source{}
	case temporary:
		r.Reason = "the temporary credentials of " + name + " are to be narrowed"
	case !l.asksToNarrow():
		return opSession, nil
	default:
		r.Reason = "a policy is asked for, " + name + " has a long-term key, and no MFA device is known"
		r.Operation, r.FederationName = opFederation.String(), l.federationName()
		return opFederation, nil
	}
	r.Operation = opScope.String()
	if temporary && l.asksToNarrow() && r.Base == nil && mayBeLongTerm(s.source) {
		r.FederationName = l.federationName() // where it turns out to be a user's key
	}
	return opScope, nil
}

// mayBeLongTerm reports whether a source that has to be asked can give a user's key.
func mayBeLongTerm(s request.Source) bool {
	switch s.Kind {
	case request.SourceProcess, request.SourceCommand, request.SourceDefault:
		return true
	}
	return false
}

// knownSerial is the MFA device that is set, or that the profile of the keys names; "" for none.
func (l *loader) knownSerial(s sourceChain) (string, error) {
	if g := l.value(sMFASerial); g != nil && g.layer != fromDefaults {
		if what := noCodes(g.text()); what != "" {
			return "", g.wrong(what, noCodesDo)
		}
		return g.text(), nil
	}
	if s.profile != nil && !longTerm(s) {
		return "", nil
	}
	return l.keySerial(s)
}

// federationName is the name of a federated user where none is set.
func (l *loader) federationName() string {
	name := l.env.sessionName()
	longest := stsfield.Find(token.GetFederationToken, "Name").Max
	return name[:min(len(name), longest)]
}

// policyLayers give l with one policy each: the profile's, that of flags and variables, which narrows
// further, and an agent's, which does on top of both. There is at least one.
func (l *loader) policyLayers() []*loader {
	own, line := l.splitPolicy()
	layers := []*loader{own}
	if line != nil {
		layers = append(layers, line)
	}
	if !l.agent.narrows() {
		return layers
	}
	top := *l
	for _, s := range policySettings {
		top.values[s] = l.agent.values[s]
	}
	top.values[sPolicyARN], top.values[sNoPolicy] = nil, nil
	if without := l.withoutAgent(); !without.asksToNarrow() && !without.isOn(sNoPolicy) {
		return []*loader{&top}
	}
	return append(layers, &top)
}

// withoutAgent is l as if the user asked.
func (l *loader) withoutAgent() *loader {
	user := *l
	user.agent = nil
	return &user
}

// splitPolicy gives l with the policy of the profile alone, and l with that of flags and variables alone,
// which narrows further; nil where only one of them has a policy.
func (l *loader) splitPolicy() (profilePolicy, linePolicy *loader) {
	own, line := l.profilePolicy() != nil, false
	for _, s := range policySettings {
		// A resource makes none alone: it narrows what the line allows, else what the profile does.
		if g := l.values[s]; g != nil && !g.profile && (s != sResource || l.own[sAllow] != nil) {
			line = true
		}
	}
	if !own || !line {
		return l, nil
	}
	of, on := *l, *l
	for _, s := range policySettings {
		of.values[s] = l.own[s]
		if g := l.values[s]; g != nil && g.profile {
			on.values[s] = nil
		}
	}
	on.values[sPolicyARN], on.values[sNoPolicy] = nil, nil
	if on.values[sResource] != nil && on.values[sAllow] == nil {
		on.values[sAllow] = l.own[sAllow]
	}
	return &of, &on
}

// profilePolicy is the first setting that makes the profile's own policy, nil for none.
func (l *loader) profilePolicy() *settingValue {
	for _, s := range allPolicySettings {
		if s != sResource && l.own[s] != nil {
			return l.own[s]
		}
	}
	return nil
}

// narrow puts what is left to narrow on top of r: further policies, and a life that is shorter than r's
// operation gives. What lies below a policy must allow that it is narrowed.
func (l *loader) narrow(r *request.Request, further []string, life time.Duration) (*request.Request, error) {
	if len(further) == 0 && life > 0 {
		further = []string{""}
	}
	for i, p := range further {
		below := r
		if err := l.allowNarrowing(below); err != nil {
			return nil, err
		}
		r = request.Narrow(below, p, 0)
		r.Reason = "credentials of " + below.Operation + " are to be narrowed further"
		if i == len(further)-1 {
			r.Duration = life
		}
		if p == "" {
			r.Reason = below.Operation + " gives no credentials that live for less than " + display.Duration(leastLife(below))
		}
		l.top.fill(r)
	}
	if n := r.ScopedPolicies(); n > stsfield.MaxScopedPolicies {
		return nil, &Error{Kind: Config, Where: "the session policies", Do: "leave one out, or join two of them in one file",
			What: "there are " + strconv.Itoa(n) + " to narrow one session by, one after the other, and GetScopedCredentials takes " + strconv.Itoa(stsfield.MaxScopedPolicies)}
	}
	return r, l.checkRegional(r)
}

// checkRegional refuses to ask the global endpoint for what it does not have.
func (l *loader) checkRegional(r *request.Request) error {
	for ; r != nil; r = r.Base {
		if r.Scoped() && awsname.GlobalSTS(r.Endpoint, r.Region) {
			return &Error{Kind: Config, Where: "GetScopedCredentials", What: "is not to be had at the global endpoint of STS", Do: "name a region, such as --region us-east-1, and no endpoint"}
		}
	}
	return nil
}

func leastLife(r *request.Request) time.Duration {
	low, _ := stsfield.Durations(token.Operation(r.Operation))
	return low
}

// allowNarrowing makes the policy of r, where it has one, allow that what r gives is narrowed further.
func (l *loader) allowNarrowing(r *request.Request) error {
	if r.Policy == "" && len(r.PolicyARNs) == 0 {
		return nil
	}
	widened, err := policy.AllowNarrowing(r.Policy)
	if err != nil {
		return &Error{Kind: Config, Where: "the session policy of " + display.Safe(r.Name), What: "does not allow sts:GetScopedCredentials, which narrowing it further takes: " + finding(err), Do: "make it shorter"}
	}
	r.Policy = widened
	return nil
}

// describe passes the description on to the session that is handed out, which must be a scoped one.
func (l *loader) describe(r *request.Request) error {
	g := l.value(sDescription)
	switch {
	case g == nil:
	case r.Scoped():
		r.Description = g.text()
	case g.layer != fromVariable && g.layer != fromAgent:
		return g.wrong("is of no effect: "+r.Operation+" takes none, and nothing is narrowed by GetScopedCredentials", "remove it, or narrow the session, by --read-only or --allow for one")
	}
	return nil
}
