package settings_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/policy"
)

const narrowWorld = mfaWorld + `[profile sso]
sso_session = s
sso_account_id = 1
sso_role_name = r
[sso-session s]
sso_region = eu-west-1
sso_start_url = u
[profile vault]
credential_process = vault-keys
[profile vault-mfa]
credential_process = vault-keys
mfa_serial = arn:aws:iam::1:mfa/ada
`

const narrowKeys = baseKeys + "[plainkeys]\naws_access_key_id = AKIAPLAIN\naws_secret_access_key = CANARYplain\n" +
	"[temp]\naws_access_key_id = ASIATEMP\naws_secret_access_key = CANARY\naws_session_token = CANARY\n"

// chain is the operations of a request and of what it is made from, the first one asked for first.
func chain(r *request.Request) string {
	var all []string
	for ; r != nil; r = r.Base {
		all = append([]string{r.Operation}, all...)
	}
	return strings.Join(all, " ")
}

// What is asked of STS for a policy or a life, by the source that there is.
func TestNarrowing(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld)
	for _, tt := range []struct {
		want string
		args string
	}{
		{"GetSessionToken", "--source-profile=sso"}, // handed out as they are
		{"GetScopedCredentials", "--source-profile=sso --allow=s3:GetObject"},
		{"GetScopedCredentials", "--source-profile=sso --read-only"},
		{"GetScopedCredentials", "--source-profile=sso --duration=30s"},
		{"GetScopedCredentials", "--source-profile=sso --duration=12h --deny=iam:*"},
		{"GetScopedCredentials GetScopedCredentials", "--source-profile=sso --read-only --allow=s3:*"},
		{"GetSessionToken", "--source-profile=sso --read-only=false"},
		{"GetScopedCredentials", "--source-profile=temp --read-only"},
		{"GetScopedCredentials", "--source-profile=vault --allow=s3:*"},
		{"GetScopedCredentials", "--source-profile=vault --duration=1h"},
		{"GetFederationToken", "--source-profile=plainkeys --allow=s3:*"},
		{"GetFederationToken", "--source-profile=plainkeys --read-only"},
		{"GetFederationToken", "--source-profile=plainkeys --policy-arn=arn:aws:iam::aws:policy/ReadOnlyAccess"},
		{"GetFederationToken GetScopedCredentials", "--source-profile=plainkeys --allow=s3:* --duration=5m"},
		{"GetFederationToken GetScopedCredentials", "--source-profile=plainkeys --allow=s3:* --read-only"},
		{"GetSessionToken", "--source-profile=plainkeys --duration=1h"},
		{"GetSessionToken GetScopedCredentials", "--source-profile=plainkeys --duration=5m"},
		{"GetSessionToken GetScopedCredentials", "--source-profile=plainkeys --read-only --mfa-serial=s"},
		{"GetSessionToken GetScopedCredentials", "--source-profile=base --allow=s3:*"},
		{"GetSessionToken", "--source-profile=base --duration=1h"},
		{"GetSessionToken GetScopedCredentials", "--source-profile=vault-mfa --allow=s3:*"},
		{"GetSessionToken AssumeRole", "--source-profile=admin --allow=s3:*"},
		{"GetSessionToken AssumeRole", "--source-profile=admin --read-only"},
		{"GetSessionToken AssumeRole GetScopedCredentials", "--source-profile=admin --allow=s3:* --read-only"},
		{"GetSessionToken AssumeRole GetScopedCredentials", "--source-profile=admin --duration=1m"},
		{"AssumeRole", "--source-profile=sso --role-arn=arn:x --read-only"},
		{"AssumeRoleWithWebIdentity GetScopedCredentials", "--role-arn=arn:x --web-identity-token-file=/t --duration=14m"},
	} {
		r := w.load(strings.Fields(tt.args)...)
		if got := chain(r); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.args, got, tt.want)
		}
		if r.HandOut && r.Scoped() {
			t.Errorf("%s: hands out the source", tt.args)
		}
		said := strings.Contains(tt.want, "Scoped") || strings.HasPrefix(tt.want, "GetFederation") || strings.HasSuffix(tt.args, "--read-only")
		if said == (r.Reason == "") {
			t.Errorf("%s: reason %q", tt.args, r.Reason)
		}
	}
	// The session that shows the device is the one of every other request.
	plain, narrowed := w.load("--source-profile=base"), w.load("--source-profile=base", "--allow=s3:*")
	if request.KeyOf(plain).String() != request.KeyOf(narrowed.Base).String() {
		t.Errorf("another session: %+v, %+v", narrowed.Base, plain)
	}
	if r := w.load("--source-profile=base", "--allow=s3:*", "--session-duration=36h", "--duration=2h"); r.Duration != 2*time.Hour || r.Base.Duration != 36*time.Hour {
		t.Errorf("%v of %v", r.Duration, r.Base.Duration)
	}
	if r := w.load("--source-profile=admin", "--duration=1m"); r.Duration != time.Minute || r.Base.Duration != 0 {
		t.Errorf("%v of %v", r.Duration, r.Base.Duration)
	}
	if r := w.load("--source-profile=plainkeys", "--allow=s3:*"); r.FederationName != "sts-helper-ada" {
		t.Errorf("federated as %q", r.FederationName)
	}
	w.fail(settings.Usage, []string{"--policy-arn", "GetScopedCredentials"}, "--source-profile=sso", "--policy-arn=arn:aws:iam::aws:policy/ReadOnlyAccess")
	w.fail(settings.Usage, []string{"--duration", "1s"}, "--source-profile=sso", "--duration=0")
	w.fail(settings.Usage, []string{"--tag", "GetScopedCredentials"}, "--source-profile=sso", "--allow=s3:*", "--tag=a=b")
}

// What a flag or a variable says of policies narrows what the profile says, and never takes its place.
func TestLayersOfPolicies(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld + "[profile ours]\ncredential_process = sts-helper --source-profile sso --allow ec2:*\n").toml(`[profile.data]
source_profile = "sso"
allow = ["s3:*"]
[profile.deploy]
source_profile = "plain"
policy_arn = ["arn:aws:iam::aws:policy/PowerUserAccess"]
[profile.quick]
source_profile = "sso"
resource = ["arn:aws:s3:::logs/*"]
[profile.reader]
source_profile = "sso"
read_only = true
allow = ["s3:*"]
`)
	for _, tt := range []struct {
		want string // the policies that narrow by GetScopedCredentials, by a word of each
		args string
	}{
		{"s3:*", "--profile=data"},
		{"s3:* s3:GetObject", "--profile=data --allow=s3:GetObject"},
		{"s3:* Describe", "--profile=data --read-only"},
		{"s3:* s3:GetObject Describe", "--profile=data --read-only --allow=s3:GetObject"},
		{"s3:* s3:GetObject", "--profile=data --allow=s3:GetObject --resource=arn:aws:s3:::logs/*"},
		{"s3:GetObject", "--profile=quick --allow=s3:GetObject"},
		{"ec2:* ec2:Describe*", "--profile=ours --allow=ec2:Describe*"},
		{"Describe", "--profile=deploy --read-only"},
		{"s3:* Describe", "--profile=reader"},
		{"s3:* Describe", "--profile=reader --read-only=false"},
	} {
		r := w.load(strings.Fields(tt.args)...)
		var scopes []string
		for _, p := range r.Policies() {
			if p.Scoped() {
				scopes = append(scopes, p.Policy)
			}
		}
		words := strings.Fields(tt.want)
		if len(words) != len(scopes) || r.ScopedPolicies() != len(words) {
			t.Errorf("%s: %d policies: %q", tt.args, len(scopes), scopes)
			continue
		}
		for i, word := range words {
			if !strings.Contains(scopes[i], word) {
				t.Errorf("%s: policy %d is %s, want %s in it", tt.args, i, scopes[i], word)
			}
			if i < len(words)-1 && !strings.Contains(scopes[i], "sts:GetScopedCredentials") {
				t.Errorf("%s: policy %d does not allow the next: %s", tt.args, i, scopes[i])
			}
		}
	}
	// A variable narrows as a flag does.
	w.set("STS_HELPER_ALLOW=s3:GetObject")
	if r := w.load("--profile=data"); r.ScopedPolicies() != 2 {
		t.Errorf("%+v", r)
	}
	w.set("STS_HELPER_ALLOW=")
	// A fourth is refused before anything is sent.
	w.fail(settings.Config, []string{"there are 4", "takes 3"}, "--profile=reader", "--read-only", "--allow=s3:GetObject")
	// Those below a role's policy allow that it is narrowed, too.
	r := w.load("--profile=deploy", "--read-only")
	if r.Base.Operation != "AssumeRole" || len(r.Base.PolicyARNs) != 1 || !strings.Contains(r.Base.Policy, "sts:GetScopedCredentials") {
		t.Errorf("%+v", r.Base)
	}
}

// Whatever flags and variables say, no more may be done than the profile's own policy allows.
func TestProfilePolicyHolds(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld + "[profile ours]\ncredential_process = sts-helper --source-profile sso --allow ec2:*\n").toml(`[profile.reader]
source_profile = "sso"
read_only = true
[profile.rolereader]
source_profile = "plain"
read_only = true
[profile.logs]
source_profile = "sso"
allow = ["s3:GetObject"]
resource = ["arn:aws:s3:::logs/*"]
[profile.managed]
source_profile = "plain"
policy_arn = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profile.loose]
source_profile = "sso"
read_only = false
`)
	const adminARN = "arn:aws:iam::aws:policy/AdministratorAccess"
	for _, tt := range []struct {
		profile, variable, args string
		want                    []string // a word of each policy; what would be asked for without the line has the first
	}{
		{"reader", "", "", []string{"ec2:Describe"}},
		{"reader", "", "--read-only=false", []string{"ec2:Describe"}},
		{"reader", "STS_HELPER_READ_ONLY=0", "", []string{"ec2:Describe"}},
		{"reader", "STS_HELPER_READ_ONLY=false", "--allow=s3:*", []string{"ec2:Describe", "s3:*"}},
		{"rolereader", "", "--read-only=false", []string{"ReadOnlyAccess"}},
		{"managed", "STS_HELPER_POLICY_ARN=,", "", []string{"ReadOnlyAccess"}},
		{"managed", "STS_HELPER_ALLOW=,", "", []string{"ReadOnlyAccess"}},
		{"logs", "STS_HELPER_ALLOW=,", "", []string{"logs/*"}},
		{"logs", "STS_HELPER_RESOURCE=,", "", []string{"logs/*"}},
		{"logs", "", "--resource=*", []string{"logs/*", `"s3:GetObject","Resource":"*"`}},
		{"logs", "STS_HELPER_RESOURCE=arn:aws:s3:::logs/today/*", "", []string{"logs/*", `"s3:GetObject","Resource":"arn:aws:s3:::logs/today/*"`}},
		{"logs", "", "--resource=arn:aws:s3:::logs/today/* --read-only", []string{"logs/*", "logs/today/*", "ec2:Describe"}},
		{"logs", "", "--resource=* --deny=s3:Put*", []string{"logs/*", `"s3:Put*"`}},
		{"ours", "", "--allow=ec2:DescribeImages", []string{"ec2:*", "ec2:DescribeImages"}},
		{"ours", "STS_HELPER_ALLOW=ec2:DescribeImages", "", []string{"ec2:*", "ec2:DescribeImages"}},
		{"ours", "STS_HELPER_ALLOW=,", "", []string{"ec2:*"}},
		{"ours", "STS_HELPER_RESOURCE=arn:aws:ec2:::x", "", []string{"ec2:*", "arn:aws:ec2:::x"}},
		{"loose", "", "", nil},
		{"loose", "", "--read-only", []string{"ec2:Describe"}},
	} {
		name, value, _ := strings.Cut(tt.variable, "=")
		if name != "" {
			w.set(tt.variable)
		}
		r := w.load(append(strings.Fields(tt.args), "--profile="+tt.profile)...)
		var got []string
		for _, p := range r.Policies() {
			got = append(got, p.Policy+strings.Join(p.PolicyARNs, " "))
		}
		ok := len(got) == len(tt.want) && r.HandOut == (len(tt.want) == 0)
		for i := 0; ok && i < len(got); i++ {
			ok = strings.Contains(got[i], tt.want[i])
		}
		if !ok {
			t.Errorf("%s with %q %s: handed out: %v, policies %q, want %q", tt.profile, value, tt.args, r.HandOut, got, tt.want)
		}
		for at := r; at != nil; at = at.Base { // a policy that is no part of what is asked for narrows nothing
			if op := at.Operation; (at.Policy != "" || len(at.PolicyARNs) > 0) && op != "GetScopedCredentials" && op != "AssumeRole" {
				t.Errorf("%s with %q %s: %s with a policy", tt.profile, value, tt.args, op)
			}
		}
		w.set(name + "=")
	}
	// Both an entry and the line that names it have a policy: one must not hide the other.
	w.config(narrowWorld + "[profile both]\ncredential_process = sts-helper --profile logs --allow *\n[profile one]\ncredential_process = sts-helper --profile logs --region eu-west-1\n")
	w.fail(settings.Config, []string{"~/.aws/config:", "--allow", "[profile.logs]"}, "--profile=both")
	if r := w.load("--profile=logs", "--allow=*"); r.ScopedPolicies() != 2 { // what the line asks for by itself
		t.Errorf("%+v", r)
	}
	if r := w.load("--profile=one"); r.ScopedPolicies() != 1 || !strings.Contains(r.Policy, "logs/*") {
		t.Errorf("%+v", r)
	}
	// STS adds what ARNs allow to what the profile's policy does, and nothing narrows by ARNs then.
	for profile, own := range map[string]string{"rolereader": "read_only (", "managed": "policy_arn ("} {
		w.fail(settings.Usage, []string{"--policy-arn: ", "does not narrow " + own}, "--profile="+profile, "--policy-arn="+adminARN)
		w.set("STS_HELPER_POLICY_ARN="+adminARN).fail(settings.Config, []string{"STS_HELPER_POLICY_ARN: ", "does not narrow " + own}, "--profile="+profile)
		w.set("STS_HELPER_POLICY_ARN=")
	}
	// A token of another user is narrowed by nothing, so a policy is not passed over in silence.
	w.fail(settings.Usage, []string{"allow (", "--granted"}, "--profile=logs", "--granted=x")
	w.set("STS_HELPER_READ_ONLY=true").fail(settings.Usage, []string{"STS_HELPER_READ_ONLY", "--granted"}, "--granted=x")
	w.set("STS_HELPER_READ_ONLY=false", "STS_HELPER_DURATION=1h").load("--granted=x")
}

// Read-only is a policy that STS takes, without any action that changes anything or shows a secret.
func TestReadOnly(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld)
	r := w.load("--source-profile=sso", "--read-only")
	if r.Policy != policy.ReadOnly().String() || !strings.Contains(r.Reason, "an inline policy") {
		t.Errorf("%+v", r)
	}
	for region, want := range map[string]string{"eu-west-1": "arn:aws:iam::aws:policy/ReadOnlyAccess", "cn-north-1": "arn:aws-cn:iam::aws:policy/ReadOnlyAccess"} {
		r := w.load("--source-profile=plainkeys", "--read-only", "--region="+region)
		if len(r.PolicyARNs) != 1 || r.PolicyARNs[0] != want || r.Policy != "" || !strings.Contains(r.Reason, want) {
			t.Errorf("%+v", r)
		}
	}
}
