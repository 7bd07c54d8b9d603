package settings_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// Without a region the partition of an ARN decides which STS is asked.
func TestRegionOfThePartition(t *testing.T) {
	for partition, want := range map[string]string{"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-iso": "us-iso-east-1",
		"aws-iso-b": "us-isob-east-1", "aws-iso-e": "eu-isoe-west-1", "aws-iso-f": "us-isof-south-1", "aws-eusc": "eusc-de-east-1"} {
		arn := func(resource string) string { return "arn:" + partition + ":iam::123456789012:" + resource }
		const source = "--source-profile=base"
		for _, tt := range []struct {
			name, config string
			args         []string
		}{
			{"the profile's device", "[profile base]\nmfa_serial = " + arn("mfa/ana") + "\n", []string{source}},
			{"a named device", "", []string{source, "--mfa-serial=" + arn("mfa/ana")}},
			{"a named role", "", []string{source, "--role-arn=" + arn("role/r")}},
			{"a named policy", "", []string{source, "--federation-name=bob", "--policy-arn=" + arn("policy/p")}},
			{"a member account", "", []string{source, "--target-principal=" + arn("root"), "--task-policy-arn=arn:" + partition + ":iam::aws:policy/root-task/IAMAuditRootUserCredentials"}},
			{"a SAML provider", "", []string{"--role-arn=" + arn("role/r"), "--principal-arn=" + arn("saml-provider/p"), "--saml-assertion-file=/t"}},
			{"the profile's role", "[profile r]\nrole_arn = " + arn("role/r") + "\nsource_profile = base\n", []string{"--source-profile=r"}},
			{"the device of the keys behind a role", "[profile base]\nmfa_serial = " + arn("mfa/ana") + "\n[profile r]\nrole_arn = r\nsource_profile = base\n", []string{"--source-profile=r"}},
		} {
			r := newWorld(t).credentials(baseKeys).config(tt.config).load(tt.args...)
			for ; r != nil; r = r.Base {
				if r.Region != want || r.Partition != partition {
					t.Errorf("%s, %s: %s is asked of %s in %s", partition, tt.name, r.Operation, r.Region, r.Partition)
				}
			}
		}
	}
	w := newWorld(t).set("AWS_WEB_IDENTITY_TOKEN_FILE=/t", "AWS_ROLE_ARN=arn:aws-cn:iam::1:role/r")
	if r := w.load(); r.Region != "cn-north-1" {
		t.Errorf("the variables of a platform: %s", r.Region)
	}
}

// Nothing of one partition is sent to the STS of another.
func TestPartitionsDoNotMix(t *testing.T) {
	const gov = "arn:aws-us-gov:iam::123456789012:"
	for _, tt := range []struct {
		config string
		args   []string
	}{
		{"[profile base]\nregion = eu-west-1\nmfa_serial = " + gov + "mfa/ana\n", []string{"--source-profile=base"}},
		{"[profile base]\nregion = eu-west-1\n", []string{"--source-profile=base", "--role-arn=" + gov + "role/r"}},
		{"[profile base]\nregion = eu-west-1\n", []string{"--source-profile=base", "--mfa-serial=" + gov + "mfa/m"}},
		{"[profile base]\nregion = eu-west-1\n", []string{"--source-profile=base", "--federation-name=b", "--policy-arn=" + gov + "policy/p"}},
		{"[profile r]\nregion = eu-west-1\nrole_arn = " + gov + "role/r\nsource_profile = base\n", []string{"--source-profile=r"}},
		{"[profile r]\nrole_arn = " + gov + "role/r\nsource_profile = base\n[profile base]\nmfa_serial = arn:aws:iam::1:mfa/ana\n", []string{"--source-profile=r"}},
	} {
		newWorld(t).credentials(baseKeys).config(tt.config).fail(settings.Config, []string{`"aws-us-gov"`, `"aws"`, "region"}, tt.args...)
	}
	w := newWorld(t).credentials(baseKeys).set("AWS_REGION=eu-west-1")
	w.fail(settings.Config, []string{"AWS_REGION", "us-gov-west-1"}, "--source-profile=base", "--role-arn="+gov+"role/r")
	w.fail(settings.Usage, []string{"--region"}, "--source-profile=base", "--role-arn="+gov+"role/r", "--region=eu-west-1")
	w.load("--source-profile=base", "--role-arn="+gov+"role/r", "--region=us-gov-east-1")
	w.fail(settings.Config, []string{`"aws-new"`}, "--source-profile=base", "--role-arn=arn:aws-new:iam::1:role/r")
}

// A zone is not taken for a region: its host does not exist.
func TestZones(t *testing.T) {
	for zone, region := range map[string]string{"eu-west-1a": "eu-west-1", "us-gov-west-1b": "us-gov-west-1", "us-west-2-lax-1a": "us-west-2", "us-east-1-wl1-bos-wlz-1": "us-east-1",
		"us-east-1-bos-1a": "us-east-1", "ap-northeast-1d": "ap-northeast-1"} {
		newWorld(t).credentials(baseKeys).fail(settings.Usage, []string{"--region", "zone", "write " + region}, "--source-profile=base", "--region="+zone)
		newWorld(t).credentials(baseKeys).config("[profile base]\nregion = "+zone+"\n").fail(settings.Config, []string{"config:2", "write " + region}, "--source-profile=base")
		newWorld(t).credentials(baseKeys).set("AWS_REGION="+zone).fail(settings.Config, []string{"AWS_REGION", "write " + region}, "--source-profile=base")
	}
	for _, region := range []string{"eu-west-1", "us-gov-west-1", "us-iso-east-1", "aws-global", "us-gov-west-1-fips", "fips-us-gov-west-1", "us-east-1-fips", "local", "x-y", "mx-central-1", "eusc-de-east-1"} {
		if r := newWorld(t).credentials(baseKeys).load("--source-profile=base", "--region="+region); r.Region != region {
			t.Errorf("%s is %s", region, r.Region)
		}
	}
}

// A region without a value is none.
func TestEmptyRegion(t *testing.T) {
	w := newWorld(t).credentials(baseKeys + "region =\n").set("AWS_REGION=eu-north-1")
	for config, want := range map[string]string{"": "eu-north-1", "[profile base]\nregion =\n": "eu-north-1", "[profile base]\nregion = ap-south-1\n": "ap-south-1", "[profile base]\nregion = \"\"\n": "eu-north-1", "[profile base]\nregion = # none\n": "eu-north-1"} {
		if r := w.config(config).load("--source-profile=base"); r.Region != want {
			t.Errorf("%q: %s, want %s", config, r.Region, want)
		}
	}
}
