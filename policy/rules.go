package policy

import (
	"fmt"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/stsfield"
)

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// only reports whether every byte of s is in class.
func only(s string, class func(byte) bool) bool {
	for i := range len(s) {
		if !class(s[i]) {
			return false
		}
	}
	return true
}

// judgeAction says what keeps s from naming an action: "*", or SERVICE:NAME where * and ? in
// the name are wildcards and letter case does not matter
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html).
// It goes by shape: whether a service has such an action only AWS knows.
func judgeAction(s string) (Severity, string) {
	if s == "*" {
		return 0, ""
	}
	service, name, found := strings.Cut(s, ":")
	switch {
	case strings.TrimSpace(s) == "":
		return SeverityError, "a blank action matches nothing"
	case strings.ContainsAny(s, " \t\r\n"):
		return SeverityError, fmt.Sprintf("action %s has a blank in it", display.Quote(s))
	case !found:
		return SeverityError, fmt.Sprintf(`action %s has no service prefix: write it as "ec2:%s" with the service it belongs to`, display.Quote(s), clip(s))
	case service == "":
		return SeverityError, fmt.Sprintf("action %s has no service before the colon", display.Quote(s))
	case strings.ContainsAny(service, "*?"):
		return SeverityError, fmt.Sprintf(`action %s has a wildcard in its service, which AWS refuses: name the service, or write "*" for everything`, display.Quote(s))
	case !only(service, func(c byte) bool { return alphanumeric(c) || c == '-' }):
		return SeverityError, fmt.Sprintf("action %s: a service prefix has only letters, digits and hyphens", display.Quote(s))
	case name == "":
		return SeverityError, fmt.Sprintf(`action %s has no name after the colon: write "%s:*" for all of them`, display.Quote(s), clip(service))
	case !only(name, func(c byte) bool { return alphanumeric(c) || strings.IndexByte("*?-_.", c) >= 0 }):
		return SeverityError, fmt.Sprintf("action %s has a character that no action name has", display.Quote(s))
	case strings.ContainsAny(name, "-_."):
		return SeverityWarning, fmt.Sprintf("action %s: action names are letters and digits, so this likely matches nothing", display.Quote(s))
	}
	return 0, ""
}

// judgeResource says what keeps s from being a resource: "*", or an ARN
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html).
func judgeResource(s string) string {
	if s == "*" {
		return ""
	}
	if strings.TrimSpace(s) == "" {
		return "a blank resource matches nothing"
	}
	if strings.TrimSpace(s) != s {
		return fmt.Sprintf("resource %s has blanks around it", display.Quote(s))
	}
	// A policy variable may replace any of the last three parts, so only the cut is ours
	// to check there.
	f := strings.SplitN(s, ":", 6)
	pattern := func(c byte) bool { return alphanumeric(c) || strings.IndexByte("-*?", c) >= 0 }
	switch {
	case f[0] != "arn":
		return fmt.Sprintf(`resource %s is neither "*" nor an ARN (arn:partition:service:region:account:resource)`, display.Quote(s))
	case len(f) < 6:
		return fmt.Sprintf("resource %s has %d of an ARN's six parts (arn:partition:service:region:account:resource)", display.Quote(s), len(f))
	case f[1] == "" || !only(f[1], pattern):
		return fmt.Sprintf("resource %s: the partition (second part) is %s", display.Quote(s), emptyOrOdd(f[1]))
	case f[2] == "" || !only(f[2], pattern):
		return fmt.Sprintf("resource %s: the service (third part) is %s", display.Quote(s), emptyOrOdd(f[2]))
	case f[5] == "":
		return fmt.Sprintf(`resource %s names nothing after its fifth colon: write "*" there for everything`, display.Quote(s))
	}
	return ""
}

func emptyOrOdd(s string) string {
	if s == "" {
		return "empty"
	}
	return "not a name"
}

// CheckARNs checks the managed policies of one call, as PolicyArns takes them: ten at most,
// each once, 20 to 2,048 characters, arn:PARTITION:iam::ACCOUNT:policy/NAME with "aws" as the
// account of AWS's own. The error is an [*Error] with a finding for each fault, whose Path is
// "PolicyArns[i]". Whether a policy exists only AWS knows.
func CheckARNs(arns []string) error {
	var e Error
	add := func(i int, format string, args ...any) {
		path := "PolicyArns"
		if i >= 0 {
			path = fmt.Sprintf("PolicyArns[%d]", i)
		}
		e.Findings = append(e.Findings, Finding{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	if len(arns) > MaxARNs {
		add(-1, "%d managed policies: STS takes at most %d", len(arns), MaxARNs)
	}
	first := make(map[string]int, len(arns))
	for i, s := range arns {
		if message := judgePolicyARN(s); message != "" {
			add(i, "%s", message)
		} else if before, twice := first[s]; twice {
			add(i, "%s is PolicyArns[%d] already", display.Quote(s), before)
		} else {
			first[s] = i
		}
	}
	if e.Findings == nil {
		return nil
	}
	return &e
}

func judgePolicyARN(s string) string {
	if n := len(s); n < stsfield.MinARN || n > stsfield.MaxARN {
		return fmt.Sprintf("%s has %d characters: an ARN has %d to %d", display.Quote(s), n, stsfield.MinARN, stsfield.MaxARN)
	}
	wrong := func(what string) string {
		return fmt.Sprintf("%s: %s (want arn:PARTITION:iam::ACCOUNT:policy/NAME)", display.Quote(s), what)
	}
	f := strings.SplitN(s, ":", 6)
	name := func(c byte) bool { return alphanumeric(c) || strings.IndexByte("_+=,.@-", c) >= 0 }
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	switch {
	case len(f) < 6 || f[0] != "arn":
		return wrong("not an ARN")
	case f[1] != "aws" && !strings.HasPrefix(f[1], "aws-") || !only(f[1], func(c byte) bool { return c >= 'a' && c <= 'z' || digit(c) || c == '-' }):
		return wrong("the partition is not one of AWS's, such as aws, aws-cn or aws-us-gov")
	case f[2] != "iam":
		return wrong("the service is not iam")
	case f[3] != "":
		return wrong("policies have no region")
	case f[4] != "aws" && (len(f[4]) != 12 || !only(f[4], digit)):
		return wrong(`the account is neither twelve digits nor "aws"`)
	case !strings.HasPrefix(f[5], "policy/"):
		return wrong("not a policy")
	}
	// The rest is an optional path and the name, of 128 characters at most (IAM, policyNameType).
	parts := strings.Split(strings.TrimPrefix(f[5], "policy/"), "/")
	last := parts[len(parts)-1]
	if last == "" || len(last) > 128 || !only(last, name) {
		return wrong("the policy's name has 1 to 128 letters, digits and _+=,.@-")
	}
	for _, p := range parts[:len(parts)-1] {
		if p == "" || !only(p, func(c byte) bool { return c > ' ' && c < 0x7f }) {
			return wrong("the path before the policy's name is malformed")
		}
	}
	return ""
}
