package settings_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

func TestEndpointOrder(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	want := func(endpoint string, args ...string) {
		t.Helper()
		if got := w.load(append(args, "--source-profile=base")...).Endpoint; got != endpoint {
			t.Errorf("endpoint %q, want %q", got, endpoint)
		}
	}
	want("")
	w.config("[profile base]\nendpoint_url = https://profile\n")
	want("https://profile")
	w.config("[profile base]\nendpoint_url = https://profile\nservices = s\n[services s]\ns3 =\n  endpoint_url = https://s3\nsts =\n  endpoint_url = https://services\n")
	want("https://services")
	w.set("AWS_ENDPOINT_URL=https://all")
	want("https://all")
	w.set("AWS_ENDPOINT_URL_STS=https://sts")
	want("https://sts")
	w.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true")
	want("")
	w.toml("[profile.default]\nendpoint_url = 'https://entry'\n")
	want("https://entry")
	w.set("STS_HELPER_ENDPOINT_URL=https://variable")
	want("https://variable")
	want("https://flag", "--endpoint-url=https://flag")

	w = newWorld(t).credentials(baseKeys).config("[profile base]\nendpoint_url = https://profile\nignore_configured_endpoint_urls = true\n")
	want("")
	w.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=False")
	want("https://profile")
	w.set("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=1")
	w.fail(settings.Config, []string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}, "--source-profile=base")
}

func TestEndpointsAllowed(t *testing.T) {
	for _, good := range []string{"https://sts.eu-west-1.amazonaws.com", "https://10.0.0.1:8443/path", "http://localhost:4566", "http://LOCALHOST:1", "http://localhost:1", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1", "http://[::ffff:127.0.0.1]:1"} {
		if got := newWorld(t).load("--endpoint-url=" + good).Endpoint; got != good {
			t.Errorf("%s gave %s", good, got)
		}
	}
	for _, bad := range []string{"http://sts.example.com", "http://a.localhost", "http://localhost.:1", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://127.1", "http://2130706433", "http://[::]:1", "http://0.0.0.0", "http://169.254.169.254",
		"ftp://localhost", "localhost:4566", "//localhost", "https://", "https:///x", "https://user:CANARY@host", "https://host?x=CANARY", "https://host#x", "https://ho st", "https://host:port", "http://localhost@evil.example", "http:localhost", "https://%zz", "https://host/\u202ex"} {
		newWorld(t).fail(settings.Usage, []string{"--endpoint-url", "endpoint"}, "--endpoint-url="+bad)
		newWorld(t).set("AWS_ENDPOINT_URL_STS="+bad).fail(settings.Config, []string{"AWS_ENDPOINT_URL_STS", "endpoint"})
		newWorld(t).set("AWS_ENDPOINT_URL="+bad).fail(settings.Config, []string{"AWS_ENDPOINT_URL", "endpoint"})
	}
	newWorld(t).config("[default]\nendpoint_url = http://evil\n").fail(settings.Config, []string{"~/.aws/config:2", "http://evil"})
	newWorld(t).config("[default]\nservices = s\n[services s]\nsts =\n  endpoint_url = http://evil\n").fail(settings.Config, []string{"~/.aws/config:5"})
}

func TestFIPSAndDualStack(t *testing.T) {
	w := newWorld(t).config("[default]\nuse_fips_endpoint = true\nuse_dualstack_endpoint = TRUE\n")
	want := func(fips, dual bool, args ...string) {
		t.Helper()
		if r := w.load(args...); r.FIPS != fips || r.DualStack != dual {
			t.Errorf("FIPS %v, dual-stack %v", r.FIPS, r.DualStack)
		}
	}
	want(true, true)
	w.set("AWS_USE_FIPS_ENDPOINT=false")
	want(false, true)
	w.set("STS_HELPER_FIPS=1", "STS_HELPER_DUAL_STACK=0")
	want(true, false)
	want(false, true, "--fips=false", "--dual-stack")
	newWorld(t).set("AWS_USE_FIPS_ENDPOINT=yes").fail(settings.Config, []string{"AWS_USE_FIPS_ENDPOINT", `"yes"`})
	newWorld(t).fail(settings.Usage, []string{"--fips", "--endpoint-url"}, "--fips", "--endpoint-url=https://x")
	newWorld(t).set("AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_ENDPOINT_URL=https://x").fail(settings.Config, []string{"AWS_USE_DUALSTACK_ENDPOINT", "AWS_ENDPOINT_URL"})
}

func TestPartition(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-west-1": "aws", "aws-global": "aws", "xx-new-1": "aws", "cn-north-1": "aws-cn", "aws-cn-global": "aws-cn",
		"us-gov-west-1": "aws-us-gov", "us-iso-east-1": "aws-iso", "aws-iso-global": "aws-iso", "us-isob-east-1": "aws-iso-b", "aws-iso-b-global": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
	} {
		if got := newWorld(t).load("--region=" + region).Partition; got != want {
			t.Errorf("--region=%s: %s, want %s", region, got, want)
		}
	}
}

// What a role is based on is asked for at one endpoint, whatever the role's is.
func TestSourceEndpoint(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).config("[profile role]\nrole_arn = r\nsource_profile = base\nmfa_serial = s\nregion = eu-west-1\n" +
		"[profile chinese]\nrole_arn = r\nsource_profile = base\nmfa_serial = s\nregion = cn-north-1\n[profile over]\nrole_arn = r\nsource_profile = role\nregion = us-west-2\n")
	base := func(want string, args ...string) {
		t.Helper()
		r := w.load(args...)
		for r.Base != nil {
			r = r.Base
		}
		if r.Operation != "GetSessionToken" || r.Region != want {
			t.Errorf("%q: %s in %s, want %s", args, r.Operation, r.Region, want)
		}
	}
	base("us-east-1", "--source-profile=role")
	base("us-east-1", "--source-profile=over")
	base("cn-north-1", "--source-profile=chinese")
	base("ap-south-1", "--source-profile=role", "--region=ap-south-1")
	w.set("AWS_REGION=sa-east-1")
	base("sa-east-1", "--source-profile=role")
	w.set("AWS_REGION=")
	if r := w.load("--source-profile=over"); r.Region != "us-west-2" || r.Base.Region != "eu-west-1" {
		t.Errorf("%s on %s", r.Region, r.Base.Region)
	}
	// An endpoint that is named for all holds for all; a profile's own holds for itself.
	for r := w.load("--source-profile=over", "--endpoint-url=http://localhost:1"); r != nil; r = r.Base {
		if r.Endpoint != "http://localhost:1" {
			t.Errorf("%s %s at %q", r.Operation, r.RoleARN, r.Endpoint)
		}
	}
	w = newWorld(t).credentials(baseKeys).config("[profile base]\nendpoint_url = https://base\nregion = eu-central-1\n[profile role]\nrole_arn = r\nsource_profile = base\nmfa_serial = s\nendpoint_url = https://role\nregion = eu-west-1\n")
	if r := w.load("--source-profile=role"); r.Endpoint != "https://role" || r.Base.Endpoint != "https://base" || r.Base.Region != "eu-central-1" {
		t.Errorf("%s on %s in %s", r.Endpoint, r.Base.Endpoint, r.Base.Region)
	}
}
