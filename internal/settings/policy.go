package settings

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/policy"
)

// policy makes the session policy of r, and those that narrow what r gives further: a policy of flags or
// variables narrows what the profile's own allows, and an agent's both; none takes the place of another.
func (l *loader) policy(r *request.Request, op opSet) (further []string, err error) {
	if g, own := l.value(sPolicyARN), l.profilePolicy(); g != nil && !g.profile && own != nil {
		return nil, g.wrong("does not narrow "+own.from()+": STS allows what either of them does, and GetScopedCredentials, which narrows further, takes no ARNs", "give the policy's statements in --policy")
	}
	layers := l.policyLayers()
	if further, err = layers[0].onePolicy(r, op); err != nil {
		return nil, err
	}
	for _, layer := range layers[1:] {
		var top request.Request
		more, err := layer.onePolicy(&top, opScope)
		if err != nil {
			return nil, err
		}
		further = append(append(further, top.Policy), more...)
	}
	return further, nil
}

// onePolicy makes one session policy: the written one, the one the flags describe, or the
// written one with the flags' statements after its own. That of --read-only comes after another one.
func (l *loader) onePolicy(r *request.Request, op opSet) (further []string, err error) {
	if err := l.explicitPolicy(r, op); err != nil {
		return nil, err
	}
	readOnly, err := l.boolValue(sReadOnly)
	if err != nil || !readOnly {
		return nil, err
	}
	how := "an inline policy of the commonest services, since GetScopedCredentials takes no ARNs"
	switch {
	case op&opsARNs != 0 && r.Policy == "" && len(r.PolicyARNs) == 0:
		how = "arn:" + r.Partition + ":iam::aws:policy/ReadOnlyAccess"
		r.PolicyARNs = []string{how}
	case r.Policy == "" && len(r.PolicyARNs) == 0:
		r.Policy = policy.ReadOnly().String()
	default:
		further = []string{policy.ReadOnly().String()}
	}
	r.Reason = strings.TrimPrefix(r.Reason+"; read-only is "+how, "; ")
	return further, nil
}

func (l *loader) explicitPolicy(r *request.Request, op opSet) error {
	var err error
	if r.NoPolicy, err = l.boolValue(sNoPolicy); err != nil {
		return err
	}
	if g := l.value(sPolicyARN); g != nil {
		if err := policy.CheckARNs(g.list); err != nil {
			return g.wrong(finding(err), "")
		}
		r.PolicyARNs = g.list
	}
	var written, described policy.Policy
	if g := l.value(sPolicy); g != nil {
		if written, err = l.writtenPolicy(g); err != nil {
			return err
		}
	}
	parts := [...]*settingValue{l.value(sAllow), l.value(sDeny), l.value(sResource)}
	if i := slices.IndexFunc(parts[:], func(g *settingValue) bool { return g != nil }); i >= 0 {
		described, err = policy.New().Allow(l.list(sAllow)...).Deny(l.list(sDeny)...).Resource(l.list(sResource)...).Build()
		if err != nil {
			return parts[i].wrong("the session policy: "+finding(err), "")
		}
	}
	switch {
	case written.IsZero():
		r.Policy = described.String()
	case described.IsZero():
		r.Policy = written.String()
	default:
		both, err := policy.Join(written, described)
		if err != nil {
			return l.value(sPolicy).wrong("with the statements added: "+finding(err), "")
		}
		r.Policy = both.String()
	}
	some := r.Policy != "" || len(r.PolicyARNs) > 0 || l.isOn(sReadOnly)
	if r.NoPolicy && some {
		with := l.value(sPolicyARN)
		for _, s := range policySettings {
			if g := l.value(s); g != nil {
				with = g
			}
		}
		return l.value(sNoPolicy).wrong("does not go with "+with.from(), "remove one of them")
	}
	if op == opFederation && !some && !r.NoPolicy {
		return l.value(sFederationName).wrong("a federation token without a session policy may do nothing at all",
			"add --policy, --policy-arn or --allow, or say --no-policy if that is meant")
	}
	return nil
}

// writtenPolicy reads the file of --policy.
func (l *loader) writtenPolicy(g *settingValue) (policy.Policy, error) {
	path := l.path(sPolicy)
	data, _, err := l.env.readFile(path)
	if err != nil {
		return policy.Policy{}, &Error{Kind: g.kind(), Where: g.from(), What: "cannot read " + display.Safe(path) + ": " + err.Error(), Err: err}
	}
	p, err := policy.Parse(data)
	if err == nil {
		return p, nil
	}
	where := display.Safe(path)
	if f := firstFinding(err); f != nil && f.Line > 0 {
		where = fileLine(path, f.Line) + ":" + strconv.Itoa(f.Column)
	}
	return policy.Policy{}, &Error{Kind: Config, Where: where, What: "the session policy: " + finding(err), Do: "sts-helper policy check shows every fault"}
}

func firstFinding(err error) *policy.Finding {
	var pe *policy.Error
	if !errors.As(err, &pe) {
		return nil
	}
	for i := range pe.Findings {
		if pe.Findings[i].Severity == policy.SeverityError {
			return &pe.Findings[i]
		}
	}
	return nil
}

// finding is the first fault as one phrase, without its line, which the error's place has.
func finding(err error) string {
	f := firstFinding(err)
	switch {
	case f == nil:
		return err.Error()
	case f.Path != "":
		return f.Path + ": " + f.Message
	}
	return f.Message
}
