package policy

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sts-helper/sts-helper/internal/display"
)

// checker collects what is found.
type checker struct {
	data     []byte
	findings []Finding
	sids     []string
}

// maxFindings bounds what one policy can make us say. The first error is always among it.
const maxFindings = 100

func (c *checker) add(s Severity, at int, path, format string, args ...any) {
	if len(c.findings) >= maxFindings && (s != SeverityError || c.failed()) {
		return
	}
	line, column := position(c.data, at)
	c.findings = append(c.findings, Finding{Line: line, Column: column, Path: path, Severity: s, Message: fmt.Sprintf(format, args...)})
}

func (c *checker) errorf(at int, path, format string, args ...any) {
	c.add(SeverityError, at, path, format, args...)
}

func (c *checker) warnf(at int, path, format string, args ...any) {
	c.add(SeverityWarning, at, path, format, args...)
}

func (c *checker) failed() bool {
	return slices.ContainsFunc(c.findings, func(f Finding) bool { return f.Severity == SeverityError })
}

func (c *checker) sorted() []Finding {
	slices.SortStableFunc(c.findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return c.findings
}

// read is Parse and Check in one.
func read(data []byte) (Policy, []Finding) {
	root, c := parse(data)
	if root == nil {
		return Policy{}, c.sorted()
	}
	p := c.policy(root)
	p.text = string(root.compact(nil))
	if n := p.Len(); n > MaxLength {
		c.errorf(0, "", "%d characters after compaction: STS takes at most %d", n, MaxLength)
	}
	return p, c.sorted()
}

// policy checks the document itself
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).
func (c *checker) policy(root *node) (p Policy) {
	if root.kind != object {
		c.errorf(root.at, "", "a policy is a JSON object, and this is %s", root.kind)
		return p
	}
	known := []string{"Version", "Id", "Statement"}
	c.unknown(root, "", known, statementElements())
	if v := root.get("Version"); v == nil {
		c.warnf(root.at, "Version", `is missing, so AWS takes 2008-10-17 and policy variables are plain text: add "Version":"2012-10-17"`)
	} else if v.kind != text || (v.text != "2012-10-17" && v.text != "2008-10-17") {
		c.errorf(v.at, "Version", `must be the string "2012-10-17" (or "2008-10-17")`)
	} else if v.text == "2008-10-17" {
		c.warnf(v.at, "Version", "2008-10-17 leaves policy variables as plain text: use 2012-10-17")
	}
	if v := root.get("Id"); v != nil && v.kind != text {
		c.errorf(v.at, "Id", "must be a string, not %s", v.kind)
	}
	switch s := root.get("Statement"); {
	case s == nil:
		c.errorf(root.at, "Statement", "is missing")
	case s.kind == object:
		p.statements = append(p.statements, c.statement(s, "Statement"))
	case s.kind != array:
		c.errorf(s.at, "Statement", "must be an object or an array of objects, not %s", s.kind)
	case len(s.items) == 0:
		c.errorf(s.at, "Statement", "is empty")
	default:
		for i, n := range s.items {
			p.statements = append(p.statements, c.statement(n, fmt.Sprintf("Statement[%d]", i)))
		}
	}
	// What the policy as a whole does is only worth a word where it is a policy.
	if !c.failed() && !slices.ContainsFunc(p.statements, func(s Statement) bool { return s.Effect == "Allow" }) {
		c.warnf(root.at, "", "no statement allows anything, so a token under this policy can do nothing")
	}
	return p
}

func statementElements() []string {
	return []string{"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
}

func (c *checker) statement(n *node, path string) (s Statement) {
	if n.kind != object {
		c.errorf(n.at, path, "a statement is an object, and this is %s", n.kind)
		return s
	}
	for _, name := range []string{"Principal", "NotPrincipal"} {
		if v := n.key(name); v != nil {
			c.errorf(v.at, join(path, name), "a session policy has no %s: who it holds for is who gets the token", name)
		}
	}
	c.unknown(n, path, append(statementElements(), "Principal", "NotPrincipal"), []string{"Version", "Id", "Statement"})
	s.Sid = c.sid(n, path)
	s.Effect = c.effect(n, path)
	s.Action, s.NotAction = c.either(n, path, "Action", c.action)
	s.Resource, s.NotResource = c.either(n, path, "Resource", c.resource)
	if v := n.get("Condition"); v != nil {
		s.Conditional = true
		c.condition(v, join(path, "Condition"))
	}
	if s.Effect == "Allow" {
		switch {
		case len(s.NotAction) > 0:
			c.warnf(n.get("NotAction").at, join(path, "NotAction"), "allows every action of every service but these")
		case slices.Contains(s.Action, "*") && slices.Contains(s.Resource, "*") && !s.Conditional:
			c.warnf(n.at, path, "allows every action on every resource, so it narrows nothing")
		}
	}
	return s
}

func (c *checker) sid(n *node, path string) string {
	v := n.get("Sid")
	if v == nil {
		return ""
	}
	path = join(path, "Sid")
	switch {
	case v.kind != text:
		c.errorf(v.at, path, "must be a string, not %s", v.kind)
		return ""
	case !only(v.text, alphanumeric):
		c.errorf(v.at, path, "%s may only have letters and digits (A-Z, a-z, 0-9)", display.Quote(v.text))
	case v.text != "" && slices.Contains(c.sids, v.text):
		c.errorf(v.at, path, "%s names an earlier statement already", display.Quote(v.text))
	}
	c.sids = append(c.sids, v.text)
	return v.text
}

func (c *checker) effect(n *node, path string) string {
	v := n.get("Effect")
	path = join(path, "Effect")
	switch {
	case v == nil:
		c.errorf(n.at, path, `is missing: "Allow" or "Deny"`)
		return ""
	case v.kind != text:
		c.errorf(v.at, path, `must be "Allow" or "Deny", not %s`, v.kind)
		return ""
	case v.text != "Allow" && v.text != "Deny":
		c.errorf(v.at, path, `must be "Allow" or "Deny", written exactly so, not %s`, display.Quote(v.text))
	}
	return v.text
}

// either reads NAME and NotNAME, of which a statement has exactly one.
func (c *checker) either(n *node, path, name string, check func(at int, path, s string)) (is, not []string) {
	notName := "Not" + name
	a, b := n.get(name), n.get(notName)
	if a == nil && b == nil {
		c.errorf(n.at, join(path, name), "is missing")
		return nil, nil
	}
	if a != nil && b != nil {
		c.errorf(b.at, join(path, notName), "is there beside %s: a statement has one or the other", name)
	}
	return c.list(a, join(path, name), check), c.list(b, join(path, notName), check)
}

// list reads a string or an array of strings.
func (c *checker) list(n *node, path string, check func(at int, path, s string)) (out []string) {
	if n == nil {
		return nil
	}
	if n.kind == text {
		check(n.at, path, n.text)
		return []string{n.text}
	}
	if n.kind != array {
		c.errorf(n.at, path, "must be a string or an array of strings, not %s", n.kind)
		return nil
	}
	if len(n.items) == 0 {
		c.errorf(n.at, path, "is an empty array, so the statement does nothing")
	}
	seen := make(map[string]bool, len(n.items))
	for i, v := range n.items {
		here := fmt.Sprintf("%s[%d]", path, i)
		if v.kind != text {
			c.errorf(v.at, here, "must be a string, not %s", v.kind)
			continue
		}
		check(v.at, here, v.text)
		if seen[v.text] {
			c.warnf(v.at, here, "%s is here twice", display.Quote(v.text))
		}
		seen[v.text] = true
		out = append(out, v.text)
	}
	return out
}

func (c *checker) action(at int, path, s string) {
	if severity, message := judgeAction(s); message != "" {
		c.add(severity, at, path, "%s", message)
	}
}

func (c *checker) resource(at int, path, s string) {
	if message := judgeResource(s); message != "" {
		c.errorf(at, path, "%s", message)
	}
}

// unknown reports members of n that are not in known; elsewhere has the names that belong
// to another level, which is the commoner mistake than a typing error.
func (c *checker) unknown(n *node, path string, known, elsewhere []string) {
	for _, m := range n.members {
		if slices.Contains(known, m.key) {
			continue
		}
		here := join(path, m.key)
		switch hint := display.DidYouMean(m.key, known); {
		case slices.Contains(elsewhere, m.key) && path == "":
			c.errorf(m.at, here, "belongs inside a statement")
		case slices.Contains(elsewhere, m.key):
			c.errorf(m.at, here, "belongs to the policy, not to a statement")
		case hint != "":
			c.errorf(m.at, here, "is not an element of the policy language; %s", hint)
		default:
			c.errorf(m.at, here, "is not an element of the policy language")
		}
	}
}

// get is the value of key in n, the first where it is there twice; nil where there is none.
func (n *node) get(key string) *node {
	if m := n.key(key); m != nil {
		return m.value
	}
	return nil
}

func (n *node) key(key string) *member {
	for i := range n.members {
		if n.members[i].key == key {
			return &n.members[i]
		}
	}
	return nil
}
