package emulator_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

func doc(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func TestEvaluate(t *testing.T) {
	const (
		allowAll = `{"Effect":"Allow","Action":"*","Resource":"*"}`
		object   = "arn:aws:s3:::bucket/a/b.txt"
	)
	for _, tt := range []struct{ doc, action, resource, want string }{
		{doc(allowAll), "ec2:DescribeImages", "*", "allow"},
		{doc(allowAll, `{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}`), "ec2:DescribeImages", "*", "deny"},
		{doc(`{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}`, allowAll), "ec2:DescribeImages", "*", "deny"},
		{doc(`{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}`), "ec2:DescribeInstances", "*", ""},
		{doc(`{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}`), "EC2:describeimages", "*", "allow"},
		{doc(`{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}`), "ec2:RunInstances", "*", ""},
		{doc(`{"Effect":"Allow","Action":"ec2:Describe?mages","Resource":"*"}`), "ec2:DescribeImages", "*", "allow"},
		{doc(`{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"*"}`), "s3:ListBucket", "arn:aws:s3:::bucket", "allow"},
		{doc(`{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`), "s3:GetObject", object, "allow"},
		{doc(`{"Effect":"Allow","NotAction":["iam:*","s3:GetObject"],"Resource":"*"}`), "s3:GetObject", object, ""},
		{doc(allowAll, `{"Effect":"Deny","NotAction":"s3:*","Resource":"*"}`), "ec2:RunInstances", "*", "deny"},
		{doc(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}`), "s3:GetObject", object, "allow"},
		{doc(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}`), "s3:GetObject", "arn:aws:s3:::Bucket/x", ""},
		{doc(`{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"}`), "s3:ListBucket", "arn:aws:s3:::bucket", ""},
		{doc(`{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::bucket/*"}`), "s3:GetObject", object, ""},
		{doc(`{"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::bucket/*"}`), "s3:GetObject", "arn:aws:s3:::other/x", "allow"},
		{doc(`{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"arn:aws:ec2:*:*:image/*"}`), "ec2:DescribeImages", "*", ""},
		{doc(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}`), "s3:GetObject", object, ""},
		{doc(allowAll, `{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`), "s3:GetObject", object, "deny"},
		{`{"Statement":{"Sid":"One","Effect":"Allow","Action":"*","Resource":"*"}}`, "s3:GetObject", object, "allow"},
	} {
		if got, err := emulator.Evaluate(tt.doc, tt.action, tt.resource); err != nil || got != tt.want {
			t.Errorf("%s on %s: %q %v, want %q\n%s", tt.action, tt.resource, got, err, tt.want, tt.doc)
		}
	}
}

func TestMalformedPolicies(t *testing.T) {
	const syntax = "Syntax errors in policy."
	for text, want := range map[string]string{
		``: "This policy contains invalid Json", `[]`: "This policy contains invalid Json", `{} {}`: "This policy contains invalid Json",
		`{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}`: "This policy contains invalid Json",
		`{"Version":"2012-10-17"}`:                                       syntax,
		doc():                                                            syntax,
		`{"version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`: syntax,
		`{"Version":"2013-01-01","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`: "Policy document must be version 2012-10-17 or greater.",
		doc(`{"Effect":"allow","Action":"*","Resource":"*"}`):                                   syntax,
		doc(`{"Action":"*","Resource":"*"}`):                                                    "Missing required field Effect cannot be empty!",
		doc(`{"Effect":"Allow","Resource":"*"}`):                                                "Policy statement must contain actions.",
		doc(`{"Effect":"Allow","Action":[],"Resource":"*"}`):                                    syntax,
		doc(`{"Effect":"Allow","Action":"*","NotAction":"s3:*","Resource":"*"}`):                "Policy statement must contain actions.",
		doc(`{"Effect":"Allow","Action":"*"}`):                                                  "Policy statement must contain resources.",
		doc(`{"Effect":"Allow","Action":"DescribeImages","Resource":"*"}`):                      "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
		doc(`{"Effect":"Allow","Action":"*","Resource":"bucket"}`):                              `Resource bucket must be in ARN format or "*".`,
		doc(`{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}`):                   "Policy document should not specify a principal.",
		doc(`{"Effect":"Allow","Action":"*","Resource":"*","Actions":"*"}`):                     syntax,
	} {
		if _, err := emulator.Evaluate(text, "s3:GetObject", "*"); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestWildcard(t *testing.T) {
	for _, tt := range []struct {
		pattern, s string
		want       bool
	}{
		{"", "", true}, {"*", "", true}, {"?", "", false}, {"a*c", "abbbc", true}, {"a*c", "abbbd", false},
		{"*a*b*", "xxaxxbxx", true}, {"a?c", "abc", true}, {"a?c", "ac", false}, {"**", "x", true}, {"a*", "ba", false}, {"*ab", "aab", true},
	} {
		if got := emulator.Wildcard(tt.pattern, tt.s); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.s, got)
		}
	}
}

// What credentials may do on EC2 and IAM is the intersection of all policies.
func TestIntersection(t *testing.T) {
	e := start(t, emulator.World{})
	const readZones = `{"Effect":"Allow","Action":"ec2:DescribeAvailabilityZones","Resource":"*"}`
	alice := e.AddUser(account, "alice")
	narrow := e.AddUser(account, "narrow", emulator.UserPolicy(doc(readZones, `{"Effect":"Allow","Action":"sts:*","Resource":"*"}`)))
	e.AddRole(account, "all")
	e.AddRole(account, "zones", emulator.RolePolicy(doc(readZones)))
	d := e.AddMFADevice(alice, "alice")
	get := func(u *emulator.User, op string, kv ...string) aws.Credentials {
		t.Helper()
		return wire{e: e, creds: keys(u)}.call(t, params(op, kv...)).creds(t)
	}
	gft := func(u *emulator.User, kv ...string) aws.Credentials {
		return get(u, "GetFederationToken", append([]string{"Name", "Bob"}, kv...)...)
	}
	ar := func(name string, kv ...string) aws.Credentials {
		return get(alice, "AssumeRole", append([]string{"RoleArn", roleARN(name), "RoleSessionName", "me"}, kv...)...)
	}
	for _, tt := range []struct {
		name          string
		creds         aws.Credentials
		zones, images bool
		iam           bool
	}{
		{"user", keys(alice), true, true, true},
		{"narrow user", keys(narrow), true, false, false},
		{"session", get(alice, "GetSessionToken"), true, true, false},
		{"session with MFA", get(alice, "GetSessionToken", "SerialNumber", d.SerialNumber, "TokenCode", d.Code(e.Now())), true, true, true},
		{"federated without policy", gft(alice), false, false, false},
		{"federated, all", gft(alice, "Policy", string(emulator.AllowAll)), true, true, false},
		{"federated, zones", gft(alice, "Policy", doc(readZones)), true, false, false},
		{"federated, all but images", gft(alice, "Policy", doc(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`, `{"Effect":"Deny","Action":"ec2:DescribeImages","Resource":"*"}`)), true, false, false},
		{"federated by ARN", gft(alice, "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"), true, true, false},
		{"federated, more than the user has", gft(narrow, "Policy", string(emulator.AllowAll)), true, false, false},
		{"role", ar("all"), true, true, true},
		{"narrow role", ar("zones"), true, false, false},
		{"scoped role", ar("all", "Policy", doc(readZones)), true, false, false},
		{"narrow role scoped to more", ar("zones", "Policy", string(emulator.AllowAll)), true, false, false},
		{"role scoped by ARN", ar("all", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"), false, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := wire{e: e, creds: tt.creds, service: "ec2", region: "eu-west-1"}
			for op, ok := range map[string]bool{"DescribeAvailabilityZones": tt.zones, "DescribeImages": tt.images} {
				a := w.call(t, params(op, "Version", "2016-11-15"))
				if (a.status == 200) != ok || !ok && (a.status != 403 || a.code != "UnauthorizedOperation") {
					t.Errorf("%s: %d %s %s", op, a.status, a.code, a.message)
				}
				if op == "DescribeAvailabilityZones" && ok && !strings.Contains(a.body, "<zoneName>eu-west-1a</zoneName>") {
					t.Error(a.body)
				}
			}
			w.service, w.region = "iam", "us-east-1"
			a := w.call(t, params("ListMFADevices", "Version", "2010-05-08", "UserName", "alice"))
			if (a.status == 200) != tt.iam || tt.iam && a.field(t, "SerialNumber") != d.SerialNumber {
				t.Errorf("IAM: %d %s %s", a.status, a.code, a.message)
			}
		})
	}
	w := wire{e: e, creds: get(alice, "GetSessionToken"), service: "iam"}
	w.call(t, params("GetUser", "Version", "2010-05-08")).want(t, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	w.creds = keys(alice)
	if a := w.call(t, params("GetUser", "Version", "2010-05-08")); a.field(t, "Arn") != alice.ARN {
		t.Error(a.body)
	}
	w = wire{e: e, creds: gft(alice, "Policy", doc(readZones)), service: "ec2"}
	w.call(t, params("DescribeImages", "Version", "2016-11-15")).want(t, 403, "UnauthorizedOperation",
		"You are not authorized to perform this operation. User: arn:aws:sts::"+account+":federated-user/Bob is not authorized to perform: ec2:DescribeImages because no session policy allows the ec2:DescribeImages action")
}

func TestPackedPolicySize(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	if a := w.call(t, params("GetFederationToken", "Name", "Bob")); strings.Contains(a.body, "PackedPolicySize") {
		t.Error("a size of nothing")
	}
	a := w.call(t, params("GetFederationToken", "Name", "Bob", "Policy", doc(`{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"*"}`)))
	if n := a.field(t, "PackedPolicySize"); len(n) > 2 || n == "0" {
		t.Errorf("a small policy takes %s percent", n)
	}
	if n := a.field(t, "SessionTokenSize"); n != strconv.Itoa(len(a.field(t, "SessionToken"))) {
		t.Errorf("the token has %s bytes", n)
	}
	if n := a.field(t, "SessionTokenUtilization"); len(n) > 2 || n == "0" {
		t.Errorf("a small policy takes %s percent of a token", n)
	}
	var actions []string
	for i, service := range []string{"acm", "athena", "backup", "batch", "cloudtrail", "codebuild", "config", "dax", "dms", "ecr", "eks", "firehose", "fsx", "glue", "guardduty", "inspector", "kafka", "kms", "lambda", "logs", "mq", "neptune", "polly", "rds", "route53", "sagemaker", "ses", "shield", "sns", "sqs", "ssm", "states", "swf", "transfer", "waf", "xray"} {
		actions = append(actions, `"`+service+":"+[]string{"Create", "Delete", "Update", "Reboot", "Import"}[i%5]+strings.ToUpper(service[:1])+service[1:]+[]string{"Snapshot", "Cluster", "Permission", "Template", "Configuration", "Queue"}[i%6]+`"`)
	}
	big := doc(`{"Effect":"Allow","Action":[` + strings.Join(actions, ",") + `],"Resource":"*"}`)
	if len(big) > 2048 {
		t.Fatalf("%d characters are refused for their length", len(big))
	}
	if a := w.call(t, params("GetFederationToken", "Name", "Bob", "Policy", big)); a.code != "PackedPolicyTooLarge" || !strings.Contains(a.message, "exceeds the maximum allowed size of 4096 bytes") {
		t.Errorf("%d characters: %d %s %s %s", len(big), a.status, a.code, a.message, a.body[len(a.body)-300:])
	}
}
