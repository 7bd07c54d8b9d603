package emulator

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

const (
	// maxPolicyText bounds the session policy and the policy ARNs together, in characters.
	maxPolicyText = 2048
	// packedBudget is 100 percent of PackedPolicySize, in bytes of our own packing, and fills a token of
	// maxTokenSize. AWS publishes neither its packing nor its limit; in reports from the field some
	// 30 actions of different services come to about 118 percent, which this matches.
	packedBudget = 320
	// maxTokenSize is 100 percent of SessionTokenUtilization, in bytes.
	maxTokenSize = 4096
)

// packDictionary is what every policy has in it and so costs next to nothing.
const packDictionary = `"Resource":"arn:aws:s3:::","arn:aws:iam::","NotAction":["NotResource":"*","Deny","Condition":{"StringEquals":{` +
	`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:Describe*","s3:Get*","s3:List*"],"Resource":"*"}]}`

// scope reads Policy, PolicyArns and tags of a request into a session, refuses what is
// malformed or too large, and measures the rest.
func (e *Emulator) scope(c *call, s *session, tags []tag, account string) *apiError {
	s.Policy = c.form.Get("Policy")
	if s.Policy != "" {
		if _, err := parsePolicy(s.Policy); err != nil {
			return refuse(400, "MalformedPolicyDocument", "%s", err.Error())
		}
	}
	members, apiErr := listMembers(c.form, "PolicyArns")
	if apiErr != nil {
		return apiErr
	}
	text := utf8.RuneCountInString(s.Policy)
	for _, m := range members {
		name := m["arn"]
		a, ok := parseARN(name)
		if !ok || a.service != "iam" || !strings.HasPrefix(a.resource, "policy/") || a.account != "aws" && a.account != account {
			return invalid("ARN %s is not valid.", name)
		}
		if _, ok := e.managed[name]; !ok {
			return invalid("Policy %s does not exist or is not attachable.", name)
		}
		s.PolicyARNs = append(s.PolicyARNs, name)
		text += len(name)
	}
	if text > maxPolicyText {
		var v violations
		v.add("'"+s.Policy+"'", "policy", "Member must have length less than or equal to 2048")
		return v.err()
	}
	if len(tags) > 50 {
		return invalid("1 validation error detected: Value '[%d members]' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50", len(tags))
	}
	if len(tags) > 0 {
		s.Tags = map[string]string{}
		for _, t := range tags {
			s.Tags[t.key] = t.value
		}
	}
	s.packed = pack(s, tags)
	return tooLarge(s.packed)
}

// pack is the size of policy, ARNs and tags as a percentage of the limit: at least 1
// if there is anything, 0 if there is nothing.
func pack(s *session, tags []tag) int {
	var raw bytes.Buffer
	if s.Policy != "" {
		json.Compact(&raw, []byte(s.Policy)) // parsed before
	}
	for _, a := range s.PolicyARNs {
		raw.WriteString(a)
	}
	for _, t := range tags {
		raw.WriteString(t.key + "\x00" + t.value + "\x00")
	}
	if raw.Len() == 0 {
		return 0
	}
	var out bytes.Buffer
	w, err := flate.NewWriterDict(&out, flate.BestCompression, []byte(packDictionary))
	if err != nil {
		panic("emulator: " + err.Error())
	}
	w.Write(raw.Bytes())
	w.Close()
	return max(1, (out.Len()*100+packedBudget-1)/packedBudget)
}

// packedSize is absent from an answer where nothing was packed.
func packedSize(s *session) *int {
	if s.packed == 0 {
		return nil
	}
	n := s.packed
	return &n
}
