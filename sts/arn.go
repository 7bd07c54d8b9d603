package sts

import (
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/stsfield"
	"github.com/sts-helper/sts-helper/token"
)

// roleName gives the parts of a role's ARN and the role's name, which is what follows the last
// slash: STS leaves the path out of what it says of an assumed role.
func roleName(arn string) (awsname.ARN, string, bool) {
	p, ok := iamARN(arn, "role/")
	if !ok || !token.ValidAccountID(p.Account) {
		return p, "", false
	}
	name := p.Resource[strings.LastIndexByte(p.Resource, '/')+1:]
	return p, name, len(name) <= 64 && stsfield.AllName(name)
}

// iamARN gives the parts of the ARN of something in IAM whose resource begins with kind, and reports whether it
// is one: kind/path/name without an empty element. ([awsname.ParseARN] has seen to its characters.)
func iamARN(arn, kind string) (awsname.ARN, bool) {
	p, ok := awsname.ParseARN(arn)
	return p, ok && p.Service == "iam" && p.Region == "" && strings.HasPrefix(p.Resource, kind) &&
		!strings.Contains(p.Resource, "//") && !strings.HasSuffix(p.Resource, "/")
}
