package settings_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// TestTable keeps the one table that drives flags, variables and file keys in order.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings.Settings() {
		if want := "STS_HELPER_" + strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_")); s.Env != want {
			t.Errorf("--%s: variable %s, want %s", s.Flag, s.Env, want)
		}
		if want := strings.ReplaceAll(s.Flag, "-", "_"); s.Key != want && s.Key != "" {
			t.Errorf("--%s: key %s, want %s", s.Flag, s.Key, want)
		}
		if s.Key == "" != slices.Contains([]string{"profile", "mfa-code"}, s.Flag) {
			t.Errorf("--%s: whether a file may hold it is wrong", s.Flag)
		}
		if s.Help == "" || (s.Value == "") != (s.Kind == settings.Bool) {
			t.Errorf("--%s: help %q, value %q", s.Flag, s.Help, s.Value)
		}
		if seen[s.Flag] {
			t.Errorf("--%s is there twice", s.Flag)
		}
		seen[s.Flag] = true
	}
	settings.Settings()[0].Flag = "changed"
	if settings.Settings()[0].Flag == "changed" {
		t.Error("a caller can change the table")
	}
}

// What IAM Roles Anywhere takes.
const (
	anchorARN  = "arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/1"
	profileARN = "arn:aws:rolesanywhere:eu-west-1:111122223333:profile/1"
	roleARN    = "arn:aws:iam::111122223333:role/host"
)

var x509 = []string{"--certificate=/c", "--private-key=/k", "--trust-anchor-arn=" + anchorARN, "--anywhere-profile-arn=" + profileARN, "--anywhere-role-arn=" + roleARN}

func anywhere(chain string) request.Certificate {
	return request.Certificate{File: "/c", KeyFile: "/k", ChainFile: chain, TrustAnchorARN: anchorARN, ProfileARN: profileARN, RoleARN: roleARN}
}

// without are the flags of x509 but for one.
func without(flag string) []string {
	return slices.DeleteFunc(slices.Clone(x509), func(f string) bool { return strings.HasPrefix(f, "--"+flag+"=") })
}

// TestEverySettingFromEveryLayer gives each setting in turn as a flag, a variable and a key,
// and wants the same request from all three.
func TestEverySettingFromEveryLayer(t *testing.T) {
	role := "--role-arn=arn:aws:iam::1:role/r"
	policyFile := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(policyFile, []byte(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	private := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(private, []byte("[default]\naws_access_key_id = AKIAPRIVATE\naws_secret_access_key = CANARY\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		flag, value string
		toml        string // "" for the value in quotes
		with        []string
		want        func(*request.Request) any
		is          any
	}{
		{"source-profile", "base", "", nil, func(r *request.Request) any { return r.Source.Profile }, "base"},
		{"credentials-file", private, "", nil, func(r *request.Request) any { return r.Source.CredentialsFile + r.Source.AccessKeyID }, private + "AKIAPRIVATE"},
		{"duration", "2h", "", nil, func(r *request.Request) any { return r.Duration }, 2 * time.Hour},
		{"duration", "7200", "7_200", nil, func(r *request.Request) any { return r.Duration }, 2 * time.Hour},
		{"region", "ap-south-1", "", nil, func(r *request.Request) any { return r.Region }, "ap-south-1"},
		{"endpoint-url", "http://localhost:1", "", nil, func(r *request.Request) any { return r.Endpoint }, "http://localhost:1"},
		{"fips", "true", "true", nil, func(r *request.Request) any { return r.FIPS }, true},
		{"dual-stack", "true", "true", nil, func(r *request.Request) any { return r.DualStack }, true},
		{"session-duration", "36h", "", []string{role, "--mfa-serial=s"}, func(r *request.Request) any { return r.Base.Duration }, 36 * time.Hour},
		{"cache-dir", "/c", "", nil, func(r *request.Request) any { return r.CacheDir }, "/c"},
		{"no-cache", "true", "true", nil, func(r *request.Request) any { return r.NoCache }, true},
		{"wait", "0", "", nil, func(r *request.Request) any { return r.Wait }, time.Millisecond},
		{"wait", "5s", "", nil, func(r *request.Request) any { return r.Wait }, 5 * time.Second},
		{"verbose", "1", "true", nil, func(r *request.Request) any { return r.Verbose }, true},
		{"federation-name", "Bob", "", []string{"--no-policy"}, func(r *request.Request) any { return r.Operation + r.FederationName }, "GetFederationTokenBob"},
		{"role-arn", "arn:x", "", nil, func(r *request.Request) any { return r.Operation + r.RoleARN }, "AssumeRolearn:x"},
		{"role-session-name", "n", "", []string{role}, func(r *request.Request) any { return r.RoleSessionName }, "n"},
		{"external-id", "n", "", []string{role}, func(r *request.Request) any { return r.ExternalID }, "n"},
		{"source-identity", "n", "", []string{role}, func(r *request.Request) any { return r.SourceIdentity }, "n"},
		{"tag", "a=b=c", "", []string{role}, func(r *request.Request) any { return r.Tags }, []request.Tag{{Key: "a", Value: "b=c"}}},
		{"tag", "a=", `{a = ""}`, []string{role}, func(r *request.Request) any { return r.Tags }, []request.Tag{{Key: "a"}}},
		{"transitive-tag", "a", `["a"]`, []string{role}, func(r *request.Request) any { return r.TransitiveTagKeys }, []string{"a"}},
		{"policy", policyFile, "", []string{role}, func(r *request.Request) any { return strings.Contains(r.Policy, "s3:GetObject") }, true},
		{"policy-arn", "arn:aws:iam::aws:policy/ReadOnlyAccess", `["arn:aws:iam::aws:policy/ReadOnlyAccess"]`, []string{role}, func(r *request.Request) any { return r.PolicyARNs }, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"allow", "s3:GetObject", `["s3:GetObject"]`, []string{role}, func(r *request.Request) any { return strings.Contains(r.Policy, `"Allow"`) }, true},
		{"deny", "s3:GetObject", `["s3:GetObject"]`, []string{role}, func(r *request.Request) any { return strings.Contains(r.Policy, `"Deny"`) }, true},
		{"resource", "arn:aws:s3:::b/*", `["arn:aws:s3:::b/*"]`, []string{role, "--allow=s3:GetObject"}, func(r *request.Request) any { return strings.Contains(r.Policy, "arn:aws:s3:::b/*") }, true},
		{"read-only", "true", "true", []string{role}, func(r *request.Request) any { return r.PolicyARNs }, []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}},
		{"description", "why", "", []string{"--duration=1m"}, func(r *request.Request) any { return r.Operation + r.Description }, "GetScopedCredentialswhy"},
		{"no-policy", "true", "true", []string{"--federation-name=Bob"}, func(r *request.Request) any { return r.NoPolicy }, true},
		{"web-identity-token-file", "/t", "", []string{role}, func(r *request.Request) any { return r.Operation + r.WebIdentityTokenFile }, "AssumeRoleWithWebIdentity/t"},
		{"web-identity-token-command", "get it", "", []string{role}, func(r *request.Request) any { return r.Operation + r.WebIdentityTokenCommand }, "AssumeRoleWithWebIdentityget it"},
		{"web-identity", "github", "", []string{role}, func(r *request.Request) any { return r.Operation + r.WebIdentityIssuer }, "AssumeRoleWithWebIdentitygithub"},
		{"source-key", "work", "", nil, func(r *request.Request) any {
			return string(r.Source.Kind) + r.Source.AccessKeyID + r.Source.Stored.Name
		}, "keyAKIAIOSFODNN7EXAMPLEwork"},
		{"source-command", "get it", "", nil, func(r *request.Request) any { return string(r.Source.Kind) + r.Source.Command }, "commandget it"},
		{"certificate", "/c", "", without("certificate"), func(r *request.Request) any { return *r.Source.Certificate }, anywhere("")},
		{"private-key", "/k", "", without("private-key"), func(r *request.Request) any { return *r.Source.Certificate }, anywhere("")},
		{"certificate-chain", "/i", "", x509, func(r *request.Request) any { return *r.Source.Certificate }, anywhere("/i")},
		{"trust-anchor-arn", anchorARN, "", without("trust-anchor-arn"), func(r *request.Request) any { return *r.Source.Certificate }, anywhere("")},
		{"anywhere-profile-arn", profileARN, "", without("anywhere-profile-arn"), func(r *request.Request) any { return *r.Source.Certificate }, anywhere("")},
		{"anywhere-role-arn", roleARN, "", without("anywhere-role-arn"), func(r *request.Request) any { return *r.Source.Certificate }, anywhere("")},
		{"saml-assertion-file", "/t", "", []string{role, "--principal-arn=p"}, func(r *request.Request) any { return r.Operation + r.SAMLAssertionFile }, "AssumeRoleWithSAML/t"},
		{"saml-assertion-command", "get it", "", []string{role, "--principal-arn=p"}, func(r *request.Request) any { return r.Operation + r.SAMLAssertionCommand }, "AssumeRoleWithSAMLget it"},
		{"principal-arn", "p", "", []string{role, "--saml-assertion-file=/t"}, func(r *request.Request) any { return r.Operation + r.PrincipalARN }, "AssumeRoleWithSAMLp"},
		{"target-principal", "1", "", []string{"--task-policy-arn=p"}, func(r *request.Request) any { return r.Operation + r.TargetPrincipal }, "AssumeRoot1"},
		{"task-policy-arn", "p", "", []string{"--target-principal=1"}, func(r *request.Request) any { return r.Operation + r.TaskPolicyARN }, "AssumeRootp"},
		{"granted", "g", "", nil, func(r *request.Request) any { return r.Operation + r.Granted }, "g"},
		{"mfa-serial", "s", "", nil, func(r *request.Request) any { return r.SerialNumber }, "s"},
		{"mfa-code", "123456", "-", []string{"--mfa-serial=s"}, func(r *request.Request) any { return r.MFACode }, "123456"},
		{"mfa-process", "oathtool x", "", []string{"--mfa-serial=s"}, func(r *request.Request) any { return r.MFAProcess }, "oathtool x"},
		{"prompt", "never", "", nil, func(r *request.Request) any { return r.Prompt }, "never"},
	}
	tried := map[string]bool{"profile": true}
	for _, tt := range tests {
		tried[tt.flag] = true
		fresh := func() *world {
			return newWorld(t).credentials(baseKeys).set("AWS_PROFILE=base").write(".local/share/sts-helper/keys/work.json", `{"version":1,"name":"work","access_key_id":"AKIAIOSFODNN7EXAMPLE","store":"system"}`)
		}
		check := func(layer string, r *request.Request) {
			t.Helper()
			if got := tt.want(r); !reflect.DeepEqual(got, tt.is) {
				t.Errorf("%s as a %s: got %#v, want %#v", tt.flag, layer, got, tt.is)
			}
		}
		check("flag", fresh().load(append(tt.with, "--"+tt.flag+"="+tt.value)...))
		name := strings.ToUpper(strings.ReplaceAll(tt.flag, "-", "_"))
		check("variable", fresh().set("STS_HELPER_"+name+"="+tt.value).load(tt.with...))
		if tt.toml == "" {
			tt.toml = "'" + tt.value + "'"
		}
		if tt.toml != "-" {
			text := "[profile.x]\n" + strings.ToLower(name) + " = " + tt.toml + "\n"
			check("key", fresh().toml(text).load(append(tt.with, "--profile=x")...))
			check("key of default", fresh().toml(strings.Replace(text, ".x", ".default", 1)).load(tt.with...))
		}
	}
	for _, s := range settings.Settings() {
		if !tried[s.Flag] {
			t.Errorf("--%s is not tried", s.Flag)
		}
	}
}

func TestPrecedence(t *testing.T) {
	w := newWorld(t).credentials(baseKeys).config("[profile base]\nregion = from-aws-file\nmfa_serial = awsserial\n")
	region := func(want string, args ...string) {
		t.Helper()
		if got := w.load(append(args, "--source-profile=base")...).Region; got != want {
			t.Errorf("region %q, want %q", got, want)
		}
	}
	elsewhere := newWorld(t).credentials(baseKeys)
	for _, set := range []string{"AWS_DEFAULT_REGION=aws-default", "AWS_REGION=aws-region"} {
		_, want, _ := strings.Cut(set, "=")
		if got := elsewhere.set(set).load("--source-profile=base").Region; got != want {
			t.Errorf("region %q with %s, where the profile names none", got, set)
		}
	}
	w.set("AWS_DEFAULT_REGION=aws-default", "AWS_REGION=aws-region")
	region("from-aws-file")
	w.toml("[profile.x]\nregion = 'entry'\nmfa_serial = 'entryserial'\n[profile.y]\n")
	region("from-aws-file")
	region("from-aws-file", "--profile=y")
	region("entry", "--profile=x")
	w.set("STS_HELPER_REGION=variable")
	region("variable", "--profile=x")
	region("flag", "--profile=x", "--region=flag")
	region("last", "--region=flag", "--region=last")

	if got := w.load("--source-profile=base", "--profile=x").SerialNumber; got != "entryserial" {
		t.Errorf("serial %q", got)
	}
	if got := w.load("--source-profile=base").SerialNumber; got != "awsserial" {
		t.Errorf("serial %q", got)
	}
	// An empty variable is one that is not set.
	w.set("STS_HELPER_REGION=", "AWS_REGION=", "AWS_DEFAULT_REGION=")
	region("from-aws-file")
	if got := newWorld(t).load().Region; got != "us-east-1" {
		t.Errorf("region %q where no setting names one", got)
	}
}

func TestLists(t *testing.T) {
	role := "--role-arn=arn:x"
	keys := func(w *world, args ...string) []string { return w.load(append(args, role)...).TransitiveTagKeys }
	w := newWorld(t).set("STS_HELPER_TRANSITIVE_TAG=a, b,,c ")
	if got := keys(w); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("commas: %q", got)
	}
	w.set("STS_HELPER_TRANSITIVE_TAG=a,b\n c \n")
	if got := keys(w); !slices.Equal(got, []string{"a,b", "c"}) {
		t.Errorf("lines: %q", got)
	}
	if got := keys(w, "--transitive-tag=x,y", "--transitive-tag=z"); !slices.Equal(got, []string{"x,y", "z"}) {
		t.Errorf("flags: %q", got)
	}
	w.set("STS_HELPER_TRANSITIVE_TAG=").toml("[profile.default]\ntransitive_tag = []\n")
	if got := keys(w); got != nil {
		t.Errorf("empty: %q", got)
	}
	w.toml("[profile.default.tag]\nTeam = 'ops'\n\"a b\" = 'c=d'\n")
	want := []request.Tag{{Key: "Team", Value: "ops"}, {Key: "a b", Value: "c=d"}}
	if got := w.load(role).Tags; !reflect.DeepEqual(got, want) {
		t.Errorf("table: %v", got)
	}
	many := slices.Repeat([]string{"--transitive-tag=a"}, 1000)
	w.load(append(many, role)...)
	w.fail(settings.Usage, []string{"--transitive-tag", "1000"}, append(many, role, "--transitive-tag=a")...)
	w.fail(settings.Usage, []string{"--tag", `"ops"`, "Team=ops"}, role, "--tag=ops")
	w.fail(settings.Usage, []string{"--tag", "twice"}, role, "--tag=a=1", "--tag=A=2")
}

func TestPaths(t *testing.T) {
	w := newWorld(t).toml("[profile.a]\ncache_dir = 'c'\n[profile.b]\ncache_dir = '~/c'\n")
	if got, want := w.load("--profile=a").CacheDir, filepath.Join(w.home, ".config/sts-helper/c"); got != want {
		t.Errorf("relative in the file: %q, want %q", got, want)
	}
	if got, want := w.load("--profile=b").CacheDir, filepath.Join(w.home, "c"); got != want {
		t.Errorf("home: %q, want %q", got, want)
	}
	t.Chdir(w.home)
	if got := w.load("--cache-dir=c").CacheDir; filepath.Base(got) != "c" || !filepath.IsAbs(got) {
		t.Errorf("relative as a flag: %q", got)
	}
}

func TestDurations(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	base := []string{"--source-profile=base"}
	role := append(base, "--role-arn=arn:x")
	federation := append(base, "--federation-name=Bob", "--no-policy")
	root := append(base, "--target-principal=1", "--task-policy-arn=p")
	for _, tt := range []struct {
		args  []string
		value string
		want  time.Duration // -1 for a refusal
	}{
		{base, "900", 15 * time.Minute}, {base, "0", -1}, {base, "36h", 36 * time.Hour}, {base, "129601s", -1},
		{federation, "15m", 15 * time.Minute}, {federation, "0", -1}, {federation, "129600", 36 * time.Hour}, {federation, "37h", -1},
		{role, "15m", 15 * time.Minute}, {role, "0s", -1}, {role, "12h", 12 * time.Hour}, {role, "43201", -1},
		{base, "899", 899 * time.Second}, {federation, "1", time.Second}, {role, "14m", 14 * time.Minute}, // of what is narrowed
		{root, "0", 0}, {root, "15m", 15 * time.Minute}, {root, "901", -1},
		{base, "1h0.5s", -1}, {base, "1.5h", 90 * time.Minute}, {base, "-1h", -1}, {base, "1d", -1}, {base, "abc", -1}, {base, "99999999999999999999", -1},
		{base, "9223372036", -1}, {base, " 1h", -1}, {base, "1h ", -1}, {base, "+1h", time.Hour}, {base, "0x10", -1}, {base, "1e3", -1},
	} {
		args := append(slices.Clone(tt.args), "--duration="+tt.value)
		if tt.want < 0 {
			w.fail(settings.Usage, []string{"--duration"}, args...)
		} else if got := w.load(args...).Duration; got != tt.want {
			t.Errorf("%q: %v, want %v", args, got, tt.want)
		}
	}
	if got := w.load(base...).Duration; got != 0 {
		t.Errorf("unset: %v", got)
	}
	w.set("STS_HELPER_DURATION=37h")
	w.fail(settings.Config, []string{"STS_HELPER_DURATION", "37h", "15m to 36h"}, base...)
	for _, wait := range []string{"0", "1s", "55s"} {
		newWorld(t).load("--wait=" + wait)
	}
	newWorld(t).fail(settings.Usage, []string{"--wait", "55s"}, "--wait=56s")
	newWorld(t).fail(settings.Usage, []string{"--wait"}, "--wait=500ms")
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"12h", "43200", "1h30m", "", "-1", "9223372036854775807", "1.5h", "0", "1ns"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := settings.ParseDuration(s)
		if err != nil {
			return
		}
		if d < 0 || d%time.Second != 0 {
			t.Fatalf("%q gave %v", s, d)
		}
		if again, err := settings.ParseDuration(d.String()); err != nil || again != d {
			t.Fatalf("%q gave %v, which gave %v, %v", s, d, again, err)
		}
	})
}

func TestRefusedValues(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	for _, tt := range []struct {
		want []string
		args []string
	}{
		{[]string{"--region", "empty"}, []string{"--region="}},
		{[]string{"--region", "eu-west-1"}, []string{"--region=eu west"}},
		{[]string{"--region"}, []string{"--region=evil.example/"}},
		{[]string{"--region"}, []string{"--region=-a"}},
		{[]string{"--role-arn", "control"}, []string{"--role-arn=a\x1b[31m"}},
		{[]string{"--role-arn", "control"}, []string{"--role-arn=a\nb"}},
		{[]string{"--source-profile", "control"}, []string{"--source-profile=a\u202eb"}},
		{[]string{"--granted", "control"}, []string{"--granted=a\x00b"}},
		{[]string{"--granted", "UTF-8"}, []string{"--granted=a\xff"}},
		{[]string{"--granted", "4096"}, []string{"--granted=" + strings.Repeat("a", 4097)}},
		{[]string{"--granted", "255"}, []string{"--granted=" + strings.Repeat("a", 256)}},
		{[]string{"--prompt", "auto, tty"}, []string{"--prompt=gui"}},
		{[]string{"--fips", "true"}, []string{"--fips=maybe"}},
		{[]string{"--no-cache", "true"}, []string{"--no-cache=2"}},
		{[]string{"--mfa-code", "six digits"}, []string{"--mfa-code=CANARY"}},
		{[]string{"--mfa-code", "six digits"}, []string{"--mfa-code=1234567"}},
		{[]string{"--nonsense"}, []string{"--nonsense=x"}},
		{[]string{"--allow", "service prefix"}, []string{"--role-arn=arn:x", "--allow=nothing"}},
	} {
		w.fail(settings.Usage, tt.want, tt.args...)
	}
}
