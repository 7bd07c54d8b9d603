package sts

import (
	"strings"

	"github.com/sts-helper/sts-helper/token"
)

// arnParts are the six parts of an ARN (arn:partition:service:region:account:resource).
type arnParts struct{ partition, service, region, account, resource string }

// parseARN splits an ARN of visible ASCII whose partition is aws or begins with aws-.
func parseARN(s string) (arnParts, bool) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return arnParts{}, false
		}
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) < 6 || f[0] != "arn" || f[5] == "" || !validPartition(f[1]) {
		return arnParts{}, false
	}
	return arnParts{f[1], f[2], f[3], f[4], f[5]}, true
}

func validPartition(p string) bool {
	if p == "aws" {
		return true
	}
	if !strings.HasPrefix(p, "aws-") || len(p) == 4 || len(p) > 32 {
		return false
	}
	for i := range len(p) {
		if c := p[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// roleName gives the parts of a role's ARN and the role's name, which is what follows the last
// slash: STS leaves the path out of what it says of an assumed role.
func roleName(arn string) (arnParts, string, bool) {
	p, ok := parseARN(arn)
	if !ok || p.service != "iam" || p.region != "" || !token.ValidAccountID(p.account) ||
		!strings.HasPrefix(p.resource, "role/") || !validPath(p.resource) {
		return p, "", false
	}
	name := lastElement(p.resource)
	return p, name, len(name) <= 64 && allName(name)
}

// validPath reports whether a resource (kind/path/name) has no empty element. (parseARN has seen
// to its characters.)
func validPath(resource string) bool {
	return !strings.Contains(resource, "//") && !strings.HasSuffix(resource, "/")
}

func lastElement(resource string) string {
	return resource[strings.LastIndexByte(resource, '/')+1:]
}

func allName(s string) bool {
	for _, r := range s {
		if !nameRune(r) {
			return false
		}
	}
	return s != ""
}

// partitionOf is the partition that a region is in, "" where its name does not say.
// After the partitions' regular expressions in the SDK
// (aws-sdk-go-v2: internal/endpoints/awsrulesfn/partitions.json).
func partitionOf(region string) string {
	f := strings.Split(region, "-")
	if len(f) == 4 {
		switch f[0] + "-" + f[1] {
		case "us-gov":
			return "aws-us-gov"
		case "us-iso":
			return "aws-iso"
		case "us-isob":
			return "aws-iso-b"
		case "eu-isoe":
			return "aws-iso-e"
		case "us-isof":
			return "aws-iso-f"
		case "eusc-de":
			return "aws-eusc"
		}
		return ""
	}
	if len(f) != 3 {
		return ""
	}
	switch f[0] {
	case "cn":
		return "aws-cn"
	case "us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx":
		return "aws"
	}
	return ""
}
