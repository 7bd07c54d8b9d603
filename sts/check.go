package sts

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sts-helper/sts-helper/internal/awsname"
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

// text applies the bounds of field to s.
func (c *checker) text(field, s string) { c.item(field, field, s) }

// item applies the bounds called rule to the item of a list called name.
func (c *checker) item(name, rule, s string) {
	b := stsfield.Find(c.op, rule)
	shown := s
	if b.Secret {
		shown = ""
	}
	if s == "" {
		if b.Required {
			c.refuse(name, "", "is required")
		}
		return
	}
	if !utf8.ValidString(s) {
		c.refuse(name, shown, "must be valid UTF-8")
		return
	}
	if n := utf8.RuneCountInString(s); n < b.Min || b.Max > 0 && n > b.Max {
		c.refuse(name, shown, lengthRule(b, n))
		return
	}
	for _, r := range s {
		if !b.Charset.Contains(r) {
			c.refuse(name, shown, "may hold only "+b.Charset.String())
			return
		}
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

// count applies the bounds of a list to its number of items.
func (c *checker) count(field string, n int) {
	if b := stsfield.Find(c.op, field); n > b.Max {
		c.refuse(field, "", fmt.Sprintf("may have %d items at most, not %d", b.Max, n))
	}
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
	c.count("PolicyArns", len(arns))
	for i, a := range arns {
		name := index("PolicyArns", i)
		c.item(name, "PolicyArns[]", a)
		if p, ok := awsname.ParseARN(a); !ok || p.Service != "iam" || p.Region != "" || !strings.HasPrefix(p.Resource, "policy/") ||
			p.Account != "aws" && !token.ValidAccountID(p.Account) || !validPath(p.Resource) {
			c.refuse(name, a, "must be the ARN of a managed policy, arn:aws:iam::aws:policy/NAME or arn:aws:iam::ACCOUNT:policy/NAME")
		}
	}
}

// tags checks keys, values and that no key comes twice: STS compares keys without case.
func (c *checker) tags(tags []Tag) {
	c.count("Tags", len(tags))
	for i, t := range tags {
		name := index("Tags", i)
		c.item(name+".Key", "Tags[].Key", t.Key)
		c.item(name+".Value", "Tags[].Value", t.Value)
		if reserved(t.Key) {
			c.refuse(name+".Key", t.Key, `may not begin with "aws:"`)
		}
		if len(tags) > stsfield.Find(c.op, "Tags").Max {
			continue // refused already; do not compare a million with a million
		}
		for _, u := range tags[:i] {
			if strings.EqualFold(t.Key, u.Key) {
				c.refuse(name+".Key", t.Key, "comes twice (upper and lower case are the same here)")
			}
		}
	}
}

// transitive checks the keys that go on through a chain of roles; each must be one of tags.
func (c *checker) transitive(keys []string, tags []Tag) {
	c.count("TransitiveTagKeys", len(keys))
	if len(keys) > stsfield.Find(c.op, "TransitiveTagKeys").Max {
		return
	}
	for i, k := range keys {
		name := index("TransitiveTagKeys", i)
		c.item(name, "TransitiveTagKeys[]", k)
		found := false
		for _, t := range tags {
			found = found || strings.EqualFold(t.Key, k)
		}
		if !found {
			c.refuse(name, k, "must be the key of one of the Tags")
		}
		for _, l := range keys[:i] {
			if strings.EqualFold(k, l) {
				c.refuse(name, k, "comes twice (upper and lower case are the same here)")
			}
		}
	}
}

// mfa checks a device and its code: each needs the other.
func (c *checker) mfa(serial, code string) {
	c.text("SerialNumber", serial)
	c.text("TokenCode", code)
	switch {
	case serial != "" && code == "":
		c.refuse("TokenCode", "", "is required with a SerialNumber")
	case serial == "" && code != "":
		c.refuse("SerialNumber", "", "is required with a TokenCode")
	}
}

func (c *checker) roleArn(arn string) {
	c.text("RoleArn", arn)
	if _, _, ok := roleName(arn); !ok {
		c.refuse("RoleArn", arn, "must be the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME")
	}
}

// reserved reports the prefix that AWS keeps for itself.
func reserved(s string) bool { return len(s) >= 4 && strings.EqualFold(s[:4], "aws:") }

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }
