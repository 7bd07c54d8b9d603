// Package awsname knows AWS's names: regions and their partitions, ARNs, and which endpoints
// credentials may travel to. It opens no connection and needs no SDK.
package awsname

import "strings"

// Partition is a group of regions with its own accounts, hosts and identities: credentials of one are
// nothing in another.
type Partition struct {
	Name      string // as ARNs have it: "aws"
	DNSSuffix string // of a service's host, sts.REGION.DNSSUFFIX
	// IAMHost is the partition's one IAM endpoint, and IAMRegion the region that its requests are
	// signed for.
	IAMHost, IAMRegion string
	// SignInHost is the host of the AWS sign-in pages, with the region before it where one is meant.
	SignInHost string

	regions string // what its regions begin with, separated by blanks
}

// partitions is the table of them all, after the SDKs' partitions.json (aws-sdk-go-v2:
// internal/endpoints/awsrulesfn), the endpoint rules of IAM (botocore: data/iam, endpoint-rule-set) and
// those of the sign-in service (aws-sdk-go-v2: service/signin, endpoints.go).
var partitions = [...]Partition{
	{Name: "aws", DNSSuffix: "amazonaws.com", IAMHost: "iam.amazonaws.com", IAMRegion: "us-east-1",
		SignInHost: "signin.aws.amazon.com", regions: "us- eu- ap- sa- ca- me- af- il- mx-"},
	{Name: "aws-cn", DNSSuffix: "amazonaws.com.cn", IAMHost: "iam.cn-north-1.amazonaws.com.cn", IAMRegion: "cn-north-1",
		SignInHost: "signin.amazonaws.cn", regions: "cn-"},
	{Name: "aws-us-gov", DNSSuffix: "amazonaws.com", IAMHost: "iam.us-gov.amazonaws.com", IAMRegion: "us-gov-west-1",
		SignInHost: "signin.amazonaws-us-gov.com", regions: "us-gov-"},
	{Name: "aws-iso", DNSSuffix: "c2s.ic.gov", IAMHost: "iam.us-iso-east-1.c2s.ic.gov", IAMRegion: "us-iso-east-1",
		SignInHost: "signin.c2shome.ic.gov", regions: "us-iso-"},
	{Name: "aws-iso-b", DNSSuffix: "sc2s.sgov.gov", IAMHost: "iam.us-isob-east-1.sc2s.sgov.gov", IAMRegion: "us-isob-east-1",
		SignInHost: "signin.sc2shome.sgov.gov", regions: "us-isob-"},
	{Name: "aws-iso-e", DNSSuffix: "cloud.adc-e.uk", IAMHost: "iam.eu-isoe-west-1.cloud.adc-e.uk", IAMRegion: "eu-isoe-west-1",
		SignInHost: "signin.csphome.adc-e.uk", regions: "eu-isoe-"},
	{Name: "aws-iso-f", DNSSuffix: "csp.hci.ic.gov", IAMHost: "iam.us-isof-south-1.csp.hci.ic.gov", IAMRegion: "us-isof-south-1",
		SignInHost: "signin.csphome.hci.ic.gov", regions: "us-isof-"},
	{Name: "aws-eusc", DNSSuffix: "amazonaws.eu", IAMHost: "iam.eusc-de-east-1.amazonaws.eu", IAMRegion: "eusc-de-east-1",
		SignInHost: "signin.amazonaws-eusc.eu", regions: "eusc-de-"},
}

// PartitionOf is the partition of a region. A name that is no region of any partition, such as
// eusc-xx-east-1 or nz-north-1, is taken for one of "aws": that is where the SDKs send its requests.
func PartitionOf(region string) *Partition {
	for i := range partitions {
		p := &partitions[i]
		if region == p.Name+"-global" {
			return p
		}
		for prefix := range strings.SplitSeq(p.regions, " ") {
			if rest, ok := strings.CutPrefix(region, prefix); ok && wordAndNumber(rest) {
				return p
			}
		}
	}
	return &partitions[0]
}

// PartitionNamed is the partition of that name, nil for none.
func PartitionNamed(name string) *Partition {
	for i := range partitions {
		if partitions[i].Name == name {
			return &partitions[i]
		}
	}
	return nil
}

// wordAndNumber is `\w+-\d+` of partitions.json, the end of every region's name: "east-1".
func wordAndNumber(s string) bool {
	const digits = "0123456789"
	word, number, ok := strings.Cut(s, "-")
	return ok && word != "" && number != "" && strings.Trim(number, digits) == "" &&
		strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_"+digits) == ""
}

// ValidRegion reports whether s can be a region's name, and so a part of a host name: 1 to 63 of
// a-z, 0-9 and -, no - at its ends.
func ValidRegion(s string) bool {
	return s != "" && len(s) <= 63 && s[0] != '-' && s[len(s)-1] != '-' && lower(s)
}

// lower reports whether s is of a-z, 0-9 and - only.
func lower(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}
