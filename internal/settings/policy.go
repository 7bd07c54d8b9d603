package settings

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/policy"
)

// policy makes the session policy: the written one, the one the flags describe, or the
// written one with the flags' statements after its own.
func (l *loader) policy(r *request.Request, op opSet) error {
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
		both, err := joined(written, described)
		if err != nil {
			return l.value(sPolicy).wrong("with the statements added: "+finding(err), "")
		}
		r.Policy = both.String()
	}
	some := r.Policy != "" || len(r.PolicyARNs) > 0
	if r.NoPolicy && some {
		with := l.value(sPolicyARN)
		for _, s := range [...]id{sPolicy, sAllow, sDeny, sResource} {
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

// joined appends one policy's statements to another's.
func joined(written, described policy.Policy) (policy.Policy, error) {
	var doc, add map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(written.JSON(), &doc), json.Unmarshal(described.JSON(), &add)); err != nil {
		return policy.Policy{}, err
	}
	var all []json.RawMessage
	for _, d := range []map[string]json.RawMessage{doc, add} {
		var some []json.RawMessage
		if json.Unmarshal(d["Statement"], &some) != nil { // a single one need not be in a list
			some = []json.RawMessage{d["Statement"]}
		}
		all = append(all, some...)
	}
	statements, err := json.Marshal(all)
	if err != nil {
		return policy.Policy{}, err
	}
	doc["Statement"] = statements
	text, err := json.Marshal(doc)
	if err != nil {
		return policy.Policy{}, err
	}
	return policy.Parse(text)
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
