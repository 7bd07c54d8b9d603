// Package policy builds, reads and checks session policies: the inline JSON policy that
// narrows what an STS token may do.
//
// A session policy never grants anything by itself. What a token may do is what both its
// principal's own policies and the session policy allow
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session).
//
// [New] starts a builder; [Parse] reads a written policy and reports everything that is wrong
// with it at once, by line and column. Both give a [Policy], whose text is compact and ready
// for the Policy parameter of STS.
package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sts-helper/sts-helper/internal/stsfield"
)

// Limits of the Policy and PolicyArns parameters (STS API 2011-06-15, shape
// sessionPolicyDocumentType and the prose of AssumeRole). AWS also packs policies and tags
// into a binary form with a limit of its own, which only AWS can measure (PackedPolicySize).
const (
	// MaxLength is the most characters a policy may have after compaction.
	MaxLength = stsfield.MaxPolicy
	// MaxARNs is the most managed policies one call may name.
	MaxARNs = stsfield.MaxPolicyARNs
)

// maxSource bounds a written policy before compaction, in bytes. Indentation and line ends
// of 2,048 characters of policy stay far below it.
const maxSource = 64 << 10

// Policy is a checked session policy. The zero Policy is no policy at all, which is not the
// same as one that denies everything.
type Policy struct {
	text       string
	statements []Statement
	warnings   []Finding
}

// Statement is one statement of a policy, as written. Of Action and NotAction one is set,
// and of Resource and NotResource.
type Statement struct {
	Sid                   string
	Effect                string // "Allow" or "Deny"
	Action, NotAction     []string
	Resource, NotResource []string
	Conditional           bool // it has a Condition
}

// String is the policy as compact JSON, as STS is sent it; "" for the zero Policy.
func (p Policy) String() string { return p.text }

// JSON is the policy as compact JSON; nil for the zero Policy.
func (p Policy) JSON() []byte {
	if p.text == "" {
		return nil
	}
	return []byte(p.text)
}

// Pretty is the policy indented for a reader, with a line end after it.
func (p Policy) Pretty() string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(p.text), "", "  "); err != nil || p.text == "" {
		return ""
	}
	b.WriteByte('\n')
	return b.String()
}

// Len is how many characters STS counts against [MaxLength].
func (p Policy) Len() int { return len([]rune(p.text)) }

// IsZero reports whether p is no policy at all.
func (p Policy) IsZero() bool { return p.text == "" }

// Statements are the policy's statements in order.
func (p Policy) Statements() []Statement { return slices.Clone(p.statements) }

// Warnings are what is odd about the policy without keeping STS from taking it.
func (p Policy) Warnings() []Finding { return slices.Clone(p.warnings) }

// Severity says whether a finding keeps a policy from being used.
type Severity uint8

// The severities.
const (
	// SeverityError: AWS refuses the policy, or a part of it cannot do anything.
	SeverityError Severity = iota
	// SeverityWarning: AWS takes it, and it may not do what its author meant.
	SeverityWarning
)

// String is "error" or "warning".
func (s Severity) String() string {
	if s == SeverityWarning {
		return "warning"
	}
	return "error"
}

// Finding is one thing wrong with a policy.
type Finding struct {
	// Line and Column say where, from 1, the column in characters; 0 where the policy was
	// built and has no source.
	Line, Column int
	// Path is the element, such as "Statement[0].Action[1]"; "" for the document.
	Path     string
	Message  string
	Severity Severity
}

// String is "LINE:COLUMN: severity: PATH: message".
func (f Finding) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, f.Column)
	}
	fmt.Fprintf(&b, "%s: %s", f.Severity, f.text())
	return b.String()
}

func (f Finding) text() string {
	if f.Path == "" {
		return f.Message
	}
	return f.Path + ": " + f.Message
}

// Error is returned for a policy that cannot be used. Findings has every error and warning,
// in the order of the text, and at least one error.
type Error struct{ Findings []Finding }

// Error names the first error and counts the others, on one line.
func (e *Error) Error() string {
	var first *Finding
	others := 0
	for i := range e.Findings {
		switch {
		case e.Findings[i].Severity != SeverityError:
		case first == nil:
			first = &e.Findings[i]
		default:
			others++
		}
	}
	if first == nil {
		return "invalid policy"
	}
	var b strings.Builder
	b.WriteString("invalid policy: ")
	if first.Line > 0 {
		fmt.Fprintf(&b, "line %d column %d: ", first.Line, first.Column)
	}
	b.WriteString(first.text())
	if others > 0 {
		fmt.Fprintf(&b, " (and %d more)", others)
	}
	return b.String()
}

// Parse reads a written policy (at most 64 KiB). The error is an [*Error] with everything
// that was found. A policy that can be used may still have [Policy.Warnings].
func Parse(data []byte) (Policy, error) {
	p, findings := read(data)
	for _, f := range findings {
		if f.Severity == SeverityError {
			return Policy{}, &Error{Findings: findings}
		}
	}
	p.warnings = findings
	return p, nil
}

// Check reports everything that is wrong or odd about a written policy, in the order of its
// text; nil where there is nothing.
func Check(data []byte) []Finding {
	_, findings := read(data)
	return findings
}

// Compact is a JSON text without the characters it does not need: no white space between
// its parts, no escapes but those JSON or STS require. The order of the elements stays. It does not
// judge what the policy says; the error, an [*Error], is for text that is not JSON, repeats
// a key, or has a character that STS does not take.
func Compact(data []byte) ([]byte, error) {
	root, c := parse(data)
	if c.failed() {
		return nil, &Error{Findings: c.sorted()}
	}
	return root.compact(nil), nil
}
