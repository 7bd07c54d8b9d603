package imds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// versions are those that the real service lists; each is another name for "latest".
var versions = [...]string{
	"1.0", "2007-01-19", "2007-03-01", "2007-08-29", "2007-10-10", "2007-12-15", "2008-02-01", "2008-09-01",
	"2009-04-04", "2011-01-01", "2011-05-01", "2012-01-12", "2014-02-25", "2014-11-05", "2015-10-20", "2016-04-19",
	"2016-06-30", "2016-09-02", "2018-03-28", "2018-08-17", "2018-09-24", "2019-10-01", "2020-10-27", "2021-01-03",
	"2021-03-23", "2021-07-15", "2022-09-24",
}

// what a metadata path answers.
type answer int

const (
	answerText     answer = iota // a fixed text
	answerRoles                  // the name of the role, if there are credentials for it
	answerRole                   // the credentials
	answerExtended               // the credentials with their account
	answerInfo                   // iam/info
	answerIdentity               // the identity document; known in part before there are credentials
)

type entry struct {
	answer answer
	text   []byte
}

const (
	pathRoles    = "meta-data/iam/security-credentials"
	pathExtended = "meta-data/iam/security-credentials-extended"
)

// complete derives what c leaves open, so that the rest of the package need not ask again.
func (c Instance) complete(p *Profile) (*Instance, error) {
	if c.RoleName == "" {
		c.RoleName = p.Name
	}
	c.RoleName = CleanName(c.RoleName)
	if c.AccountID == "" {
		c.AccountID = p.AccountID
	}
	if c.InstanceID == "" {
		sum := sha256.Sum256([]byte("instance\x00" + p.Name))
		c.InstanceID = "i-" + hex.EncodeToString(sum[:])[:17]
	}
	if c.Region != "" && c.AvailabilityZone == "" {
		c.AvailabilityZone = c.Region + "a"
	}
	partition, domain := partitionOf(c.Region)
	if c.Partition == "" {
		c.Partition = partition
	}
	if c.Domain == "" {
		c.Domain = domain
	}
	if c.PrivateIP != "" {
		if _, err := netip.ParseAddr(c.PrivateIP); err != nil {
			return nil, fmt.Errorf("imds: the instance's private ip %q is not an address", c.PrivateIP)
		}
	}
	for _, v := range []string{c.Region, c.AvailabilityZone, c.InstanceID, c.AccountID, c.ImageID, c.InstanceType, c.Partition, c.Domain} {
		if !printable(v) {
			return nil, fmt.Errorf("imds: the instance's value %q is not one line of ASCII", v)
		}
	}
	return &c, nil
}

// partitionOf tells a region's partition and domain by the region's name
// (https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html).
func partitionOf(region string) (partition, domain string) {
	for _, x := range [...]struct{ prefix, partition, domain string }{
		{"cn-", "aws-cn", "amazonaws.com.cn"},
		{"us-gov-", "aws-us-gov", "amazonaws.com"},
		{"us-isob-", "aws-iso-b", "sc2s.sgov.gov"},
		{"us-isof-", "aws-iso-f", "csp.hci.ic.gov"},
		{"us-iso-", "aws-iso", "c2s.ic.gov"},
		{"eu-isoe-", "aws-iso-e", "cloud.adc-e.uk"},
		{"eusc-", "aws-eusc", "amazonaws.eu"},
	} {
		if strings.HasPrefix(region, x.prefix) {
			return x.partition, x.domain
		}
	}
	return "aws", "amazonaws.com"
}

// identityBody writes the identity document. Fields that nobody set are left out; the ones that the
// real one always has as null are null.
func identityBody(in *Instance, account string) []byte {
	if in.Region == "" {
		return nil
	}
	return marshal(struct {
		AccountID               string  `json:"accountId,omitempty"`
		AvailabilityZone        string  `json:"availabilityZone"`
		DevpayProductCodes      *string `json:"devpayProductCodes"`
		MarketplaceProductCodes *string `json:"marketplaceProductCodes"`
		ImageID                 string  `json:"imageId,omitempty"`
		InstanceID              string  `json:"instanceId"`
		InstanceType            string  `json:"instanceType,omitempty"`
		KernelID                *string `json:"kernelId"`
		PrivateIP               string  `json:"privateIp,omitempty"`
		RamdiskID               *string `json:"ramdiskId"`
		Region                  string  `json:"region"`
		Version                 string  `json:"version"`
	}{
		AccountID: account, AvailabilityZone: in.AvailabilityZone, ImageID: in.ImageID, InstanceID: in.InstanceID,
		InstanceType: in.InstanceType, PrivateIP: in.PrivateIP, Region: in.Region, Version: "2017-09-30",
	})
}

// metadataTree is every path below a version, without slashes at its ends, and the listings of all
// directories on the way there.
func metadataTree(in *Instance) (map[string]entry, error) {
	tree := make(map[string]entry)
	text := func(path, value string) {
		if value != "" {
			tree[path] = entry{text: []byte(value)}
		}
	}
	text("meta-data/instance-id", in.InstanceID)
	text("meta-data/ami-id", in.ImageID)
	text("meta-data/instance-type", in.InstanceType)
	text("meta-data/local-ipv4", in.PrivateIP)
	text("meta-data/placement/availability-zone", in.AvailabilityZone)
	text("meta-data/placement/region", in.Region)
	if in.Region != "" {
		text("meta-data/services/partition", in.Partition)
		text("meta-data/services/domain", in.Domain)
		tree["dynamic/instance-identity/document"] = entry{answer: answerIdentity, text: identityBody(in, in.AccountID)}
	}
	tree["meta-data/iam/info"] = entry{answer: answerInfo}
	tree[pathRoles] = entry{answer: answerRoles, text: []byte(in.RoleName)}
	tree[pathExtended] = tree[pathRoles]
	tree[pathRoles+"/"+in.RoleName] = entry{answer: answerRole}
	tree[pathExtended+"/"+in.RoleName] = entry{answer: answerExtended}

	for path, value := range in.Values {
		if err := checkValue(tree, path); err != nil {
			return nil, err
		}
		tree[path] = entry{text: []byte(value)}
	}
	return tree, addListings(tree)
}

// checkValue refuses extra values that would hide, or be hidden by, what the server answers.
func checkValue(tree map[string]entry, path string) error {
	bad := path == "" || strings.HasPrefix(path, "api") || strings.HasPrefix(path, "meta-data/iam")
	for _, part := range strings.Split(path, "/") {
		bad = bad || part == "" || part == "." || part == ".."
		for i := range len(part) {
			bad = bad || !nameChar(part[i]) && part[i] != ':' // MAC addresses are parts of paths
		}
	}
	if bad {
		return fmt.Errorf("imds: %q is not a metadata path that can be given a value", path)
	}
	if _, taken := tree[path]; taken {
		return fmt.Errorf("imds: the metadata path %q has a value already", path)
	}
	return nil
}

// addListings makes the listing of each directory: names in order, directories with a slash except
// directly below the version, as the real service has it, and no line end after the last.
func addListings(tree map[string]entry) error {
	dirs := make(map[string]map[string]bool) // directory to names to "is a directory"
	for path := range tree {
		for name := ""; path != ""; {
			i := strings.LastIndexByte(path, '/')
			dir := ""
			isDir := name != ""
			name = path[i+1:]
			if i >= 0 {
				dir = path[:i]
			}
			if dirs[dir] == nil {
				dirs[dir] = make(map[string]bool)
			}
			dirs[dir][name] = dirs[dir][name] || isDir
			path = dir
		}
	}
	for dir, names := range dirs {
		if e, taken := tree[dir]; taken {
			if e.answer == answerRoles {
				continue // the listing of roles is one of its own
			}
			return fmt.Errorf("imds: the metadata path %q cannot be a value and a directory", dir)
		}
		var lines []string
		for name, isDir := range names {
			if isDir && dir != "" {
				name += "/"
			}
			lines = append(lines, name)
		}
		slices.Sort(lines)
		tree[dir] = entry{text: []byte(strings.Join(lines, "\n"))}
	}
	return nil
}
