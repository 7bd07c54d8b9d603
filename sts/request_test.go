package sts_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

func TestRules(t *testing.T) {
	t.Parallel()
	role := func(change func(*sts.Request)) sts.Request {
		r := sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build"}
		change(&r)
		return r
	}
	root := func(target, task string) sts.Request {
		return sts.Request{Operation: token.AssumeRoot, TargetPrincipal: target, TaskPolicyArn: task}
	}
	const task = "arn:aws:iam::aws:policy/root-task/"
	type tags = []sts.Tag
	for name, c := range map[string]struct {
		r     sts.Request
		field string // refused; "" means valid
		rule  string
	}{
		"part of a second":     {sts.Request{Operation: token.GetSessionToken, Duration: time.Hour + time.Millisecond}, "DurationSeconds", "whole seconds"},
		"a duration of years":  {sts.Request{Operation: token.GetSessionToken, Duration: 1 << 62}, "DurationSeconds", "15m to 36h"},
		"negative":             {sts.Request{Operation: token.GetSessionToken, Duration: -time.Hour}, "DurationSeconds", "15m to 36h"},
		"serial without code":  {sts.Request{Operation: token.GetSessionToken, SerialNumber: "arn:aws:iam::111122223333:mfa/alice"}, "TokenCode", "required"},
		"code without serial":  {sts.Request{Operation: token.GetSessionToken, TokenCode: code}, "SerialNumber", "required"},
		"wide digits":          {sts.Request{Operation: token.GetSessionToken, SerialNumber: "GAHT12345678", TokenCode: "１２３４５６"}, "TokenCode", "digits"},
		"all of MFA":           {sts.Request{Operation: token.GetSessionToken, SerialNumber: "arn:aws:iam::111122223333:mfa/alice", TokenCode: code}, "", ""},
		"federation, no name":  {sts.Request{Operation: token.GetFederationToken}, "Name", "required"},
		"policy ARN of a role": {sts.Request{Operation: token.GetFederationToken, Name: "alice", PolicyArns: []string{roleArn}}, "PolicyArns[0]", "managed policy"},
		"customer policy":      {sts.Request{Operation: token.GetFederationToken, Name: "alice", PolicyArns: []string{"arn:aws-cn:iam::111122223333:policy/a/b"}}, "", ""},

		"user for a role":      {role(func(r *sts.Request) { r.RoleArn = "arn:aws:iam::111122223333:user/alice" }), "RoleArn", "ARN of a role"},
		"short account":        {role(func(r *sts.Request) { r.RoleArn = "arn:aws:iam::11112222333:role/Admin" }), "RoleArn", "ARN of a role"},
		"role with a region":   {role(func(r *sts.Request) { r.RoleArn = "arn:aws:iam:eu-west-1:111122223333:role/Admin" }), "RoleArn", "ARN of a role"},
		"role without a name":  {role(func(r *sts.Request) { r.RoleArn = "arn:aws:iam::111122223333:role/team/" }), "RoleArn", "ARN of a role"},
		"assumed role":         {role(func(r *sts.Request) { r.RoleArn = "arn:aws:sts::111122223333:assumed-role/Admin/x" }), "RoleArn", "ARN of a role"},
		"no such partition":    {role(func(r *sts.Request) { r.RoleArn = "arn:gcp:iam::111122223333:role/Admin" }), "RoleArn", "ARN of a role"},
		"turned writing":       {role(func(r *sts.Request) { r.RoleArn = roleArn + "\u202e" }), "RoleArn", "ARN of a role"},
		"role in GovCloud":     {role(func(r *sts.Request) { r.RoleArn = "arn:aws-us-gov:iam::111122223333:role/Admin" }), "", ""},
		"tag twice":            {role(func(r *sts.Request) { r.Tags = tags{{"Team", "a"}, {"x", ""}, {"TEAM", "b"}} }), "Tags[2].Key", "twice"},
		"reserved tag":         {role(func(r *sts.Request) { r.Tags = tags{{"AWS:x", "a"}} }), "Tags[0].Key", "aws:"},
		"tag without a key":    {role(func(r *sts.Request) { r.Tags = tags{{"", "a"}} }), "Tags[0].Key", "required"},
		"tag with a star":      {role(func(r *sts.Request) { r.Tags = tags{{"k", "*"}} }), "Tags[0].Value", "letters"},
		"tag in Greek":         {role(func(r *sts.Request) { r.Tags = tags{{"ομάδα", "αβγ 1"}} }), "", ""},
		"transitive, no tag":   {role(func(r *sts.Request) { r.Tags = tags{{"a", "1"}}; r.TransitiveTagKeys = []string{"b"} }), "TransitiveTagKeys[0]", "one of the Tags"},
		"transitive twice":     {role(func(r *sts.Request) { r.Tags = tags{{"a", "1"}}; r.TransitiveTagKeys = []string{"a", "A"} }), "TransitiveTagKeys[1]", "twice"},
		"transitive":           {role(func(r *sts.Request) { r.Tags = tags{{"Team", "1"}}; r.TransitiveTagKeys = []string{"team"} }), "", ""},
		"aws: as source":       {role(func(r *sts.Request) { r.SourceIdentity = "aws:alice" }), "SourceIdentity", "may hold only"},
		"long role policy":     {role(func(r *sts.Request) { r.Policy = strings.Repeat("x", 3000) }), "", ""},
		"policy in Greek":      {role(func(r *sts.Request) { r.Policy = `{"x":"α"}` }), "Policy", "U+00FF"},
		"role code only":       {role(func(r *sts.Request) { r.TokenCode = code }), "SerialNumber", "required"},
		"blank in a session":   {role(func(r *sts.Request) { r.RoleSessionName = "a b" }), "RoleSessionName", "may hold only"},
		"token with line feed": {sts.Request{Operation: token.AssumeRoleWithWebIdentity, RoleArn: roleArn, RoleSessionName: "build", WebIdentityToken: jwt + "\n"}, "WebIdentityToken", "visible ASCII"},
		"SAML not base64":      {sts.Request{Operation: token.AssumeRoleWithSAML, RoleArn: roleArn, PrincipalArn: "arn:aws:iam::111122223333:saml-provider/idp", SAMLAssertion: "<xml>CANARY"}, "SAMLAssertion", "base64"},
		"SAML OIDC provider":   {sts.Request{Operation: token.AssumeRoleWithSAML, RoleArn: roleArn, PrincipalArn: "arn:aws:iam::111122223333:oidc-provider/idp", SAMLAssertion: saml}, "PrincipalArn", "SAML provider"},

		"root by ARN":           {root("arn:aws:iam::111122223333:root", task+"S3UnlockBucketPolicy"), "", ""},
		"root by account":       {root(account, task+"SQSUnlockQueuePolicy"), "", ""},
		"root user ARN":         {root("arn:aws:iam::111122223333:user/x", task+"S3UnlockBucketPolicy"), "TargetPrincipal", "account id"},
		"another task":          {root(account, "arn:aws:iam::aws:policy/AdministratorAccess"), "TaskPolicyArn", "root-task"},
		"task of an account":    {root(account, "arn:aws:iam::111122223333:policy/root-task/S3UnlockBucketPolicy"), "TaskPolicyArn", "root-task"},
		"task, other partition": {root("arn:aws-cn:iam::111122223333:root", task+"S3UnlockBucketPolicy"), "TaskPolicyArn", "aws-cn"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.r.Validate()
			if c.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var f *sts.FieldError
			if !errors.As(err, &f) {
				t.Fatalf("accepted, or another error: %v", err)
			}
			if f.Field != c.field || !strings.Contains(f.Rule, c.rule) || f.Operation != c.r.Operation {
				t.Errorf("refused for %+v", f)
			}
			if s := f.Error(); !strings.HasPrefix(s, c.field) || strings.ContainsAny(s, "\n\x1b\u202e") || strings.Contains(s, "CANARY") {
				t.Errorf("error %q", s)
			}
		})
	}
	for task := range strings.FieldsSeq("IAMAuditRootUserCredentials IAMCreateRootUserPassword IAMDeleteRootUserCredentials S3UnlockBucketPolicy SQSUnlockQueuePolicy") {
		if err := root(account, "arn:aws:iam::aws:policy/root-task/"+task).Validate(); err != nil {
			t.Error(err)
		}
	}
}

// What breaks a rule is not sent, and not signed: the source is not even asked.
func TestInvalidRequestsAreNotSent(t *testing.T) {
	t.Parallel()
	f := serve(t, answers(200, ""))
	c := client(t, sts.Options{Endpoint: f.URL})
	_, e := ask(t, c, sts.Request{Operation: token.GetSessionToken, Duration: time.Minute}, nil)
	var fe *sts.FieldError
	if e.Class != sts.Invalid || e.Sent() || !e.Final() || !errors.As(e, &fe) || fe.Field != "DurationSeconds" {
		t.Errorf("%+v", e)
	}
	if want := `GetSessionToken: DurationSeconds "1m0s" must be 15m to 36h; nothing was sent`; e.Error() != want {
		t.Errorf("%s\nwant %s", e, want)
	}
	if f.count() != 0 {
		t.Error("sent")
	}
}
