package emulator_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const (
	arnClass   = `[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`
	nameClass  = `[\w+=,.@-]*`
	tagClass   = `[\p{L}\p{Z}\p{N}_.:/=+\-@]`
	textClass  = `[\u0009\u000A\u000D\u0020-\u00FF]+`
	serialLike = `[\w+=/:,.@-]*`
)

// bound is one row of the service model, written down a second time so that the
// emulator's table is checked against it and not against itself.
type bound struct {
	ops      string // comma-separated
	wire     string // parameter
	where    string // as a ValidationError names it
	min, max int    // length, or value if number; max 0: none
	number   bool
	pattern  string
	bad      string // a character outside the pattern; "" for none
	prefix   string // that valid values begin with
}

var bounds = []bound{
	{"GetSessionToken,GetFederationToken", "DurationSeconds", "durationSeconds", 900, 129600, true, "", "", ""},
	{"AssumeRole,AssumeRoleWithWebIdentity,AssumeRoleWithSAML", "DurationSeconds", "durationSeconds", 900, 43200, true, "", "", ""},
	{"AssumeRoot", "DurationSeconds", "durationSeconds", 0, 900, true, "", "", ""},
	{"GetScopedCredentials", "DurationSeconds", "durationSeconds", 1, 129600, true, "", "", ""},
	{"GetScopedCredentials", "Policy", "policy", 1, 2048, false, textClass, "€", ""},
	{"GetScopedCredentials", "ScopedSessionDescription", "scopedSessionDescription", 2, 256, false, `[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*`, "\u00a0", ""},
	{"GetScopedCredentials,GetSessionToken,GetFederationToken,AssumeRole,AssumeRoleWithWebIdentity,AssumeRoleWithSAML,AssumeRoot", "MinimumSessionTokenSize", "minimumSessionTokenSize", 0, 4096, true, "", "", ""},
	{"GetWebIdentityToken", "DurationSeconds", "durationSeconds", 60, 3600, true, "", "", ""},
	{"GetWebIdentityToken", "SigningAlgorithm", "signingAlgorithm", 5, 5, false, "", "", ""},
	{"GetWebIdentityToken", "Audience.member.1", "audience.1.member", 1, 1000, false, "", "", ""},
	{"GetFederationToken", "Name", "name", 2, 32, false, nameClass, "é", ""},
	{"AssumeRole,AssumeRoleWithWebIdentity", "RoleSessionName", "roleSessionName", 2, 64, false, nameClass, " ", ""},
	{"AssumeRole", "SourceIdentity", "sourceIdentity", 2, 64, false, nameClass, ":", ""},
	{"AssumeRole,AssumeRoleWithWebIdentity,AssumeRoleWithSAML", "RoleArn", "roleArn", 20, 2048, false, arnClass, "\x01", "arn:aws:iam::111122223333:role/"},
	{"AssumeRoleWithSAML", "PrincipalArn", "principalArn", 20, 2048, false, arnClass, "\x7f", "arn:aws:iam::111122223333:saml-provider/"},
	{"GetFederationToken,AssumeRole,AssumeRoleWithWebIdentity,AssumeRoleWithSAML", "PolicyArns.member.1.arn", "policyArns.1.member.arn", 20, 2048, false, arnClass, "\x0b", "arn:aws:iam::aws:policy/"},
	{"GetFederationToken,AssumeRoleWithWebIdentity,AssumeRoleWithSAML", "Policy", "policy", 1, 2048, false, textClass, "€", ""},
	{"AssumeRole", "Policy", "policy", 1, 0, false, textClass, "\u0100", ""},
	{"AssumeRole", "ExternalId", "externalId", 2, 1224, false, `[\w+=,.@:\/-]*`, "\\", ""},
	{"AssumeRole,GetSessionToken", "SerialNumber", "serialNumber", 9, 256, false, serialLike, "~", ""},
	{"AssumeRole,GetSessionToken", "TokenCode", "tokenCode", 6, 6, false, `[\d]*`, "٣", ""},
	{"AssumeRoleWithWebIdentity", "WebIdentityToken", "webIdentityToken", 4, 20000, false, "", "", ""},
	{"AssumeRoleWithWebIdentity", "ProviderId", "providerId", 4, 2048, false, "", "", ""},
	{"AssumeRoleWithSAML", "SAMLAssertion", "sAMLAssertion", 4, 100000, false, "", "", ""},
	{"AssumeRoot", "TargetPrincipal", "targetPrincipal", 12, 2048, false, "", "", ""},
	{"AssumeRoot", "TaskPolicyArn.arn", "taskPolicyArn.arn", 20, 2048, false, arnClass, "\x02", "arn:aws:iam::aws:policy/"},
	{"GetAccessKeyInfo", "AccessKeyId", "accessKeyId", 16, 128, false, `[\w]*`, "-", ""},
	{"GetFederationToken,AssumeRole", "Tags.member.1.Key", "tags.1.member.key", 1, 128, false, tagClass + "+", "*", ""},
	{"GetFederationToken,AssumeRole", "Tags.member.1.Value", "tags.1.member.value", 0, 256, false, tagClass + "*", "#", ""},
	{"AssumeRole", "TransitiveTagKeys.member.1", "transitiveTagKeys.1.member", 1, 128, false, tagClass + "+", "%", ""},
	{"AssumeRole", "ProvidedContexts.member.1.ContextAssertion", "providedContexts.1.member.contextAssertion", 4, 2048, false, "", "", ""},
	{"AssumeRole", "ProvidedContexts.member.1.ProviderArn", "providedContexts.1.member.providerArn", 20, 2048, false, arnClass, "\x1f", ""},
}

// valid requests, to be changed in one parameter.
func valid(op string) url.Values {
	kv := map[string][]string{
		"GetSessionToken":    {},
		"GetFederationToken": {"Name", "Bob", "Tags.member.1.Key", "k", "Tags.member.1.Value", "v"},
		"AssumeRole": {"RoleArn", "arn:aws:iam::111122223333:role/r", "RoleSessionName", "me",
			"Tags.member.1.Key", "k", "Tags.member.1.Value", "v"},
		"AssumeRoleWithWebIdentity": {"RoleArn", "arn:aws:iam::111122223333:role/r", "RoleSessionName", "me", "WebIdentityToken", "aaaa.bbbb.cccc"},
		"AssumeRoleWithSAML":        {"RoleArn", "arn:aws:iam::111122223333:role/r", "PrincipalArn", "arn:aws:iam::111122223333:saml-provider/p", "SAMLAssertion", "YWJj"},
		"AssumeRoot":                {"TargetPrincipal", "444455556666", "TaskPolicyArn.arn", "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"},
		"GetAccessKeyInfo":          {"AccessKeyId", "AKIAIOSFODNN7EXAMPLE"},
		"GetWebIdentityToken":       {"Audience.member.1", "a", "SigningAlgorithm", "RS256"},
	}[op]
	return params(op, kv...)
}

func TestEveryBoundOfTheModel(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	for _, b := range bounds {
		for op := range strings.SplitSeq(b.ops, ",") {
			w := wire{e: e, creds: keys(alice), plain: strings.HasPrefix(op, "AssumeRoleWith")}
			try := func(value string) answer {
				t.Helper()
				v := valid(op)
				v.Set(b.wire, value)
				return w.call(t, v)
			}
			within := func(value string) {
				t.Helper()
				if a := try(value); strings.Contains(a.message, "'"+b.where+"' failed to satisfy constraint") {
					t.Errorf("%s %s: %d is refused: %s", op, b.wire, len(value), a.message)
				}
			}
			outside := func(value, rule string) {
				t.Helper()
				try(value).want(t, 400, "ValidationError", "1 validation error detected: Value '"+inXML(value)+"' at '"+b.where+"' failed to satisfy constraint: "+rule)
			}
			if b.number {
				within(fmt.Sprint(b.min))
				within(fmt.Sprint(b.max))
				outside(fmt.Sprint(b.min-1), fmt.Sprintf("Member must have value greater than or equal to %d", b.min))
				outside(fmt.Sprint(b.max+1), fmt.Sprintf("Member must have value less than or equal to %d", b.max))
				if a := try("many"); a.code != "MalformedInput" {
					t.Errorf("%s %s: a word is %s", op, b.wire, a.code)
				}
				continue
			}
			long := func(n int) string { // n characters that the pattern allows
				s := b.prefix + strings.Repeat("1", max(0, n-len(b.prefix)))
				return s[:n]
			}
			within(long(b.min))
			if b.min > 0 && !(b.min == 1 && b.pattern != "") {
				outside(long(b.min-1), fmt.Sprintf("Member must have length greater than or equal to %d", b.min))
			}
			if b.max > 0 {
				within(long(b.max))
				outside(long(b.max+1), fmt.Sprintf("Member must have length less than or equal to %d", b.max))
			}
			if b.bad != "" {
				outside(long(max(b.min, 1)-1+btoi(b.min == 0))+b.bad, "Member must satisfy regular expression pattern: "+b.pattern)
			}
		}
	}
}

// inXML is what is left of a value in an XML 1.0 document, which has no control characters.
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' {
			return '\uFFFD'
		}
		return r
	}, s)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestRequiredParameters(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	for op, names := range map[string]string{
		"GetFederationToken": "Name", "AssumeRole": "RoleArn RoleSessionName", "AssumeRoot": "TargetPrincipal TaskPolicyArn.arn",
		"AssumeRoleWithWebIdentity": "RoleArn RoleSessionName WebIdentityToken", "AssumeRoleWithSAML": "RoleArn PrincipalArn SAMLAssertion", "GetAccessKeyInfo": "AccessKeyId",
	} {
		w.plain = strings.Contains(op, "With")
		for name := range strings.FieldsSeq(names) {
			v := valid(op)
			v.Del(name)
			where := strings.ToLower(name[:1]) + name[1:]
			w.call(t, v).want(t, 400, "ValidationError", "1 validation error detected: Value null at '"+where+"' failed to satisfy constraint: Member must not be null")
		}
	}
}

func TestListsAndSeveralFaultsAtOnce(t *testing.T) {
	e := start(t, emulator.World{})
	w := wire{e: e, creds: keys(e.AddUser(account, "alice"))}
	fill := func(n int, name string, fields ...string) url.Values {
		v := params("GetFederationToken", "Name", "Bob")
		for i := range n {
			for _, f := range fields {
				v.Set(fmt.Sprintf("%s.member.%d.%s", name, i+1, f), fmt.Sprintf("key%d", i))
			}
		}
		return v
	}
	if a := w.call(t, fill(50, "Tags", "Key", "Value")); a.code == "ValidationError" {
		t.Errorf("50 tags: %s", a.message)
	}
	w.call(t, fill(51, "Tags", "Key", "Value")).want(t, 400, "ValidationError",
		"1 validation error detected: Value '[51 members]' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50")
	v := params("GetFederationToken", "Name", "Bob")
	for i := range 11 {
		v.Set(fmt.Sprintf("PolicyArns.member.%d.arn", i+1), "arn:aws:iam::aws:policy/ReadOnlyAccess")
	}
	w.call(t, v).want(t, 400, "ValidationError",
		"1 validation error detected: Value '[11 members]' at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to 10")
	v = params("GetFederationToken", "Name", "Bob", "PolicyArns.member.2.arn", "arn:aws:iam::aws:policy/ReadOnlyAccess")
	w.call(t, v).want(t, 400, "MalformedInput", "List PolicyArns has no element 1")
	w.call(t, params("GetFederationToken", "Name", "!", "DurationSeconds", "1")).want(t, 400, "ValidationError",
		"3 validation errors detected: Value '!' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*; "+
			"Value '!' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 2; "+
			"Value '1' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900")
}

// Defaults and what each caller gets at most.
func TestDurations(t *testing.T) {
	e := start(t, emulator.World{})
	now := time.Date(2026, 11, 23, 12, 0, 0, 123456789, time.UTC)
	e.SetNow(func() time.Time { return now })
	alice, root := e.AddUser(account, "alice"), e.AddRoot(account)
	e.AddRole(account, "short")
	e.AddRole(account, "long", emulator.MaxSessionDuration(43200))
	user, boss := wire{e: e, creds: keys(alice)}, wire{e: e, creds: keys(root)}
	for _, tt := range []struct {
		w    wire
		v    url.Values
		want time.Duration
	}{
		{user, params("GetSessionToken"), 12 * time.Hour},
		{user, params("GetSessionToken", "DurationSeconds", "129600"), 36 * time.Hour},
		{boss, params("GetSessionToken"), time.Hour},
		{boss, params("GetSessionToken", "DurationSeconds", "129600"), time.Hour},
		{boss, params("GetSessionToken", "DurationSeconds", "900"), 15 * time.Minute},
		{user, params("GetFederationToken", "Name", "Bob"), 12 * time.Hour},
		{boss, params("GetFederationToken", "Name", "Bob", "DurationSeconds", "7200"), time.Hour},
		{user, params("AssumeRole", "RoleArn", roleARN("short"), "RoleSessionName", "me"), time.Hour},
		{user, params("AssumeRole", "RoleArn", roleARN("long"), "RoleSessionName", "me", "DurationSeconds", "43200"), 12 * time.Hour},
	} {
		a := tt.w.call(t, tt.v)
		if a.status != 200 {
			t.Errorf("%v: %s %s", tt.v, a.code, a.message)
			continue
		}
		if got, want := a.field(t, "Expiration"), now.Add(tt.want).Format("2006-01-02T15:04:05")+".123Z"; got != want {
			t.Errorf("%v: expires %s, want %s", tt.v, got, want)
		}
	}
}

func roleARN(name string) string { return "arn:aws:iam::" + account + ":role/" + name }
