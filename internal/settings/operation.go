package settings

import (
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// operations names each set of one.
func (o opSet) String() string {
	switch o {
	case opSession:
		return string(token.GetSessionToken)
	case opFederation:
		return string(token.GetFederationToken)
	case opRole:
		return string(token.AssumeRole)
	case opWebIdentity:
		return string(token.AssumeRoleWithWebIdentity)
	case opSAML:
		return string(token.AssumeRoleWithSAML)
	case opRoot:
		return string(token.AssumeRoot)
	case opScope:
		return string(token.GetScopedCredentials)
	}
	return "a granted token"
}

// inferOperation finds the operation that the settings ask for, and the setting that says so, nil where
// none does: then it is a session, or the role that the source profile defines.
func (l *loader) inferOperation() (opSet, *settingValue) {
	if g := l.value(sGranted); g != nil {
		return opGranted, g
	}
	if g := l.value(sFederationName); g != nil {
		return opFederation, g
	}
	if g := l.value(sRoleARN); g != nil {
		for _, s := range webIdentities {
			if g := l.value(s); g != nil {
				return opWebIdentity, g
			}
		}
		for _, s := range [...]id{sSAMLAssertionFile, sSAMLAssertionCommand, sPrincipalARN} {
			if g := l.value(s); g != nil {
				return opSAML, g
			}
		}
		return opRole, g
	}
	if g := l.value(sTargetPrincipal); g != nil {
		return opRoot, g
	}
	return opSession, nil
}

// webIdentities are the settings that say where a web identity token comes from; one is set.
var webIdentities = [...]id{sWebIdentityTokenFile, sWebIdentityTokenCommand, sWebIdentity}

// request makes the request.
func (l *loader) request() (*request.Request, error) {
	op, by := l.inferOperation()
	if by != nil {
		if err := l.checkConflicts(op, by); err != nil {
			return nil, err
		}
	}
	if op == opGranted {
		if err := l.agentFits(op); err != nil {
			return nil, err
		}
		return l.granted(by)
	}
	signed := op != opWebIdentity && op != opSAML
	if err := l.findSource(signed); err != nil {
		return nil, err
	}
	var err error
	if l.top, err = l.stsEndpoint(l.source.profile); err != nil {
		return nil, err
	}
	var s sourceChain
	if signed {
		if s, err = l.resolveSource(); err != nil {
			return nil, err
		}
	}
	r := &request.Request{Operation: op.String(), Base: s.base, Source: s.source}
	if by == nil {
		if s.base != nil {
			// Session tokens cannot be had with a role's credentials. A caller that names
			// a profile that is a role and no operation wants that role, shared.
			r = s.base
			op = opRole
			if r.Operation == opWebIdentity.String() {
				op = opWebIdentity
			}
		} else if op, err = l.inferNarrowing(r, s); err != nil {
			return nil, err
		}
		if err := l.checkConflicts(op, nil); err != nil {
			return nil, err
		}
	}
	if err := l.agentFits(op); err != nil {
		return nil, err
	}
	r.Name = l.name(r)
	l.top.fill(r)
	further, life, err := l.fillDefaults(r, op, s)
	if err != nil {
		return nil, err
	}
	if err := l.checkDevice(r, op); err != nil {
		return nil, err
	}
	if r, err = l.narrow(r, further, life); err != nil {
		return nil, err
	}
	if err := l.describe(r); err != nil {
		return nil, err
	}
	r.HandOut = op == opSession && !r.Scoped() && r.Base == nil && (r.Duration == 0 || l.defaultDuration()) && r.SerialNumber == "" && (r.Source.Asked() || r.Source.Session)
	return r, l.checkPartitions(r)
}

// name is what messages call the request. Only a profile that was asked for its credentials
// lends its name.
func (l *loader) name(r *request.Request) string {
	switch {
	case l.entry != nil:
		return l.entry.name
	case l.source.named, r.Source.Profile != "", r.Base != nil:
		return l.source.name
	}
	return "default"
}

// granted is a request for a token that another user handed over.
func (l *loader) granted(g *settingValue) (*request.Request, error) {
	r := &request.Request{Name: g.text(), Granted: g.text()}
	if l.entry != nil {
		r.Name = l.entry.name
	}
	if len(r.Granted) > 255 {
		return nil, g.wrong("is longer than 255 bytes", "")
	}
	top, err := l.stsEndpoint(nil)
	top.fill(r)
	return r, err
}

// checkConflicts refuses settings that do not go with the operation; by is the setting that chose
// it, nil where none did.
func (l *loader) checkConflicts(op opSet, by *settingValue) error {
	for i, g := range &l.values {
		if g == nil || g.setting.ops == 0 || g.setting.ops&op != 0 {
			continue
		}
		if g.layer == fromDefaults || g.layer == fromAgent {
			l.values[i] = nil
			continue
		}
		if op == opGranted && g.layer > by.layer && !slices.Contains(allPolicySettings[:], id(i)) {
			continue // how STS would be asked for other tokens
		}
		if g.setting.Kind == Bool {
			on, err := g.bool()
			if err != nil {
				return err
			}
			if !on {
				continue
			}
		}
		if by != nil {
			kind := Config
			if g.layer == fromFlag || by.layer == fromFlag {
				kind = Usage
			}
			return &Error{Kind: kind, Where: g.from(), What: "does not go with " + by.from() + ", which asks for " + op.String(), Do: "remove one of them"}
		}
		do := "remove it"
		if g.setting.needs != "" {
			do = "add " + g.setting.needs + ", or remove it"
		}
		return g.wrong("does not go with "+op.String()+", which is what is asked for", do)
	}
	return nil
}

// fillDefaults fills in what the operation takes, and gives what is left to narrow then: further policies
// and a shorter life.
func (l *loader) fillDefaults(r *request.Request, op opSet, s sourceChain) (further []string, life time.Duration, err error) {
	if life, err = l.duration(r, op); err != nil {
		return nil, 0, err
	}
	life = l.limitLife(r, op, life)
	l.copyStrings(r)
	if err := l.tags(r); err != nil {
		return nil, 0, err
	}
	if op == opRole || op == opWebIdentity || op == opSAML {
		if r.RoleSessionName == "" && op != opSAML { // SAML's is in the assertion
			r.RoleSessionName = l.env.sessionName()
		}
	}
	if further, err = l.policy(r, op); err != nil {
		return nil, 0, err
	}
	return further, life, l.complete(r, op, s)
}

// complete looks after what belongs to one operation alone.
func (l *loader) complete(r *request.Request, op opSet, s sourceChain) error {
	switch op {
	case opScope:
		return l.sessionDuration(r)
	case opSession, opRole:
		if err := l.serial(r, s); err != nil {
			return err
		}
		return l.sessionDuration(r)
	case opFederation:
		if s.base != nil {
			return &Error{Kind: l.value(sFederationName).kind(), Where: l.value(sFederationName).from(),
				What: "GetFederationToken needs the long-term keys of a user, and profile " + display.Quote(l.source.name) + " is a role", Do: "name a profile with keys in --source-profile"}
		}
	case opWebIdentity:
		return l.webIdentity()
	case opSAML:
		return l.saml()
	case opRoot:
		if l.value(sTaskPolicyARN) == nil {
			return l.value(sTargetPrincipal).wrong("AssumeRoot needs the policy of the task as well", "add --task-policy-arn")
		}
	}
	return nil
}

// copyStrings copies the settings that are passed on as they are. Package sts checks them.
func (l *loader) copyStrings(r *request.Request) {
	for _, t := range [...]struct {
		setting id
		field   *string
	}{
		{sFederationName, &r.FederationName},
		{sRoleARN, &r.RoleARN},
		{sRoleSessionName, &r.RoleSessionName},
		{sExternalID, &r.ExternalID},
		{sSourceIdentity, &r.SourceIdentity},
		{sWebIdentityTokenCommand, &r.WebIdentityTokenCommand},
		{sWebIdentity, &r.WebIdentityIssuer},
		{sSAMLAssertionCommand, &r.SAMLAssertionCommand},
		{sPrincipalARN, &r.PrincipalARN},
		{sTargetPrincipal, &r.TargetPrincipal},
		{sTaskPolicyARN, &r.TaskPolicyARN},
	} {
		if g := l.value(t.setting); g != nil {
			*t.field = g.text()
		}
	}
	if l.value(sWebIdentityTokenFile) != nil {
		r.WebIdentityTokenFile = l.path(sWebIdentityTokenFile)
	}
	r.SAMLAssertionFile = l.path(sSAMLAssertionFile)
	r.TransitiveTagKeys = l.list(sTransitiveTag)
}

func (l *loader) tags(r *request.Request) error {
	for _, tag := range l.list(sTag) {
		key, value, ok := strings.Cut(tag, "=")
		if !ok || key == "" {
			return l.value(sTag).wrong(display.Quote(tag)+" is not a tag", "write it like Team=ops")
		}
		for _, old := range r.Tags {
			if strings.EqualFold(old.Key, key) {
				return l.value(sTag).wrong("tag "+display.Quote(key)+" is there twice", "keys of tags are the same in capitals and small letters")
			}
		}
		r.Tags = append(r.Tags, request.Tag{Key: key, Value: value})
	}
	return nil
}

// atMostOne refuses settings of which one excludes the others.
func (l *loader) atMostOne(ids ...id) error {
	var first *settingValue
	for _, s := range ids {
		g := l.value(s)
		switch {
		case g == nil:
		case first == nil:
			first = g
		default:
			kind := Config
			if first.layer == fromFlag || g.layer == fromFlag {
				kind = Usage
			}
			return &Error{Kind: kind, Where: first.from(), What: "does not go with " + g.from(), Do: "remove one of them"}
		}
	}
	return nil
}

func (l *loader) webIdentity() error {
	if err := l.atMostOne(webIdentities[:]...); err != nil {
		return err
	}
	if g := l.value(sWebIdentity); g != nil && g.text() != request.GitHub {
		return g.wrong(display.Quote(g.text())+" is no issuer that can be asked", "write "+request.GitHub)
	}
	return nil
}

func (l *loader) saml() error {
	file, command := l.value(sSAMLAssertionFile), l.value(sSAMLAssertionCommand)
	role := l.value(sRoleARN)
	if err := l.atMostOne(sSAMLAssertionFile, sSAMLAssertionCommand); err != nil {
		return err
	}
	switch {
	case file == nil && command == nil:
		return l.value(sPrincipalARN).wrong("a role is assumed with SAML, and nothing says where the assertion comes from", "add --saml-assertion-file or --saml-assertion-command")
	case l.value(sPrincipalARN) == nil:
		return role.wrong("AssumeRoleWithSAML needs the SAML provider as well", "add --principal-arn")
	}
	return nil
}

// sessionName is the RoleSessionName where none is set. It names the user, so that
// CloudTrail's readers know whom to ask, and not the time, so that processes agree.
func (e Environment) sessionName() string {
	const prefix = "sts-helper"
	name := []byte(prefix)
	for i, c := range []byte(e.UserName()) {
		if i == 0 {
			name = append(name, '-')
		}
		if len(name) == stsfield.MaxSessionName {
			break
		}
		if !stsfield.NameChars.Contains(rune(c)) {
			c = '-'
		}
		name = append(name, c)
	}
	return string(name)
}
