package imds

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// What is pretended of an instance: the paths of credentials, region and identity that AWS's SDKs and Terraform
// ask for. Everything else is 404, which they take well.

// entry is what a metadata path answers.
type entry struct {
	// text is the answer where of is nil, and what is known before there are credentials where early is set.
	text []byte
	// of is the answer once there are credentials; nil for none.
	of    func(*snapshot) []byte
	early bool
	// secret reports that the answer has credentials.
	secret bool
}

// fillDefaults derives what in leaves open, so that the rest of the package need not ask again.
func (in Instance) fillDefaults(p *Profile) (*Instance, error) {
	if in.RoleName == "" {
		in.RoleName = p.Name
	}
	in.RoleName = CleanName(in.RoleName)
	if !printable(in.Region) {
		return nil, fmt.Errorf("the instance's region %q is not one line of ASCII", in.Region)
	}
	return &in, nil
}

// instanceID is a made-up id that is the same for the same profile name.
func (in *Instance) instanceID() string {
	sum := sha256.Sum256([]byte("instance\x00" + in.Profile))
	return "i-" + hex.EncodeToString(sum[:])[:17]
}

// zone is a zone of the region: SDKs cut their region out of it.
func (in *Instance) zone() string { return in.Region + "a" }

// identityBody writes the identity document, or nothing without a region.
func identityBody(in *Instance, account string) []byte {
	if in.Region == "" {
		return nil
	}
	return marshal(struct {
		AccountID        string `json:"accountId,omitempty"`
		AvailabilityZone string `json:"availabilityZone"`
		InstanceID       string `json:"instanceId"`
		Region           string `json:"region"`
		Version          string `json:"version"`
	}{account, in.zone(), in.instanceID(), in.Region, "2017-09-30"})
}

// metadataTree is every path below "latest", without slashes at its ends.
func metadataTree(in *Instance, account string) map[string]entry {
	const roles, extended = "meta-data/iam/security-credentials", "meta-data/iam/security-credentials-extended"
	text := func(s string) entry { return entry{text: []byte(s)} }
	name := entry{of: func(*snapshot) []byte { return []byte(in.RoleName) }}
	tree := map[string]entry{
		"meta-data/instance-id":      text(in.instanceID()),
		"meta-data/iam/info":         {of: func(s *snapshot) []byte { return s.info }},
		roles:                        name,
		extended:                     name,
		roles + "/" + in.RoleName:    {of: func(s *snapshot) []byte { return s.role }, secret: true},
		extended + "/" + in.RoleName: {of: func(s *snapshot) []byte { return s.extended }, secret: true},
	}
	if in.Region != "" {
		tree["meta-data/placement/region"] = text(in.Region)
		tree["meta-data/placement/availability-zone"] = text(in.zone())
		tree["dynamic/instance-identity/document"] = entry{text: identityBody(in, account), of: func(s *snapshot) []byte { return s.identity }, early: true}
	}
	addListings(tree)
	return tree
}

// addListings adds to a tree of paths what each folder of it has: a line for each name, with a slash where more is
// below it, and none at the end.
func addListings(tree map[string]entry) {
	names := map[string]map[string]bool{} // of each folder
	for path := range tree {
		for suffix := ""; path != ""; suffix = "/" {
			i := strings.LastIndexByte(path, '/')
			folder := path[:max(i, 0)]
			if names[folder] == nil {
				names[folder] = map[string]bool{}
			}
			names[folder][path[i+1:]+suffix] = true
			path = folder
		}
	}
	for folder, all := range names {
		if _, ok := tree[folder]; ok {
			continue
		}
		maps.DeleteFunc(all, func(name string, _ bool) bool { return all[name+"/"] })
		tree[folder] = entry{text: []byte(strings.Join(slices.Sorted(maps.Keys(all)), "\n"))}
	}
}
