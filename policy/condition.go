package policy

import (
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// condition checks the Condition element: an object of operators, each an object of keys,
// each a value or an array of values
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html).
func (c *checker) condition(n *node, path string) {
	if n.kind != object {
		c.errorf(n.at, path, "must be an object of operators, not %s", n.kind)
		return
	}
	if len(n.members) == 0 {
		c.warnf(n.at, path, "is empty, so it asks for nothing")
	}
	for _, operator := range n.members {
		here := join(path, operator.key)
		c.operator(operator.at, here, operator.key)
		if operator.value.kind != object {
			c.errorf(operator.value.at, here, "must be an object of condition keys, not %s", operator.value.kind)
			continue
		}
		if len(operator.value.members) == 0 {
			c.warnf(operator.value.at, here, "is empty, so it asks for nothing")
		}
		for _, m := range operator.value.members {
			c.conditionKey(m, join(here, m.key))
		}
	}
}

func (c *checker) conditionKey(m member, path string) {
	if !strings.Contains(m.key, ":") {
		c.errorf(m.at, path, `%s is not a condition key: keys have a prefix, such as "aws:SourceIp"`, display.Quote(m.key))
	}
	scalar := func(n *node) bool { return n.kind == text || n.kind == number || n.text == "true" || n.text == "false" }
	switch v := m.value; {
	case v.kind == array && len(v.items) == 0:
		c.warnf(v.at, path, "is an empty array, which matches nothing")
	case v.kind == array:
		for _, item := range v.items {
			if !scalar(item) {
				c.errorf(item.at, path, "has a value that is no string, number or boolean")
			}
		}
	case !scalar(v):
		c.errorf(v.at, path, "must be a string, number or boolean, or an array of them")
	}
}

// operator warns of an operator that AWS does not have. A warning only: AWS may learn more
// of them than this table knows.
func (c *checker) operator(at int, path, s string) {
	name := s
	for _, prefix := range []string{"ForAllValues:", "ForAnyValue:"} {
		name = strings.TrimPrefix(name, prefix)
	}
	name = strings.TrimSuffix(name, "IfExists")
	known := []string{
		"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
		"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
		"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike", "Null",
	}
	if slices.Contains(known, name) {
		return
	}
	if hint := display.DidYouMean(name, known); hint != "" {
		c.warnf(at, path, "%s is not a condition operator this program knows; %s", display.Quote(s), hint)
		return
	}
	c.warnf(at, path, "%s is not a condition operator this program knows", display.Quote(s))
}
