package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Builder makes a policy of actions that are allowed and actions that are denied.
//
// An action is SERVICE:NAME, with * and ? as wildcards in the name, or "*" for every action.
// Names are taken in snake case too: "ec2:run_instances" is "ec2:RunInstances". AWS ignores
// letter case in actions, so an abbreviation inside a name needs no special spelling.
//
// The same permissions give the same text, whatever the order they were named in and however
// often. Mistakes are kept until [Builder.Build], which reports them all.
type Builder struct {
	allow, deny, resources []string
	faults                 []Finding
}

// New starts a policy. Without any action it denies everything.
func New() *Builder { return new(Builder) }

// Allow adds actions that the token may do.
func (b *Builder) Allow(actions ...string) *Builder {
	b.allow = b.add(b.allow, "allow", actions)
	return b
}

// Deny adds actions that the token may not do, whatever else allows them. They are in a
// statement of their own, and on every resource: [Builder.Resource] never narrows a denial.
func (b *Builder) Deny(actions ...string) *Builder {
	b.deny = b.add(b.deny, "deny", actions)
	return b
}

// Resource adds ARNs that the allowed actions are narrowed to. Without any it is "*".
func (b *Builder) Resource(arns ...string) *Builder {
	for _, s := range arns {
		if message := judgeResource(s); message != "" {
			b.fault("resource", message)
			continue
		}
		b.resources = append(b.resources, s)
	}
	return b
}

func (b *Builder) fault(path, message string) {
	b.faults = append(b.faults, Finding{Path: path, Message: message})
}

func (b *Builder) add(to []string, path string, actions []string) []string {
	for _, s := range actions {
		s = camel(s)
		if severity, message := judgeAction(s); message != "" && severity == SeverityError {
			b.fault(path, message)
			continue
		}
		to = append(to, s)
	}
	return to
}

// camel turns a name in snake case into the way AWS writes it. A name with capitals is left
// alone: its author wrote it so.
func camel(action string) string {
	service, name, found := strings.Cut(action, ":")
	if !found || strings.ToLower(name) != name {
		return action
	}
	var out strings.Builder
	out.WriteString(service + ":")
	for part := range strings.SplitSeq(name, "_") {
		if part != "" {
			out.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return out.String()
}

// Build is the policy. The error is an [*Error] that has every mistake: an action without a
// service, a resource that is no ARN, resources without anything allowed on them, or more than
// [MaxLength] characters.
func (b *Builder) Build() (Policy, error) {
	allow, deny, resources := tidy(b.allow, true), tidy(b.deny, true), tidy(b.resources, false)
	faults := slices.Clone(b.faults)
	if len(resources) > 0 && len(allow) == 0 && len(faults) == 0 {
		faults = append(faults, Finding{Path: "resource", Message: fmt.Sprintf("%s narrows nothing, because no action is allowed", display.Quote(resources[0]))})
	}
	if len(faults) > 0 {
		return Policy{}, &Error{Findings: faults}
	}
	if len(allow) == 0 && len(deny) == 0 {
		deny = []string{"*"}
	}
	if len(resources) == 0 || slices.Contains(resources, "*") {
		resources = []string{"*"}
	}
	out := []byte(`{"Version":"2012-10-17","Statement":[`)
	if len(allow) > 0 {
		out = appendStatement(out, "Allow", allow, resources)
	}
	if len(deny) > 0 {
		if len(allow) > 0 {
			out = append(out, ',')
		}
		out = appendStatement(out, "Deny", deny, []string{"*"})
	}
	p, findings := read(append(out, "]}"...))
	for i := range findings {
		// There is no source that a line could be looked up in.
		findings[i].Line, findings[i].Column = 0, 0
		if findings[i].Severity == SeverityError {
			return Policy{}, &Error{Findings: findings}
		}
	}
	p.warnings = findings
	return p, nil
}

// JSON is [Builder.Build] as compact JSON.
func (b *Builder) JSON() ([]byte, error) {
	p, err := b.Build()
	if err != nil {
		return nil, err
	}
	return p.JSON(), nil
}

// String is the policy as compact JSON, or what is wrong with it, which no reader of JSON
// mistakes for a policy.
func (b *Builder) String() string {
	p, err := b.Build()
	if err != nil {
		return err.Error()
	}
	return p.String()
}

// tidy sorts and drops what is there twice; with fold, in whatever letter case.
func tidy(list []string, fold bool) []string {
	if !fold {
		list = slices.Clone(list)
		slices.Sort(list)
		return slices.Compact(list)
	}
	list = slices.SortedFunc(slices.Values(list), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return slices.CompactFunc(list, strings.EqualFold)
}

func appendStatement(b []byte, effect string, actions, resources []string) []byte {
	b = fmt.Appendf(b, `{"Effect":"%s","Action":`, effect)
	b = appendList(b, actions)
	b = append(b, `,"Resource":`...)
	return append(appendList(b, resources), '}')
}

// appendList appends one string as it is, and more as an array.
func appendList(b []byte, list []string) []byte {
	if len(list) == 1 {
		return appendString(b, list[0])
	}
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, s)
	}
	return append(b, ']')
}
