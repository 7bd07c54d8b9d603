package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// verdict is the outcome of evaluating policies for one action on one resource.
type verdict int

const (
	implicitDeny verdict = iota
	allowed
	explicitDeny
)

// policyDoc is a parsed identity-based or session policy.
type policyDoc struct{ statements []statement }

type statement struct {
	allow        bool
	actions      []string
	notActions   []string
	resources    []string
	notResources []string
	conditional  bool
}

// parsePolicy reads a policy as strictly as IAM does; its errors are the messages of
// MalformedPolicyDocument.
func parsePolicy(doc string) (*policyDoc, error) {
	var top map[string]json.RawMessage
	if err := decodeStrict(doc, &top); err != nil {
		return nil, fmt.Errorf("This policy contains invalid Json")
	}
	for k := range top {
		if k != "Version" && k != "Id" && k != "Statement" {
			return nil, fmt.Errorf("Syntax errors in policy.")
		}
	}
	if v, ok := top["Version"]; ok {
		var s string
		if json.Unmarshal(v, &s) != nil || s != "2012-10-17" && s != "2008-10-17" {
			return nil, fmt.Errorf("Policy document must be version 2012-10-17 or greater.")
		}
	}
	raw, ok := top["Statement"]
	if !ok {
		return nil, fmt.Errorf("Syntax errors in policy.")
	}
	var list []map[string]json.RawMessage
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		raw = append(append(json.RawMessage("["), raw...), ']')
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return nil, fmt.Errorf("Syntax errors in policy.")
	}
	p := &policyDoc{}
	for _, m := range list {
		s, err := parseStatement(m)
		if err != nil {
			return nil, err
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

func parseStatement(m map[string]json.RawMessage) (s statement, err error) {
	syntax := fmt.Errorf("Syntax errors in policy.")
	var effect string
	for k, v := range m {
		switch k {
		case "Sid":
			var sid string
			if json.Unmarshal(v, &sid) != nil {
				return s, syntax
			}
		case "Effect":
			if json.Unmarshal(v, &effect) != nil || effect != "Allow" && effect != "Deny" {
				return s, syntax
			}
		case "Action":
			s.actions, err = stringList(v)
		case "NotAction":
			s.notActions, err = stringList(v)
		case "Resource":
			s.resources, err = stringList(v)
		case "NotResource":
			s.notResources, err = stringList(v)
		case "Condition":
			var cond map[string]map[string]any
			if json.Unmarshal(v, &cond) != nil {
				return s, syntax
			}
			s.conditional = len(cond) > 0
		case "Principal", "NotPrincipal":
			return s, fmt.Errorf("Policy document should not specify a principal.")
		default:
			return s, syntax
		}
		if err != nil {
			return s, syntax
		}
	}
	s.allow = effect == "Allow"
	switch {
	case effect == "":
		return s, fmt.Errorf("Missing required field Effect cannot be empty!")
	case (s.actions == nil) == (s.notActions == nil):
		return s, fmt.Errorf("Policy statement must contain actions.")
	case (s.resources == nil) == (s.notResources == nil):
		return s, fmt.Errorf("Policy statement must contain resources.")
	}
	for _, a := range append(append([]string{}, s.actions...), s.notActions...) {
		vendor, name, ok := strings.Cut(a, ":")
		if a != "*" && (!ok || vendor == "" || name == "" || strings.ContainsAny(vendor, "*?")) {
			return s, fmt.Errorf("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
		}
	}
	for _, r := range append(append([]string{}, s.resources...), s.notResources...) {
		if r != "*" && !strings.HasPrefix(r, "arn:") {
			return s, fmt.Errorf("Resource %s must be in ARN format or \"*\".", r)
		}
	}
	return s, nil
}

func stringList(raw json.RawMessage) ([]string, error) {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}, nil
	}
	var many []string
	if err := json.Unmarshal(raw, &many); err != nil {
		return nil, err
	}
	if len(many) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	return many, nil
}

// decodeStrict is json.Unmarshal of one object, with nothing after it and no name
// twice in the outermost level or in a statement.
func decodeStrict(doc string, v any) error {
	if err := noDuplicates(json.NewDecoder(strings.NewReader(doc))); err != nil {
		return err
	}
	return json.Unmarshal([]byte(doc), v)
}

func noDuplicates(d *json.Decoder) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		if delim == '{' {
			k, err := d.Token()
			if err != nil {
				return err
			}
			if seen[k.(string)] {
				return fmt.Errorf("%s twice", k)
			}
			seen[k.(string)] = true
		}
		if err := noDuplicates(d); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

// evaluate judges one policy. A statement with a Condition never allows and always
// denies, for conditions are not computed here.
func (p *policyDoc) evaluate(action, resource string) verdict {
	v := implicitDeny
	for _, s := range p.statements {
		if !s.covers(action, resource) {
			continue
		}
		if !s.allow {
			return explicitDeny
		}
		if !s.conditional {
			v = allowed
		}
	}
	return v
}

func (s statement) covers(action, resource string) bool {
	var a, r bool
	if s.actions != nil {
		a = anyMatch(s.actions, action, true)
	} else {
		a = !anyMatch(s.notActions, action, true)
	}
	if s.resources != nil {
		r = anyMatch(s.resources, resource, false)
	} else {
		r = !anyMatch(s.notResources, resource, false)
	}
	return a && r
}

func anyMatch(patterns []string, s string, fold bool) bool {
	for _, p := range patterns {
		if fold && wildcard(strings.ToLower(p), strings.ToLower(s)) || !fold && wildcard(p, s) {
			return true
		}
	}
	return false
}

// wildcard matches * (any run, also empty) and ? (any one character).
func wildcard(pattern, s string) bool {
	p, t := []rune(pattern), []rune(s)
	star, mark, i, j := -1, 0, 0, 0
	for j < len(t) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == t[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// permission evaluates everything that is between a caller and an action: the
// user's or the role's policy, and the session's.
func (e *Emulator) permission(p principal, action, resource string) verdict {
	if p.session == nil {
		if p.user.Root {
			return allowed
		}
		return e.evaluateAll([]string{string(p.user.Policy)}, action, resource)
	}
	s := p.session
	base := allowed // root behind the session
	switch {
	case s.task != "":
		return taskPermission(s.task, action)
	case s.role != nil:
		base = e.evaluateAll([]string{string(s.role.Policy)}, action, resource)
	case !s.user.Root:
		base = e.evaluateAll([]string{string(s.user.Policy)}, action, resource)
	}
	scoped := s.Policy != "" || len(s.PolicyARNs) > 0
	if base == allowed && (scoped || s.issuedBy() == "GetFederationToken") {
		docs := []string{s.Policy}
		for _, a := range s.PolicyARNs {
			docs = append(docs, string(e.managed[a]))
		}
		base = e.evaluateAll(docs, action, resource)
	}
	for _, scope := range s.scopes { // each must allow it
		if base == allowed {
			base = e.evaluateAll([]string{scope}, action, resource)
		}
	}
	return base
}

func (e *Emulator) evaluateAll(docs []string, action, resource string) verdict {
	v := implicitDeny
	for _, d := range docs {
		if d == "" {
			continue
		}
		p, err := parsePolicy(d)
		if err != nil {
			return explicitDeny // checked when it came in; if not, grant nothing
		}
		switch p.evaluate(action, resource) {
		case explicitDeny:
			return explicitDeny
		case allowed:
			v = allowed
		}
	}
	return v
}

// builtinPolicies are a few of AWS's managed policies, by ARN.
func builtinPolicies() map[string]Document {
	doc := func(actions string) Document {
		return Document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + actions + `,"Resource":"*"}]}`)
	}
	return map[string]Document{
		"arn:aws:iam::aws:policy/AdministratorAccess":     doc(`"Action":"*"`),
		"arn:aws:iam::aws:policy/PowerUserAccess":         doc(`"NotAction":["iam:*","organizations:*","account:*"]`),
		"arn:aws:iam::aws:policy/ReadOnlyAccess":          doc(`"Action":["ec2:Describe*","iam:Get*","iam:List*","s3:Get*","s3:List*"]`),
		"arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess": doc(`"Action":"ec2:Describe*"`),
		"arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess":  doc(`"Action":["s3:Get*","s3:List*"]`),
	}
}
