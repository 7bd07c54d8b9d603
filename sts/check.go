package sts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// FieldError is why a request was not sent: one field of it breaks one rule of STS.
type FieldError struct {
	Operation token.Operation
	Field     string // as the API names it; items of a list are counted from 0: "Tags[3].Key"
	Rule      string // what the field must be
	Value     string // what it is, at most 80 characters; empty for secrets and for absent fields
}

// Error is one line that names the field, its rule and, unless it is secret, its value.
func (e *FieldError) Error() string {
	if e.Value == "" {
		return e.Field + " " + e.Rule
	}
	return e.Field + " " + display.Quote(e.Value) + " " + e.Rule
}

// checker collects the first broken rule of a request.
type checker struct {
	op  token.Operation
	err *FieldError
}

// result is an error that is nil when nothing was refused (a nil *FieldError would not be).
func (c *checker) result() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

func (c *checker) refuse(field, value, rule string) {
	if c.err == nil {
		c.err = &FieldError{Operation: c.op, Field: field, Rule: rule, Value: display.Clip(value, display.QuoteLimit)}
	}
}

// bound is what STS accepts in a field; nil, and a refusal where it is set, for a field that the operation has not.
func (c *checker) bound(field string, set bool) *stsfield.Bound {
	b := stsfield.Find(c.op, field)
	if b == nil && set {
		c.refuse(field, "", "is not a field of "+string(c.op))
	}
	return b
}

// text applies the bounds called rule to the text called name.
func (c *checker) text(name, rule, s string) {
	b := c.bound(rule, s != "")
	if b == nil {
		return
	}
	shown := s
	if b.Secret {
		shown = ""
	}
	switch n := utf8.RuneCountInString(s); {
	case s == "":
		if b.Required {
			c.refuse(name, "", "is required")
		}
	case !utf8.ValidString(s):
		c.refuse(name, shown, "must be valid UTF-8")
	case n < b.Min || b.Max > 0 && n > b.Max:
		c.refuse(name, shown, lengthRule(b, n))
	case strings.ContainsFunc(s, func(r rune) bool { return !b.Charset.Contains(r) }):
		c.refuse(name, shown, "may hold only "+b.Charset.String())
	}
}

func lengthRule(b *stsfield.Bound, n int) string {
	switch {
	case b.Min == b.Max:
		return fmt.Sprintf("must be %d characters, not %d", b.Min, n)
	case b.Max == 0:
		return fmt.Sprintf("must be at least %d characters, not %d", b.Min, n)
	}
	return fmt.Sprintf("must be %d to %d characters, not %d", b.Min, b.Max, n)
}

// count applies the bounds of a list to its number of items, and reports whether there are items to look at.
func (c *checker) count(field string, n int) bool {
	b := c.bound(field, n > 0)
	if b == nil {
		return false
	}
	if n > b.Max {
		c.refuse(field, "", fmt.Sprintf("may have %d items at most, not %d", b.Max, n))
	}
	return n <= b.Max
}

// duration applies the bounds of DurationSeconds; zero is absent.
func (c *checker) duration(d time.Duration) {
	const field = "DurationSeconds"
	lo, hi := stsfield.Durations(c.op)
	switch {
	case d == 0:
	case d < lo || d > hi:
		c.refuse(field, d.String(), "must be "+display.Duration(lo)+" to "+display.Duration(hi))
	case d%time.Second != 0:
		c.refuse(field, d.String(), "must be whole seconds")
	}
}

func (c *checker) policyArns(arns []string) {
	if !c.count("PolicyArns", len(arns)) {
		return
	}
	for i, a := range arns {
		name := index("PolicyArns", i)
		c.text(name, "PolicyArns[]", a)
		if p, ok := iamARN(a, "policy/"); !ok || p.Account != "aws" && !token.ValidAccountID(p.Account) {
			c.refuse(name, a, "must be the ARN of a managed policy, arn:aws:iam::aws:policy/NAME or arn:aws:iam::ACCOUNT:policy/NAME")
		}
	}
}

// tags checks keys, values and that no key comes twice: STS compares keys without case.
func (c *checker) tags(tags []Tag) {
	if !c.count("Tags", len(tags)) {
		return
	}
	for i, t := range tags {
		name := index("Tags", i)
		c.text(name+".Key", "Tags[].Key", t.Key)
		c.text(name+".Value", "Tags[].Value", t.Value)
		if reserved(t.Key) {
			c.refuse(name+".Key", t.Key, `may not begin with "aws:"`)
		}
		if hasKey(tags[:i], t.Key) {
			c.refuse(name+".Key", t.Key, "comes twice (upper and lower case are the same here)")
		}
	}
}

// transitive checks the keys that go on through a chain of roles; each must be one of tags.
func (c *checker) transitive(keys []string, tags []Tag) {
	if !c.count("TransitiveTagKeys", len(keys)) {
		return
	}
	for i, k := range keys {
		name := index("TransitiveTagKeys", i)
		c.text(name, "TransitiveTagKeys[]", k)
		if !hasKey(tags, k) {
			c.refuse(name, k, "must be the key of one of the Tags")
		}
		if slices.ContainsFunc(keys[:i], func(l string) bool { return strings.EqualFold(k, l) }) {
			c.refuse(name, k, "comes twice (upper and lower case are the same here)")
		}
	}
}

func hasKey(tags []Tag, key string) bool {
	return slices.ContainsFunc(tags, func(t Tag) bool { return strings.EqualFold(t.Key, key) })
}

func (c *checker) contexts(contexts []ProvidedContext) {
	if !c.count("ProvidedContexts", len(contexts)) {
		return
	}
	for i, p := range contexts {
		name := index("ProvidedContexts", i)
		c.text(name+".ProviderArn", "ProvidedContexts[].ProviderArn", p.ProviderArn)
		c.text(name+".ContextAssertion", "ProvidedContexts[].ContextAssertion", p.ContextAssertion)
	}
}

// audience checks whom a web identity token is for; it must be for someone.
func (c *checker) audience(audience []string) {
	if c.op == token.GetWebIdentityToken && len(audience) == 0 {
		c.refuse("Audience", "", "is required")
	}
	if !c.count("Audience", len(audience)) {
		return
	}
	for i, a := range audience {
		c.text(index("Audience", i), "Audience[]", a)
	}
}

// root checks the account and the task of AssumeRoot.
func (c *checker) root(r Request) {
	partition, account := r.target()
	if account == "" {
		c.refuse("TargetPrincipal", r.TargetPrincipal, "must be an account id of twelve digits or arn:aws:iam::ACCOUNT:root")
	}
	p, ok := iamARN(r.TaskPolicyArn, "policy/root-task/")
	if !ok || p.Account != "aws" || !rootTask(p.Resource) {
		c.refuse("TaskPolicyArn", r.TaskPolicyArn, "must be arn:aws:iam::aws:policy/root-task/ and one of IAMAuditRootUserCredentials, "+
			"IAMCreateRootUserPassword, IAMDeleteRootUserCredentials, S3UnlockBucketPolicy, SQSUnlockQueuePolicy")
	}
	if partition != "" && partition != p.Partition {
		c.refuse("TaskPolicyArn", r.TaskPolicyArn, "must be in the partition of TargetPrincipal, "+partition)
	}
}

// reserved reports the prefix that AWS keeps for itself.
func reserved(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "aws:") }

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
