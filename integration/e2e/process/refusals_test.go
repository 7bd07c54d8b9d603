package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// What STS would refuse is refused before anything is sent, and the error names the field,
// the rule and the value.
func TestRefusedBeforeAnythingIsSent(t *testing.T) {
	s := newStage(t)
	config, err := os.ReadFile(filepath.Join(s.Dir, ".aws", "config"))
	harness.Must(t, err)
	harness.Must(t, s.Write(".aws/config", string(config)+"\n[profile temporary]\naws_access_key_id = ASIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYsecret\naws_session_token = CANARYtoken\n"))
	harness.Must(t, s.Write("long.json", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::`+strings.Repeat("x", 2048)+`"}}`))
	harness.Must(t, s.Write("wrong.json", "{\"Version\":\"2012-10-17\",\n \"Statement\":{\"Efect\":\"Allow\",\"Action\":\"s3:GetObject\",\"Resource\":\"*\"}}"))
	harness.Must(t, s.Write("empty", ""))
	federation := func(more ...string) []string {
		return append([]string{"--source-profile", "base", "--federation-name", "visitor"}, more...)
	}
	role := func(more ...string) []string {
		return append([]string{"--source-profile", "base", "--role-arn", "arn:aws:iam::" + harness.Account + ":role/deploy"}, more...)
	}
	var arns, tags []string
	for i := range 11 {
		arns = append(arns, "--policy-arn", fmt.Sprintf("arn:aws:iam::aws:policy/p%d", i))
	}
	for i := range 51 {
		tags = append(tags, "--tag", fmt.Sprintf("k%d=v", i))
	}
	for _, tc := range []struct {
		name string
		code int
		args []string
		says []string
	}{
		{"session from temporary credentials", harness.ExitSource, []string{"--source-profile", "temporary", "--mfa-serial", "GAHT12345678", "--mfa-code", "246810"}, []string{"GetSessionToken", "long-term", "ASIAIOSFODNN7EXAMPLE", "--role-arn"}},
		{"federation from temporary credentials", harness.ExitSource, []string{"--source-profile", "temporary", "--federation-name", "visitor", "--allow", "ec2:*"}, []string{"GetFederationToken", "long-term", "temporary credentials"}},
		{"federation from a role", harness.ExitUsage, []string{"--source-profile", "hub", "--federation-name", "visitor", "--allow", "ec2:*"}, []string{"GetFederationToken", "long-term", `"hub" is a role`}},
		{"federation without a policy", harness.ExitUsage, federation(), []string{"may do nothing at all", "--allow", "--no-policy"}},
		{"no policy and a policy", harness.ExitUsage, federation("--no-policy", "--allow", "ec2:*"), []string{"--no-policy", "--allow"}},
		{"a name of one character", harness.ExitConfig, []string{"--source-profile", "base", "--federation-name", "v", "--allow", "ec2:*"}, []string{"Name", `"v"`, "2 to 32 characters, not 1"}},
		{"a name of 33", harness.ExitConfig, []string{"--source-profile", "base", "--federation-name", strings.Repeat("v", 33), "--allow", "ec2:*"}, []string{"Name", "2 to 32 characters, not 33"}},
		{"a name with a blank", harness.ExitConfig, []string{"--source-profile", "base", "--federation-name", "a visitor", "--allow", "ec2:*"}, []string{"Name", `"a visitor"`, "may hold only"}},
		{"a session name of 65", harness.ExitConfig, role("--role-session-name", strings.Repeat("n", 65)), []string{"RoleSessionName", "2 to 64 characters, not 65"}},
		{"an external id with a blank", harness.ExitConfig, role("--external-id", "4 2"), []string{"ExternalId", `"4 2"`}},
		{"an external id of one", harness.ExitConfig, role("--external-id", "4"), []string{"ExternalId", "2 to 1224 characters, not 1"}},
		{"a source identity of AWS's", harness.ExitConfig, role("--source-identity", "aws:alice"), []string{"SourceIdentity", `"aws:alice"`}},
		{"a tag twice", harness.ExitUsage, role("--tag", "Team=a", "--tag", "team=b"), []string{"team", "twice"}},
		{"a tag of AWS's", harness.ExitConfig, role("--tag", "aws:x=y"), []string{"Tags[0].Key", `"aws:x"`}},
		{"51 tags", harness.ExitConfig, role(tags...), []string{"Tags", "50 items at most, not 51"}},
		{"a key that is no tag", harness.ExitConfig, role("--transitive-tag", "Team"), []string{"TransitiveTagKeys[0]", `"Team"`, "one of the Tags"}},
		{"eleven policy ARNs", harness.ExitUsage, federation(arns...), []string{"--policy-arn", "10"}},
		{"no policy's ARN", harness.ExitUsage, federation("--policy-arn", "arn:aws:iam::aws:role/x"), []string{"arn:aws:iam::aws:role/x"}},
		{"a policy of 2049", harness.ExitConfig, federation("--policy", s.path("long.json")), []string{"long.json", "2048"}},
		{"a policy with a mistake", harness.ExitConfig, federation("--policy", s.path("wrong.json")), []string{"wrong.json:2:", "Effect"}},
		{"an action without a service", harness.ExitUsage, federation("--allow", "DescribeImages"), []string{"--allow", "DescribeImages", "service prefix"}},
		{"a session of no time", harness.ExitUsage, []string{"--source-profile", "base", "--duration", "0"}, []string{"--duration", "1s is the least"}},
		{"a session of 37 hours", harness.ExitUsage, []string{"--source-profile", "base", "--duration", "129601"}, []string{"15m to 36h"}},
		{"a role for 13 hours", harness.ExitUsage, role("--duration", "13h"), []string{"15m to 12h"}},
		{"a role from a role for two hours", harness.ExitUsage, []string{"--source-profile", "hub", "--role-arn", "arn:aws:iam::" + partner + ":role/spoke", "--duration", "2h"}, []string{"2h", "an hour at most"}},
		{"a root task of 16 minutes", harness.ExitUsage, []string{"--source-profile", "base", "--target-principal", partner, "--task-policy-arn", "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials", "--duration", "16m"}, []string{"15m"}},
		{"a role that is none", harness.ExitConfig, []string{"--source-profile", "base", "--role-arn", "arn:aws:iam::" + harness.Account + ":user/alice"}, []string{"RoleArn", "user/alice", "must be the ARN of a role"}},
		{"SAML without a provider", harness.ExitUsage, []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/saml", "--saml-assertion-file", s.path("assertion")}, []string{"--principal-arn"}},
		{"an empty assertion", harness.ExitConfig, []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/saml", "--principal-arn", s.issuer.ARN, "--saml-assertion-file", s.path("empty")}, []string{"SAMLAssertion", "is required"}},
		{"no assertion", harness.ExitSource, []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/saml", "--principal-arn", s.issuer.ARN, "--saml-assertion-file", s.path("missing")}, []string{"SAML assertion", "missing"}},
		{"a command that fails", harness.ExitSource, []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/saml", "--principal-arn", s.issuer.ARN, "--saml-assertion-command", "sh -c 'echo not signed in >&2; exit 3'"}, []string{"not signed in"}},
		{"no identity token", harness.ExitSource, []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/web", "--web-identity-token-file", s.path("missing")}, []string{"web identity token", "missing"}},
		{"root task without its policy", harness.ExitUsage, []string{"--source-profile", "base", "--target-principal", partner}, []string{"--task-policy-arn"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.Run(t, tc.args...)
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
				t.Fatalf("exit %d, want %d; %q, %q", r.Code, tc.code, r.Stdout, r.Stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("%q does not say %q", r.Stderr, want)
				}
			}
			if n := s.STS.Count(""); n != 0 {
				t.Errorf("%d calls of STS", n)
			}
		})
	}
}

// What only STS can know it says itself, and the error says what to do.
func TestRefusedBySTS(t *testing.T) {
	s := newStage(t)
	var many []string // about 30 actions of different services are too many
	for action := range strings.FieldsSeq(`acm:ImportCertificate athena:StartQueryExecution autoscaling:SuspendProcesses cloudtrail:LookupEvents
		codebuild:BatchGetBuilds dynamodb:UpdateTimeToLive ecr:PutLifecyclePolicy ecs:RunTask eks:TagResource elasticache:RebootCacheCluster
		events:PutTargets firehose:PutRecordBatch glue:SearchTables guardduty:ArchiveFindings inspector2:Enable kinesis:MergeShards
		kms:ReEncryptFrom lambda:InvokeFunction logs:FilterLogEvents neptune-db:connect polly:SynthesizeSpeech rds:FailoverDBCluster
		redshift:ResumeCluster route53:ChangeResourceRecordSets sagemaker:CreateModel sns:Publish sqs:PurgeQueue ssm:SendCommand
		transcribe:GetVocabulary workspaces:RebuildWorkspaces`) {
		many = append(many, "--allow", action)
	}
	partnerRole := "arn:aws:iam::" + partner + ":role/partner"
	for _, tc := range []struct {
		name string
		args []string
		says []string
	}{
		{"packed too large", append([]string{"--source-profile", "base", "--federation-name", "visitor"}, many...), []string{"PackedPolicyTooLarge", "4096 bytes", "make the policy shorter"}},
		{"the wrong external id", []string{"--source-profile", "base", "--role-arn", partnerRole, "--external-id", "partner-43"}, []string{"AccessDenied", "external id"}},
		{"no external id", []string{"--source-profile", "base", "--role-arn", partnerRole}, []string{"AccessDenied", "external id"}},
		{"longer than the role may", []string{"--source-profile", "base", "--role-arn", "arn:aws:iam::" + partner + ":role/partner", "--external-id", "partner-42", "--duration", "2h"}, []string{"MaxSessionDuration", "ask for less"}},
		{"a policy that is not there", []string{"--source-profile", "base", "--federation-name", "visitor", "--policy-arn", "arn:aws:iam::aws:policy/None"}, []string{"policy/None"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := s.Run(t, tc.args...)
			if r.Code != harness.ExitDenied || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 {
				t.Fatalf("exit %d; %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("%q does not say %q", r.Stderr, want)
				}
			}
		})
	}
}
