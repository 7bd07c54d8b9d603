package emulator_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const other = "444455556666"

// Who may call what, and in which words it is refused.
func TestRefusals(t *testing.T) {
	e := start(t, emulator.World{Accounts: []emulator.Account{
		{ID: account, Management: true}, {ID: other}, {ID: "777788889999", DisabledRegions: []string{"me-south-1"}},
	}})
	alice, root := e.AddUser(account, "alice"), e.AddRoot(account)
	nobody := e.AddUser(account, "nobody", emulator.UserPolicy(""))
	forbidden := e.AddUser(account, "forbidden", emulator.UserPolicy(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`))
	abroad, away := e.AddUser(other, "abroad"), e.AddUser("777788889999", "away")
	e.AddRole(account, "plain")
	e.AddRole(account, "named", emulator.Trust(nobody.ARN, forbidden.ARN))
	e.AddRole(account, "next", emulator.Trust(roleARN("plain")))
	e.AddRole(account, "partner", emulator.Trust("arn:aws:iam::"+other+":root"), emulator.RequireExternalID("42"))
	stranger := e.AddUser(other, "stranger", emulator.UserPolicy(""))
	e.AddRole(account, "abroad", emulator.Trust(abroad.ARN, stranger.ARN))
	e.AddRole(account, "strict", emulator.TrustActions("sts:AssumeRole"))
	e.AddRole(account, "mfa", emulator.RequireMFA())
	e.AddRole(account, "hours", emulator.MaxSessionDuration(7200))

	as := func(u *emulator.User) aws.Credentials { return keys(u) }
	get := func(c aws.Credentials, op string, kv ...string) aws.Credentials {
		t.Helper()
		return wire{e: e, creds: c}.call(t, params(op, kv...)).creds(t)
	}
	assume := func(name string, kv ...string) []string {
		return append([]string{"RoleArn", roleARN(name), "RoleSessionName", "me"}, kv...)
	}
	session := get(as(alice), "GetSessionToken")
	federated := get(as(alice), "GetFederationToken", "Name", "Bob", "Policy", string(emulator.AllowAll))
	role := get(as(alice), "AssumeRole", assume("plain", "Tags.member.1.Key", "Team", "Tags.member.1.Value", "red",
		"TransitiveTagKeys.member.1", "team", "SourceIdentity", "alice")...)
	scopedRole := get(as(alice), "AssumeRole", assume("plain", "Policy", doc(`{"Effect":"Allow","Action":"ec2:*","Resource":"*"}`))...)
	rootSession := get(as(root), "GetSessionToken")
	task := get(as(alice), "AssumeRoot", "TargetPrincipal", other, "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy")

	const (
		fedARN  = "arn:aws:sts::" + account + ":federated-user/Bob"
		sessARN = "arn:aws:sts::" + account + ":assumed-role/plain/me"
	)
	no := func(who, action, on string) string {
		return "User: " + who + " is not authorized to perform: " + action + " on resource: " + on
	}
	tests := []struct {
		name    string
		creds   aws.Credentials
		op      string
		kv      []string
		status  int
		code    string
		message string
	}{
		{"GST by session", session, "GetSessionToken", nil, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		{"GST by role", role, "GetSessionToken", nil, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		{"GST by federated", federated, "GetSessionToken", nil, 403, "AccessDenied", "Cannot call GetSessionToken with session credentials"},
		{"GST needs no permission", as(forbidden), "GetSessionToken", nil, 200, "", ""},
		{"GCI needs no permission", as(forbidden), "GetCallerIdentity", nil, 200, "", ""},
		{"GCI by federated", federated, "GetCallerIdentity", nil, 200, "", ""},
		{"GCI by root task", task, "GetCallerIdentity", nil, 200, "", ""},
		{"GFT by session", session, "GetFederationToken", []string{"Name", "Bob"}, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials"},
		{"GFT by role", role, "GetFederationToken", []string{"Name", "Bob"}, 403, "AccessDenied", "Cannot call GetFederationToken with session credentials"},
		{"GFT without permission", as(nobody), "GetFederationToken", []string{"Name", "Bob"}, 403, "AccessDenied", no(nobody.ARN, "sts:GetFederationToken", fedARN)},
		{"GFT by root", as(root), "GetFederationToken", []string{"Name", "Bob"}, 200, "", ""},
		{"AR by root", as(root), "AssumeRole", assume("plain"), 403, "AccessDenied", "Roles may not be assumed by root accounts."},
		{"AR by root session", rootSession, "AssumeRole", assume("plain"), 403, "AccessDenied", "Roles may not be assumed by root accounts."},
		{"AR by federated", federated, "AssumeRole", assume("plain"), 403, "AccessDenied", no(fedARN, "sts:AssumeRole", roleARN("plain"))},
		{"AR by session", session, "AssumeRole", assume("plain"), 200, "", ""},
		{"AR by session, two hours are no chain", session, "AssumeRole", assume("hours", "DurationSeconds", "7200"), 200, "", ""},
		{"AR of no role", as(alice), "AssumeRole", assume("none"), 403, "AccessDenied", no(alice.ARN, "sts:AssumeRole", roleARN("none"))},
		{"AR of a user", as(alice), "AssumeRole", []string{"RoleArn", alice.ARN, "RoleSessionName", "me"}, 400, "ValidationError", "Request ARN is invalid"},
		{"AR without permission", as(nobody), "AssumeRole", assume("plain"), 403, "AccessDenied", no(nobody.ARN, "sts:AssumeRole", roleARN("plain"))},
		{"AR named in the trust", as(nobody), "AssumeRole", assume("named"), 200, "", ""},
		{"AR named but denied", as(forbidden), "AssumeRole", assume("named"), 403, "AccessDenied", no(forbidden.ARN, "sts:AssumeRole", roleARN("named"))},
		{"AR not trusted", as(alice), "AssumeRole", assume("next"), 403, "AccessDenied", no(alice.ARN, "sts:AssumeRole", roleARN("next"))},
		{"AR chained", role, "AssumeRole", assume("next"), 200, "", ""},
		{"AR chained, named, session policy says no", scopedRole, "AssumeRole", assume("next"), 403, "AccessDenied", no(sessARN, "sts:AssumeRole", roleARN("next"))},
		{"AR chained, one hour", role, "AssumeRole", assume("hours", "DurationSeconds", "3600"), 200, "", ""},
		{"AR chained, longer", role, "AssumeRole", assume("hours", "DurationSeconds", "3601"), 400, "ValidationError",
			"The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		{"AR over the role's maximum", as(alice), "AssumeRole", assume("hours", "DurationSeconds", "7201"), 400, "ValidationError",
			"The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		{"external id", as(abroad), "AssumeRole", assume("partner", "ExternalId", "42"), 200, "", ""},
		{"wrong external id", as(abroad), "AssumeRole", assume("partner", "ExternalId", "43"), 403, "AccessDenied", no(abroad.ARN, "sts:AssumeRole", roleARN("partner"))},
		{"no external id", as(abroad), "AssumeRole", assume("partner"), 403, "AccessDenied", no(abroad.ARN, "sts:AssumeRole", roleARN("partner"))},
		{"other account", as(abroad), "AssumeRole", assume("plain"), 403, "AccessDenied", no(abroad.ARN, "sts:AssumeRole", roleARN("plain"))},
		{"other account, named", as(abroad), "AssumeRole", assume("abroad"), 200, "", ""},
		{"other account, named, without permission", as(stranger), "AssumeRole", assume("abroad"), 403, "AccessDenied", no(stranger.ARN, "sts:AssumeRole", roleARN("abroad"))},
		{"policy of 2048 characters", as(alice), "AssumeRole", assume("plain", "Policy", padded(2048)), 200, "", ""},
		{"policy of 2049 characters", as(alice), "AssumeRole", assume("plain", "Policy", padded(2049)), 400, "ValidationError",
			"1 validation error detected: Value '" + padded(2049) + "' at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"policy and ARN together of 2049", as(alice), "AssumeRole", assume("plain", "Policy", padded(2049-len(readOnly)), "PolicyArns.member.1.arn", readOnly), 400, "ValidationError",
			"1 validation error detected: Value '" + padded(2049-len(readOnly)) + "' at 'policy' failed to satisfy constraint: Member must have length less than or equal to 2048"},
		{"MFA wanted", as(alice), "AssumeRole", assume("mfa"), 403, "AccessDenied", no(alice.ARN, "sts:AssumeRole", roleARN("mfa"))},
		{"MFA wanted of a session without", session, "AssumeRole", assume("mfa"), 403, "AccessDenied", no(alice.ARN, "sts:AssumeRole", roleARN("mfa"))},
		{"tags not trusted", as(alice), "AssumeRole", assume("strict", "Tags.member.1.Key", "k", "Tags.member.1.Value", ""), 403, "AccessDenied", no(alice.ARN, "sts:TagSession", roleARN("strict"))},
		{"inherited tags not trusted", role, "AssumeRole", assume("strict"), 403, "AccessDenied", no(sessARN, "sts:TagSession", roleARN("strict"))},
		{"source identity not trusted", as(alice), "AssumeRole", assume("strict", "SourceIdentity", "alice"), 403, "AccessDenied", no(alice.ARN, "sts:SetSourceIdentity", roleARN("strict"))},
		{"source identity changed", role, "AssumeRole", assume("next", "SourceIdentity", "bob"), 403, "AccessDenied", no(sessARN, "sts:SetSourceIdentity", roleARN("next"))},
		{"tag overrides a transitive one", role, "AssumeRole", assume("next", "Tags.member.1.Key", "TEAM", "Tags.member.1.Value", "blue"), 400, "InvalidParameterValue",
			"One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."},
		{"tag twice", as(alice), "AssumeRole", assume("plain", "Tags.member.1.Key", "a", "Tags.member.1.Value", "1", "Tags.member.2.Key", "A", "Tags.member.2.Value", "2"), 400,
			"InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive."},
		{"tag of AWS's own", as(alice), "AssumeRole", assume("plain", "Tags.member.1.Key", "Aws:x", "Tags.member.1.Value", "1"), 400,
			"InvalidParameterValue", "Tag keys cannot start with 'aws:'. Tag key: Aws:x"},
		{"transitive key without its tag", as(alice), "AssumeRole", assume("plain", "TransitiveTagKeys.member.1", "k"), 400,
			"InvalidParameterValue", "The specified transitive tag key must be included in the requested tags."},
		{"malformed policy", as(alice), "AssumeRole", assume("plain", "Policy", "{"), 400, "MalformedPolicyDocument", "This policy contains invalid Json"},
		{"policy for GFT without statement", as(alice), "GetFederationToken", []string{"Name", "Bob", "Policy", "{}"}, 400, "MalformedPolicyDocument", "Syntax errors in policy."},
		{"policy ARN unknown", as(alice), "AssumeRole", assume("plain", "PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/NoSuchPolicy"), 400, "ValidationError",
			"Policy arn:aws:iam::aws:policy/NoSuchPolicy does not exist or is not attachable."},
		{"policy ARN of a user", as(alice), "AssumeRole", assume("plain", "PolicyArns.member.1.arn", alice.ARN), 400, "ValidationError", "ARN " + alice.ARN + " is not valid."},
		{"tags too many bytes", as(alice), "AssumeRole", assume("plain", tagsOf(8)...), 400, "PackedPolicyTooLarge", ""},
		{"root task by a member", as(abroad), "AssumeRoot", []string{"TargetPrincipal", account, "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy"},
			403, "AccessDenied", no(abroad.ARN, "sts:AssumeRoot", "arn:aws:iam::"+account+":root")},
		{"root task by root", as(root), "AssumeRoot", []string{"TargetPrincipal", other, "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy"},
			403, "AccessDenied", no(root.ARN, "sts:AssumeRoot", "arn:aws:iam::"+other+":root")},
		{"root task by session", session, "AssumeRoot", []string{"TargetPrincipal", other, "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy"},
			403, "AccessDenied", no(alice.ARN, "sts:AssumeRoot", "arn:aws:iam::"+other+":root")},
		{"root task by role", role, "AssumeRoot", []string{"TargetPrincipal", "arn:aws:iam::" + other + ":root", "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy"}, 200, "", ""},
		{"root task unknown", as(alice), "AssumeRoot", []string{"TargetPrincipal", other, "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess"}, 400,
			"ValidationError", "TaskPolicyArn arn:aws:iam::aws:policy/ReadOnlyAccess is not a root task policy"},
		{"role by root task", task, "AssumeRole", assume("plain"), 403, "AccessDenied", no("arn:aws:sts::"+other+":assumed-root", "sts:AssumeRole", roleARN("plain"))},
		{"key info by session", session, "GetAccessKeyInfo", []string{"AccessKeyId", alice.AccessKeyID}, 403, "AccessDenied", "Cannot call GetAccessKeyInfo with session credentials"},
		{"key info", as(abroad), "GetAccessKeyInfo", []string{"AccessKeyId", session.AccessKeyID}, 200, "", ""},
		{"unknown operation", as(alice), "GetEverything", nil, 400, "InvalidAction", "Could not find operation GetEverything for version 2011-06-15"},
		{"other version", as(alice), "GetCallerIdentity", []string{"Version", "2010-05-08"}, 400, "InvalidAction", "Could not find operation GetCallerIdentity for version 2010-05-08"},
		{"web identity signed", as(alice), "AssumeRoleWithWebIdentity", assume("plain", "WebIdentityToken", "a.b.c."), 403, "AccessDenied",
			"Not authorized to perform sts:AssumeRoleWithWebIdentity: this operation is called without a signature"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := wire{e: e, creds: tt.creds}.call(t, params(tt.op, tt.kv...))
			if tt.message == "" {
				tt.message = a.message // only the code is fixed
			}
			a.want(t, tt.status, tt.code, tt.message)
		})
	}
	t.Run("region switched off", func(t *testing.T) {
		w := wire{e: e, creds: as(away), region: "me-south-1"}
		w.call(t, params("GetSessionToken")).want(t, 403, "RegionDisabledException",
			"STS is not activated in this region for account:777788889999. Your account administrator can activate STS in this region using the IAM Console.")
		w.region = "eu-west-1"
		w.call(t, params("GetSessionToken")).want(t, 200, "", "")
	})
	t.Run("chain keeps what is passed on", func(t *testing.T) {
		c := get(role, "AssumeRole", assume("next")...)
		id, _ := e.Lookup(c.AccessKeyID)
		if id.SourceIdentity != "alice" || id.Tags["Team"] != "red" || len(id.TransitiveTags) != 1 {
			t.Errorf("%+v", id)
		}
	})
	t.Run("deleted key", func(t *testing.T) {
		id, secret := e.AddKey(alice)
		w := wire{e: e, creds: aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}}
		if a := w.call(t, params("GetCallerIdentity")); a.field(t, "Arn") != alice.ARN {
			t.Error(a.body)
		}
		e.DeleteKey(id)
		w.call(t, params("GetCallerIdentity")).want(t, 403, "InvalidClientTokenId", "The security token included in the request is invalid.")
	})
}

const readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"

// padded is a policy of so many characters.
func padded(n int) string {
	p := string(emulator.AllowAll)
	return p + strings.Repeat(" ", n-len(p))
}

// tagsOf are n tags that do not compress.
func tagsOf(n int) []string {
	var kv []string
	x := uint32(1)
	for i := range n {
		var value strings.Builder
		for range 250 {
			x = x*1664525 + 1013904223 // Numerical Recipes' generator
			value.WriteString(string(rune('a' + x>>24%26)))
		}
		m := "Tags.member." + string(rune('1'+i))
		kv = append(kv, m+".Key", "key"+string(rune('a'+i)), m+".Value", value.String())
	}
	return kv
}
