package awsname_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsname"
)

func TestPartitionOf(t *testing.T) {
	for region, want := range map[string]string{
		"us-east-1": "aws", "eu-west-1": "aws", "mx-central-1": "aws", "ap-southeast-7": "aws", "aws-global": "aws",
		"cn-north-1": "aws-cn", "aws-cn-global": "aws-cn",
		"us-gov-west-1": "aws-us-gov", "aws-us-gov-global": "aws-us-gov",
		"us-iso-east-1": "aws-iso", "aws-iso-global": "aws-iso", "us-isob-east-1": "aws-iso-b", "aws-iso-b-global": "aws-iso-b",
		"eu-isoe-west-1": "aws-iso-e", "us-isof-south-1": "aws-iso-f", "eusc-de-east-1": "aws-eusc",
		// No region of any partition.
		"eusc-xx-east-1": "aws", "nz-north-1": "aws", "cn-north": "aws", "cn-north-1-2": "aws", "cn--1": "aws", "us-gov-": "aws",
		"us-gov-west-x": "aws", "us": "aws", "": "aws", "aws-xx-global": "aws", "xus-gov-west-1": "aws",
	} {
		if got := awsname.PartitionOf(region).Name; got != want {
			t.Errorf("%q: %s, want %s", region, got, want)
		}
	}
}

func TestPartitionNamed(t *testing.T) {
	for _, name := range []string{"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc"} {
		p := awsname.PartitionNamed(name)
		if p == nil || p.Name != name {
			t.Fatalf("%s: %v", name, p)
		}
		if of := awsname.PartitionOf(p.IAMRegion); of != p {
			t.Errorf("%s signs requests to IAM for %s, a region of %s", name, p.IAMRegion, of.Name)
		}
		if !strings.HasPrefix(p.IAMHost, "iam.") || !strings.HasSuffix(p.IAMHost, p.DNSSuffix) || !strings.HasPrefix(p.SignInHost, "signin.") {
			t.Errorf("%+v", p)
		}
	}
	if p := awsname.PartitionNamed("aws-x"); p != nil {
		t.Errorf("%+v", p)
	}
}

func TestValidRegion(t *testing.T) {
	for _, s := range []string{"us-east-1", "aws-global", "x", strings.Repeat("a", 63)} {
		if !awsname.ValidRegion(s) {
			t.Errorf("%q was refused", s)
		}
	}
	for _, s := range []string{"", "-a", "a-", "US-EAST-1", "a.b", "a/b", "a_b", "é", strings.Repeat("a", 64)} {
		if awsname.ValidRegion(s) {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestParseARN(t *testing.T) {
	got, ok := awsname.ParseARN("arn:aws-cn:iam::123456789012:role/a:b")
	if want := (awsname.ARN{Partition: "aws-cn", Service: "iam", Account: "123456789012", Resource: "role/a:b"}); !ok || got != want {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := awsname.ParseARN("arn:aws-new-1:s3:eu-west-1::b"); !ok {
		t.Error("a partition that is not in the table was refused")
	}
	for _, s := range []string{"", "arn", "arn:aws:iam::123456789012", "arn:aws:iam::123456789012:", "arn:gcp:iam::1:x", "arn:aws-:iam::1:x",
		"arn:awsx:iam::1:x", "arn:aws-A:iam::1:x", "arn:aws-" + strings.Repeat("a", 30) + ":iam::1:x", "aws:arn:iam::1:x", "arn:aws:iam::1:a b", "arn:aws:iam::1:é", "arn:aws:iam::1:\x1b"} {
		if got, ok := awsname.ParseARN(s); ok {
			t.Errorf("%q was taken as %+v", s, got)
		}
	}
}

func TestCheckEndpoint(t *testing.T) {
	for _, s := range []string{"https://sts.eu-west-1.amazonaws.com", "https://10.0.0.1:8443/path", "http://localhost:4566",
		"http://LOCALHOST:1", "http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:1", "http://[::ffff:127.0.0.1]:1"} {
		if what, do := awsname.CheckEndpoint(s, false); what != "" || do != "" {
			t.Errorf("%s: %s; %s", s, what, do)
		}
	}
	for _, s := range []string{"http://sts.example.com", "http://a.localhost", "http://10.0.0.1", "http://127.0.0.1.example.com", "http://127.1",
		"http://2130706433", "http://[::]:1", "http://0.0.0.0", "http://169.254.169.254", "http://localhost.:1", "http://moto:5000"} {
		if what, do := awsname.CheckEndpoint(s, false); !strings.Contains(what, s) || do == "" {
			t.Errorf("%s: %q; %q", s, what, do)
		}
		if what, _ := awsname.CheckEndpoint(s, true); what != "" {
			t.Errorf("%s was refused though http is allowed: %s", s, what)
		}
	}
	for _, s := range []string{"", "ftp://localhost", "localhost:4566", "//localhost", "https://", "https:///x", "https://user:CANARY@host",
		"https://CANARY@host", "https://host?x=CANARY", "https://host?", "https://host#x", "https://ho st", "https://host:CANARY", "http:localhost",
		"https://%zz", "https://host/\u202ex", "https://host/\n", "https://" + strings.Repeat("a", 2048)} {
		for _, allow := range []bool{false, true} {
			what, do := awsname.CheckEndpoint(s, allow)
			if what == "" || do == "" || strings.Contains(what+do, "CANARY") {
				t.Errorf("%q: %q; %q", s, what, do)
			}
		}
	}
}

func TestGlobalSTS(t *testing.T) {
	for _, tt := range []struct {
		endpoint, region string
		want             bool
	}{
		{"", "aws-global", true}, {"", "us-east-1", false}, {"", "aws-cn-global", false},
		{"https://sts.amazonaws.com", "us-east-1", true}, {"https://STS.amazonaws.com.:443/", "eu-west-1", true},
		{"https://sts.us-east-1.amazonaws.com", "aws-global", false}, {"http://127.0.0.1:1", "aws-global", false},
	} {
		if got := awsname.GlobalSTS(tt.endpoint, tt.region); got != tt.want {
			t.Errorf("%q %s: %v", tt.endpoint, tt.region, got)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for _, s := range []string{"localhost", "LocalHost", "127.0.0.1", "127.255.0.1", "::1", "[::1]", "::ffff:127.0.0.1"} {
		if !awsname.IsLoopback(s) {
			t.Errorf("%q is loopback", s)
		}
	}
	for _, s := range []string{"", ".", "localhost.", "127.0.0.1.", "a.localhost", "localhost:80", "127.0.0.1:80", "127.1", "0.0.0.0", "::", "[]", "[::1", "169.254.169.254", "10.0.0.1"} {
		if awsname.IsLoopback(s) {
			t.Errorf("%q is not loopback", s)
		}
	}
}
