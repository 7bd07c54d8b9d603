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
	p, ok := awsname.ParseARN(arn)
	if !ok || p.Service != "iam" || p.Region != "" || !token.ValidAccountID(p.Account) ||
		!strings.HasPrefix(p.Resource, "role/") || !validPath(p.Resource) {
		return p, "", false
	}
	name := lastElement(p.Resource)
	return p, name, len(name) <= 64 && stsfield.AllName(name)
}

// validPath reports whether a resource (kind/path/name) has no empty element. (parseARN has seen
// to its characters.)
func validPath(resource string) bool {
	return !strings.Contains(resource, "//") && !strings.HasSuffix(resource, "/")
}

func lastElement(resource string) string {
	return resource[strings.LastIndexByte(resource, '/')+1:]
}
