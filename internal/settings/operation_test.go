package settings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

func TestContradictions(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	const role, federation, granted = "--role-arn=arn:x", "--federation-name=Bob", "--granted=g"
	for _, tt := range []struct {
		want []string
		args []string
	}{
		{[]string{"--role-arn", "--federation-name", "GetFederationToken"}, []string{role, federation}},
		{[]string{"--target-principal", "--role-arn"}, []string{role, "--target-principal=1"}},
		{[]string{"--task-policy-arn", "--role-arn"}, []string{role, "--task-policy-arn=1"}},
		{[]string{"--saml-assertion-file", "--web-identity-token-file"}, []string{role, "--web-identity-token-file=/t", "--saml-assertion-file=/s"}},
		{[]string{"--saml-assertion-file", "--saml-assertion-command"}, []string{role, "--principal-arn=p", "--saml-assertion-file=/s", "--saml-assertion-command=c"}},
		{[]string{"--role-arn", "--principal-arn"}, []string{role, "--saml-assertion-file=/s"}},
		{[]string{"--principal-arn", "--saml-assertion-file"}, []string{role, "--principal-arn=p"}},
		{[]string{"--external-id", "GetSessionToken", "--role-arn"}, []string{"--external-id=x"}},
		{[]string{"--external-id", "--federation-name"}, []string{federation, "--no-policy", "--external-id=x"}},
		{[]string{"--external-id", "AssumeRoleWithWebIdentity"}, []string{role, "--web-identity-token-file=/t", "--external-id=x"}},
		{[]string{"--role-session-name", "--role-arn"}, []string{"--role-session-name=x"}},
		{[]string{"--source-identity", "--role-arn"}, []string{"--source-identity=x"}},
		{[]string{"--transitive-tag", "--federation-name"}, []string{federation, "--no-policy", "--transitive-tag=x"}},
		{[]string{"--tag", "GetSessionToken"}, []string{"--tag=a=b"}},
		{[]string{"--tag", "--web-identity-token-file"}, []string{role, "--web-identity-token-file=/t", "--tag=a=b"}},
		{[]string{"--policy-arn", "GetScopedCredentials", "--federation-name"}, []string{"--policy-arn=p"}},
		{[]string{"--description", "GetSessionToken"}, []string{"--description=why"}},
		{[]string{"--description", "AssumeRole"}, []string{role, "--allow=s3:*", "--description=why"}},
		{[]string{"--read-only", "--target-principal"}, []string{"--target-principal=1", "--task-policy-arn=p", "--read-only"}},
		{[]string{"--read-only", "--granted"}, []string{granted, "--read-only"}},
		{[]string{"--allow", "--target-principal"}, []string{"--target-principal=1", "--task-policy-arn=p", "--allow=s3:*"}},
		{[]string{"--no-policy", "--role-arn"}, []string{role, "--no-policy"}},
		{[]string{"--no-policy", "--allow"}, []string{federation, "--no-policy", "--allow=s3:*"}},
		{[]string{"--federation-name", "--policy", "--no-policy"}, []string{federation}},
		{[]string{"--task-policy-arn", "--target-principal"}, []string{"--task-policy-arn=p"}},
		{[]string{"--target-principal", "--task-policy-arn"}, []string{"--target-principal=1"}},
		{[]string{"--web-identity-token-file", "--role-arn"}, []string{"--web-identity-token-file=/t"}},
		{[]string{"--mfa-serial", "--federation-name"}, []string{federation, "--no-policy", "--mfa-serial=s"}},
		{[]string{"--mfa-serial", "--target-principal"}, []string{"--target-principal=1", "--task-policy-arn=p", "--mfa-serial=s"}},
		{[]string{"--duration", "--granted"}, []string{granted, "--duration=1h"}},
		{[]string{"--source-profile", "--granted"}, []string{granted, "--source-profile=base"}},
		{[]string{"--role-arn", "--granted"}, []string{granted, role}},
		{[]string{"--resource"}, []string{role, "--resource=arn:aws:s3:::b"}},
	} {
		w.fail(settings.Usage, tt.want, tt.args...)
	}
	// A switch that is off contradicts nothing, and does not end the search for what does.
	w.load(role, "--no-policy=false")
	w.fail(settings.Usage, []string{"--task-policy-arn"}, role, "--no-policy=false", "--task-policy-arn=p")

	// Each side is named by where it came from.
	w.toml("[profile.default]\nrole_arn = 'arn:x'\n").set("STS_HELPER_FEDERATION_NAME=Bob")
	w.fail(settings.Config, []string{"role_arn (" + tomlName + ":2)", "STS_HELPER_FEDERATION_NAME"})
	w.fail(settings.Usage, []string{"role_arn (" + tomlName + ":2)", "--federation-name"}, federation)
}

func TestOperations(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).set("AWS_PROFILE=base")
	for _, tt := range []struct {
		want   string
		source request.SourceKind
		args   []string
	}{
		{"GetSessionToken", request.SourceStatic, nil},
		{"GetFederationToken", request.SourceStatic, []string{"--federation-name=Bob", "--allow=s3:*"}},
		{"AssumeRole", request.SourceStatic, []string{"--role-arn=arn:x"}},
		{"AssumeRoleWithWebIdentity", request.SourceNone, []string{"--role-arn=arn:x", "--web-identity-token-file=/t"}},
		{"AssumeRoleWithSAML", request.SourceNone, []string{"--role-arn=arn:x", "--saml-assertion-file=/s", "--principal-arn=p"}},
		{"AssumeRoot", request.SourceStatic, []string{"--target-principal=1", "--task-policy-arn=p"}},
		{"", request.SourceNone, []string{"--granted=g"}},
	} {
		r := w.load(tt.args...)
		if r.Operation != tt.want || r.Source.Kind != tt.source || r.Base != nil || r.Region == "" || r.Partition != "aws" {
			t.Errorf("%q: %+v", tt.args, r)
		}
		if name := r.RoleSessionName; (name == "sts-helper-ada") != slices.Contains([]string{"AssumeRole", "AssumeRoleWithWebIdentity"}, tt.want) {
			t.Errorf("%q: role session name %q", tt.args, name)
		}
	}
	// What is not signed needs no source, and a missing one is not in its way.
	newWorld(t).set("AWS_PROFILE=missing").load("--role-arn=arn:x", "--web-identity-token-file=/t")
	newWorld(t).set("AWS_PROFILE=missing").load("--granted=g")
}

func TestRoleSessionName(t *testing.T) {
	env := newWorld(t).env()
	for user, want := range map[string]string{
		"":                        "sts-helper",
		"ada":                     "sts-helper-ada",
		"Ada Lovelace/ü":          "sts-helper-Ada-Lovelace---",
		"a_+=,.@-b":               "sts-helper-a_+=,.@-b",
		strings.Repeat("x", 1000): "sts-helper-" + strings.Repeat("x", 53),
	} {
		env.UserName = func() string { return user }
		r, err := settings.Load(flags("--role-arn=arn:x"), env)
		if err != nil || r.RoleSessionName != want {
			t.Errorf("%q: %q, want %q (%v)", user, r.RoleSessionName, want, err)
		}
	}
}

func TestNameOfRequest(t *testing.T) {
	keys := []string{"AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARY"}
	w := newWorld(t).credentials(baseKeys).config("[profile dev]\nregion=a\n").toml("[profile.e]\nsource_profile='base'\n")
	name := func(want string, args ...string) {
		t.Helper()
		if got := w.load(args...).Name; got != want {
			t.Errorf("%q: name %q, want %q", args, got, want)
		}
	}
	name("default")
	name("base", "--source-profile=base")
	name("e", "--profile=e")
	w.set("AWS_PROFILE=base")
	name("base")
	w.set(keys...)
	name("default")
	name("g", "--granted=g")
}

func TestPolicy(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).set("AWS_PROFILE=base")
	role := "--role-arn=arn:x"
	w.write("p.json", "{\n \"Version\": \"2012-10-17\",\n \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:GetObject\", \"Resource\": \"*\"}\n}\n")
	written := w.load(role, "--policy="+w.home+"/p.json").Policy
	if written != `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}}` {
		t.Errorf("not compact: %s", written)
	}
	both := w.load(role, "--policy="+w.home+"/p.json", "--deny=s3:DeleteObject").Policy
	if !strings.Contains(both, `"s3:GetObject"`) || !strings.Contains(both, `"Deny"`) || strings.Contains(both, "\n") {
		t.Errorf("joined: %s", both)
	}
	if a, b := w.load(role, "--allow=s3:GetObject", "--allow=ec2:run_instances").Policy, w.load(role, "--allow=ec2:RunInstances", "--allow=s3:GetObject").Policy; a != b {
		t.Errorf("the same policy in other words is another: %s, %s", a, b)
	}
	w.write("bad.json", "{\n \"Statement\": [}\n")
	w.fail(settings.Config, []string{"~/bad.json:2:", "session policy"}, role, "--policy="+w.home+"/bad.json")
	w.fail(settings.Usage, []string{"--policy", "~/none.json", "no such file"}, role, "--policy="+w.home+"/none.json")
	w.fail(settings.Usage, []string{"--policy-arn"}, role, "--policy-arn=nonsense")
	w.load("--federation-name=Bob", "--no-policy")
	w.load("--federation-name=Bob", "--policy-arn=arn:aws:iam::aws:policy/ReadOnlyAccess")
	w.toml("[profile.x]\nrole_arn='arn:x'\npolicy='p.json'\n").write(".config/sts-helper/p.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}`)
	if got := w.load("--profile=x").Policy; !strings.Contains(got, "ec2:*") {
		t.Errorf("relative to the config file: %q", got)
	}
}

const mfaWorld = `[profile base]
mfa_serial = arn:aws:iam::1:mfa/ada
[profile admin]
role_arn = arn:aws:iam::1:role/admin
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/ada
region = eu-west-1
duration_seconds = 7200
external_id = ext
role_session_name = me
[profile reader]
role_arn = arn:aws:iam::1:role/reader
source_profile = base
mfa_serial = arn:aws:iam::1:mfa/ada
region = us-west-2
[profile plain]
role_arn = arn:aws:iam::1:role/plain
source_profile = base
[profile far]
role_arn = arn:aws:iam::2:role/far
source_profile = admin
`

// TestOneSessionForAllRoles: whichever role is asked for in whichever way, the request
// that shows the MFA device is the same, so its record and its code are.
func TestOneSessionForAllRoles(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).config(mfaWorld)
	direct := w.load("--source-profile=base")
	if direct.Operation != "GetSessionToken" || direct.SerialNumber != "arn:aws:iam::1:mfa/ada" || direct.Base != nil {
		t.Fatalf("direct: %+v", direct)
	}
	for _, args := range [][]string{
		{"--source-profile=admin"},
		{"--source-profile=reader"},
		{"--source-profile=far"},
		{"--source-profile=plain"}, // names no device; that of the keys counts
		{"--source-profile=plain", "--mfa-serial=arn:aws:iam::1:mfa/ada"},
		{"--source-profile=base", "--role-arn=arn:x"},
		{"--source-profile=reader", "--role-arn=arn:x"},
		{"--source-profile=admin", "--duration=1h"},
	} {
		r := w.load(args...)
		bottom := r
		for ; bottom.Base != nil; bottom = bottom.Base {
			if bottom.SerialNumber != "" || bottom.Source.Kind != request.SourceNone {
				t.Errorf("%q: %s has serial %q and source %+v", args, bottom.RoleARN, bottom.SerialNumber, bottom.Source)
			}
		}
		if got, want := *bottom, *direct; got.Operation != want.Operation || got.SerialNumber != want.SerialNumber || got.Region != want.Region ||
			got.Duration != want.Duration || got.Source.AccessKeyID != want.Source.AccessKeyID || got.Endpoint != want.Endpoint || got.Name != want.Name {
			t.Errorf("%q:\n%+v\nwant %+v", args, got, want)
		}
	}
	r := w.load("--source-profile=admin")
	if r.Operation != "AssumeRole" || r.RoleARN != "arn:aws:iam::1:role/admin" || r.ExternalID != "ext" || r.RoleSessionName != "me" || r.Duration != 2*time.Hour || r.Region != "eu-west-1" {
		t.Errorf("%+v", r)
	}
	far := w.load("--source-profile=far")
	if far.RoleARN != "arn:aws:iam::2:role/far" || far.Base.RoleARN != "arn:aws:iam::1:role/admin" || far.Base.Base.Operation != "GetSessionToken" {
		t.Errorf("%+v", far)
	}
}

func TestMFASettings(t *testing.T) {
	w := newWorld(t).credentials(baseKeys + "[temp]\naws_access_key_id=ASIAX\naws_secret_access_key=CANARY\naws_session_token=CANARY\n").config(mfaWorld +
		"[profile sso]\nsso_session=s\nsso_account_id=1\nsso_role_name=r\n[sso-session s]\nsso_region=r\nsso_start_url=u\n[profile web]\nrole_arn=arn:w\nweb_identity_token_file=/t\n")
	if got := w.load("--source-profile=admin", "--mfa-serial=other").Base.SerialNumber; got != "other" {
		t.Errorf("a flag does not override the profile: %q", got)
	}
	if r := w.load("--source-profile=temp", "--role-arn=arn:x", "--mfa-serial=s"); r.Base != nil || r.SerialNumber != "s" {
		t.Errorf("temporary keys cannot ask for a session: %+v", r)
	}
	if r := w.load("--source-profile=sso", "--role-arn=arn:x"); r.Base != nil || r.SerialNumber != "" || r.Source.Kind != request.SourceSSO {
		t.Errorf("%+v", r)
	}
	if r := w.load("--source-profile=base", "--federation-name=Bob", "--no-policy"); r.SerialNumber != "" {
		t.Errorf("federation takes no device: %+v", r)
	}
	w.fail(settings.Usage, []string{"--mfa-serial"}, "--source-profile=web", "--mfa-serial=s")
	w.fail(settings.Usage, []string{"--duration", "hour"}, "--source-profile=far", "--duration=2h")
	w.load("--source-profile=far", "--duration=1h")
	w.fail(settings.Usage, []string{"--federation-name", `"admin" is a role`}, "--source-profile=admin", "--federation-name=Bob", "--no-policy")

	env := newWorld(t).set("AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARY")
	r := env.load("--role-arn=arn:x", "--mfa-serial=s", "--mfa-code=123456", "--prompt=never")
	if r.Base == nil || r.Base.Source.AccessKeyID != "AKIAENV" || r.Base.SerialNumber != "s" || r.Base.MFACode != "123456" || r.Base.Prompt != "never" {
		t.Errorf("%+v", r.Base)
	}
	// The environment's keys are not those of the default profile, so neither is the device.
	env.config("[default]\nmfa_serial = s\nregion = eu-west-1\n")
	if r := env.load(); r.SerialNumber != "" || r.Region != "eu-west-1" {
		t.Errorf("%+v", r)
	}
}

// TestRoleOfSourceProfile: a source profile that is a role is that role, scoped as asked.
func TestRoleOfSourceProfile(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).config(mfaWorld)
	r := w.load("--source-profile=plain", "--duration=30m", "--external-id=e", "--role-session-name=n", "--tag=a=b", "--allow=s3:*", "--region=eu-north-1")
	if r.Operation != "AssumeRole" || r.Duration != 30*time.Minute || r.ExternalID != "e" || r.RoleSessionName != "n" || len(r.Tags) != 1 || r.Policy == "" || r.Region != "eu-north-1" || r.Name != "plain" {
		t.Errorf("%+v", r)
	}
	w.fail(settings.Usage, []string{"--duration", "AssumeRole", "12h"}, "--source-profile=plain", "--duration=13h")
	w.fail(settings.Usage, []string{"--no-policy", "AssumeRole"}, "--source-profile=plain", "--no-policy")
}
