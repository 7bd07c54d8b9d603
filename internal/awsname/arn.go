package awsname

import "strings"

// ARN is a name of AWS, arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html).
type ARN struct{ Partition, Service, Region, Account, Resource string }

// ParseARN splits an ARN of visible ASCII with a partition of AWS's and a resource. Whether the
// other parts make sense depends on the service.
func ParseARN(s string) (ARN, bool) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] >= 0x7f {
			return ARN{}, false
		}
	}
	f := strings.SplitN(s, ":", 6)
	if len(f) < 6 || f[0] != "arn" || f[5] == "" || !validPartition(f[1]) {
		return ARN{}, false
	}
	return ARN{f[1], f[2], f[3], f[4], f[5]}, true
}

// validPartition takes partitions that are not in the table: AWS makes new ones, and an ARN is
// compared, not resolved.
func validPartition(p string) bool {
	return p == "aws" || strings.HasPrefix(p, "aws-") && len(p) > 4 && len(p) <= 32 && lower(p)
}
