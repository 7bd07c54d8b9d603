package process_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// variant is another value of a setting, and what STS must have noted of the token that was
// made with it; nil where STS notes nothing.
type variant struct {
	values []string
	shows  func(emulator.Identity) bool
}

// variants has each setting that changes a token, and the settings it needs beside it.
func (s *stage) variants() map[string][]variant {
	life := func(d time.Duration) func(emulator.Identity) bool {
		return func(id emulator.Identity) bool { return id.Expiration.Sub(id.Issued).Round(time.Minute) == d }
	}
	other := s.STS.AddUser(harness.Account, "bob")
	harness.Must(s.t, s.Write(".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n[bob]\naws_access_key_id = %s\naws_secret_access_key = %s\n",
		s.User.AccessKeyID, s.User.SecretAccessKey, other.AccessKeyID, other.SecretAccessKey)))
	second := s.STS.AddRole(partner, "second", emulator.Trust(harness.Account), emulator.MaxSessionDuration(43200))
	return map[string][]variant{
		"source-profile": {{[]string{"bob"}, func(id emulator.Identity) bool { return id.IssuedTo == other.AccessKeyID }}},
		"duration":       {{[]string{"20m"}, life(20 * time.Minute)}, {[]string{"1201"}, nil}},
		"region":         {{[]string{"ap-south-1"}, func(id emulator.Identity) bool { return id.Region == "ap-south-1" }}},
		"endpoint-url":   {{[]string{strings.Replace(s.STS.URL(), "127.0.0.1", "localhost", 1)}, nil}},
		"federation-name": {{[]string{"visitor2"}, func(id emulator.Identity) bool { return id.FederatedName == "visitor2" }},
			{[]string{"Visitor"}, func(id emulator.Identity) bool { return id.FederatedName == "Visitor" }}},
		"role-arn":          {{[]string{second.ARN}, func(id emulator.Identity) bool { return id.RoleARN == second.ARN }}},
		"role-session-name": {{[]string{"other"}, func(id emulator.Identity) bool { return id.RoleSessionName == "other" }}},
		"external-id":       {{[]string{"another"}, nil}},
		"source-identity":   {{[]string{"bob"}, func(id emulator.Identity) bool { return id.SourceIdentity == "bob" }}},
		"tag": {{[]string{"Team=dev"}, func(id emulator.Identity) bool { return id.Tags["Team"] == "dev" }},
			{[]string{"team=ops"}, func(id emulator.Identity) bool { return id.Tags["team"] == "ops" }},
			{[]string{"Team=ops", "Cost=7"}, func(id emulator.Identity) bool { return len(id.Tags) == 2 }}},
		"transitive-tag": {{[]string{"Team"}, func(id emulator.Identity) bool { return len(id.TransitiveTags) == 1 }}},
		"policy":         {{[]string{s.path("other.json")}, func(id emulator.Identity) bool { return strings.Contains(id.Policy, "DescribeImages") }}},
		"policy-arn": {{[]string{ec2Only}, func(id emulator.Identity) bool { return slices.Equal(id.PolicyARNs, []string{ec2Only}) }},
			{[]string{ec2Only, readOnly}, func(id emulator.Identity) bool { return len(id.PolicyARNs) == 2 }}},
		"allow":     {{[]string{"s3:Get*"}, func(id emulator.Identity) bool { return strings.Contains(id.Policy, "s3:Get*") }}},
		"deny":      {{[]string{"s3:Get*"}, func(id emulator.Identity) bool { return strings.Contains(id.Policy, `"Deny"`) }}},
		"resource":  {{[]string{"arn:aws:s3:::reports/*"}, func(id emulator.Identity) bool { return strings.Contains(id.Policy, "reports") }}},
		"no-policy": {{[]string{"true"}, func(id emulator.Identity) bool { return id.Policy == "" && len(id.PolicyARNs) == 0 }}},
	}
}

// elsewhere are the settings that are no part of a token, and those that other tests change:
// a token file's subject, an assertion's provider and the member account below, FIPS and dual
// stack, which no endpoint on loopback has, in package broker.
var elsewhere = []string{
	"profile", "credentials-file", "session-duration", "cache-dir", "no-cache", "wait", "verbose", "mfa-serial", "mfa-code", "mfa-process", "prompt", "granted",
	"fips", "dual-stack", "web-identity-token-file", "saml-assertion-file", "saml-assertion-command", "principal-arn", "target-principal", "task-policy-arn",
	// Sources, whose inputs the golden keys of package request hold, and e2e/login tries.
	"web-identity-token-command", "web-identity", "source-command", "certificate", "private-key", "certificate-chain",
	"trust-anchor-arn", "anywhere-profile-arn", "anywhere-role-arn", "source-key",
	// What narrows a session: the golden keys too, and e2e/source.
	"read-only", "description",
}

// Each setting changed alone, added or taken away is another token; the same settings again
// are the same token. STS's own note of each token says that it is what was asked for.
func TestEverySettingIsAnotherToken(t *testing.T) {
	harness.Long(t, "a hundred requests")
	base := []flagValues{
		{"source-profile": {"base"}},
		{"source-profile": {"base"}, "federation-name": {"visitor"}, "allow": {"ec2:Describe*"}},
		{"source-profile": {"base"}, "federation-name": {"visitor"}, "policy-arn": {readOnly}, "tag": {"Team=ops"}},
		{"source-profile": {"base"}, "role-arn": {"arn:aws:iam::" + partner + ":role/hub"}},
		{"source-profile": {"base"}, "role-arn": {"arn:aws:iam::" + partner + ":role/hub"}, "role-session-name": {"one"}, "external-id": {"one"},
			"source-identity": {"alice"}, "tag": {"Team=ops"}, "allow": {"ec2:Describe*"}, "policy-arn": {readOnly}, "duration": {"30m"}},
	}
	tried := map[string]int{}
	for i, plain := range base {
		s := newStage(t)
		variants := s.variants()
		tokens := map[string]string{} // access key id to the settings it was made with
		calls := 0
		get := func(what string, with flagValues, shows func(emulator.Identity) bool) {
			t.Helper()
			r := s.Run(t, with.flags()...)
			if (r.Code == harness.ExitUsage || r.Code == harness.ExitConfig) && s.STS.Count("") == calls {
				return // the settings do not go together: nothing was asked
			}
			d := s.Creds(t, r)
			calls++
			if before, ok := tokens[d.AccessKeyId]; ok {
				t.Errorf("%d, %s: got the token of %s", i, what, before)
			}
			tokens[d.AccessKeyId] = what
			if n := s.STS.Count(""); n != calls {
				t.Errorf("%d, %s: %d calls, want %d", i, what, n, calls)
			}
			id, _ := s.STS.Lookup(d.AccessKeyId)
			if shows != nil && !shows(id) {
				t.Errorf("%d, %s: STS made %+v", i, what, id)
			}
			scoped := false
			for _, flag := range []string{"policy", "policy-arn", "allow", "deny", "resource"} {
				scoped = scoped || with[flag] != nil
			}
			if got := id.Policy != "" || len(id.PolicyARNs) > 0; got != scoped {
				t.Errorf("%d, %s: scoped %v, want %v: %+v", i, what, got, scoped, id)
			}
			// The same again is the same token.
			if again := s.Run(t, with.flags()...); again.Stdout != r.Stdout || s.STS.Count("") != calls {
				t.Errorf("%d, %s: not found again", i, what)
			}
			tried[strings.Fields(what)[0]]++
		}
		get("as it is", plain, nil)
		for _, known := range settings.Settings() {
			flag := known.Flag
			if slices.Contains(elsewhere, flag) {
				continue
			}
			if variants[flag] == nil {
				t.Fatalf("nothing is known about the setting %s", flag)
			}
			for _, v := range variants[flag] {
				changed := plain.with(flag, v.values...)
				if flag == "no-policy" {
					changed = changed.with("allow").with("policy-arn")
				}
				get(flag+" is "+strings.Join(v.values, " "), changed, v.shows)
			}
			if plain[flag] != nil && flag != "source-profile" { // without one nothing signs
				get(flag+" is gone", plain.with(flag), nil)
			}
		}
	}
	for _, known := range settings.Settings() {
		if tried[known.Flag] == 0 && !slices.Contains(elsewhere, known.Flag) {
			t.Errorf("%s was never tried", known.Flag)
		}
	}
}
