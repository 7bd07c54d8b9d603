package awsconfig_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

func filesOf(config, credentials string) *awsconfig.Files {
	return &awsconfig.Files{
		Config:      awsconfig.File{Path: "/a/config", Data: []byte(config)},
		Credentials: awsconfig.File{Path: "/a/credentials", Data: []byte(credentials)},
	}
}

// Quoted names are read as the AWS CLI reads them, and as the SDK for Go does.
func TestQuotedNames(t *testing.T) {
	for header, name := range map[string]string{
		`[profile "Foo Bar"]`:    "Foo Bar",
		`[profile 'Foo Bar']`:    "Foo Bar",
		`[profile Foo\ Bar]`:     "Foo Bar",
		`[profile Foo" "Bar]`:    "Foo Bar",
		`["profile" dev]`:        "dev",
		`[profile "dev"]`:        "dev",
		`[profile 'dev'] # mine`: "dev",
		"[profile\t\"dev\"]\r":   "dev",
		`[profile "say \"x\""]`:  `say "x"`,
		`[profile "a\b"]`:        `a\b`,
		`[profile 'a\\b']`:       `a\\b`,
		`[profile "CORP\\ana"]`:  `CORP\ana`,
		`[profile CORP\ana]`:     `CORP\ana`, // as it is written, by the SDKs but botocore
		`[profile O'Brien]`:      "O'Brien",  // botocore cannot read it
		`[profile "default"]`:    "default",
	} {
		p := filesOf(header+"\nmfa_serial = m\n", "").Profile(name)
		if p.Value("mfa_serial") != "m" {
			t.Errorf("%s is not read as %q", header, name)
		}
		if _, l := filesOf(header+"\nmfa_serial = m\n", "").Find(name); l != nil {
			t.Errorf("%s is read, and refused for %q: %+v", header, name, l)
		}
	}
	files := filesOf("[sso-session 'My Corp Ltd']\nsso_region = r\n[services \"s t\"]\nsts =\n  endpoint_url = u\n", "")
	if files.Other(awsconfig.SSOSession, "My Corp Ltd").Value("sso_region") != "r" {
		t.Error("a quoted sso-session is not read")
	}
	if files.Other(awsconfig.Services, "s t").Get("sts").Nested("endpoint_url") == nil {
		t.Error("quoted services are not read")
	}
	// Two spellings of one name are one profile, and none of its keys is lost.
	p := filesOf("[profile dev]\nmfa_serial = m\n[profile \"dev\"]\nregion = r\n", "").Profile("dev")
	if p.Value("mfa_serial") != "m" || p.Value("region") != "r" {
		t.Errorf("two spellings: %+v", p)
	}
}

// What looks like the profile and is none for some tool is found, with its line.
func TestLooksLike(t *testing.T) {
	for _, tt := range []struct{ config, credentials, name, where, do string }{
		{"# x\n[dev]\nregion = r\n", "", "dev", "/a/config:2", "[profile dev]"},
		{"[dev]\n", "[dev]\n", "dev", "/a/config:1", "[profile dev]"},
		{"[Foo Bar]\n", "", "Foo Bar", "/a/config:1", `[profile "Foo Bar"]`},
		{"[profile dev\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile dev] mine\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"profile dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[x]\nprofile dev\n", "", "dev", "/a/config:2", "[profile dev]"},
		{"[Profile dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[PROFILE dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profiles dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile: dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile:dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile.dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile=dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile/dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile_dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile-x dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile \"dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile dev']\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile “dev”]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile\u00a0dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile dev\u200b]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[[profile dev]]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"\ufeff[profile dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"\ufeff[default]\n", "", "default", "/a/config:1", "[default]"},
		{"[\"default\"]\n", "", "default", "/a/config:1", "[default]"},
		{"[DEFAULT]\n", "", "default", "/a/config:1", "[default]"},
		{"[DEFAULT]\nmfa_serial = m\n[profile dev]\n", "", "dev", "/a/config:1", "write its keys into the profiles that they are for"},
		{"[DEFAULT]\n[default]\n", "", "default", "/a/config:1", "move what is below it to [default] in line 2, and delete it"},
		{"[profile dev]\n[dev]\n", "", "dev", "/a/config:2", "move what is below it to [profile dev] in line 1, and delete it"},
		{"[dev]\n[profile \"dev\"]\n", "", "dev", "/a/config:1", "move what is below it to [profile dev] in line 2, and delete it"},
		{"", "[x]\n[dev]\n[profile dev]\n", "dev", "/a/credentials:3", "move what is below it to [dev] in line 2, and delete it"},
		{"[profile a # b]\n", "", "a # b", "/a/config:1", "give profile \"a # b\" a name without # and ;"},
		{"[profile dev # x]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profil dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[porfile dev]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"['profile dev']\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile\"dev\"]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[x]\n(profile dev)\n", "", "dev", "/a/config:2", "[profile dev]"},
		{"[profile dev][profile x]\n", "", "dev", "/a/config:1", "[profile dev]"},
		{"[profile [dev]]\n", "", "dev", "/a/config:1", "[profile dev]"},
		// One half of a profile under a name in other letters.
		{"[profile Dev]\nmfa_serial = m\n", "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n", "dev", "/a/config:1", "[profile dev]"},
		{"[profile dev]\nregion = r\n", "[x]\n[DEV]\naws_access_key_id = A\naws_secret_access_key = B\n", "dev", "/a/credentials:2", "[dev]"},
		{"", "[profile dev]\n", "dev", "/a/credentials:1", "[dev]"},
		{"", "[\"dev\"]\n", "dev", "/a/credentials:1", "[dev]"},
		{"", "['dev']\n", "dev", "/a/credentials:1", "[dev]"},
		{"", "[dev\n", "dev", "/a/credentials:1", "[dev]"},
		{"", "\n\n[dev] x\n", "dev", "/a/credentials:3", "[dev]"},
		{"", "\ufeff[dev]\n", "dev", "/a/credentials:1", "[dev]"},
		{"", "\ufeff[default]\n", "default", "/a/credentials:1", "[default]"},
		// The keys of a section that cannot be read would be the ones of the section before.
		{"[profile base]\nregion = r\n[profile dev\nmfa_serial = m\n", "", "base", "/a/config:3", "write it as a section, or put # before it"},
		{"", "[base]\n[dev\naws_access_key_id = A\n", "base", "/a/credentials:2", "write it as a section, or put # before it"},
	} {
		_, l := filesOf(tt.config, tt.credentials).Find(tt.name)
		if tt.do[0] == '[' {
			tt.do = "write " + tt.do
		}
		if l == nil || l.Where != tt.where || l.Do != tt.do || l.What == "" {
			t.Errorf("config %q, credentials %q, %s: %+v", tt.config, tt.credentials, tt.name, l)
		}
	}
	if l := filesOf("[sso session my]\n[sso-session: my]\n", "").OtherLooksLike(awsconfig.SSOSession, "my"); l == nil || l.Where != "/a/config:2" || l.Do != "write [sso-session my]" {
		t.Errorf("sso-session: %+v", l)
	}
}

// What is as it should be, or of another name, is no mistake.
func TestLooksLikeNothing(t *testing.T) {
	for _, tt := range []struct{ config, credentials, name string }{
		{"[profile dev]\n[default]\n[sso-session dev]\n[services dev]\n[plugins]\n", "[dev]\n[default]\n", "dev"},
		{"[profile dev]\n", "", "DEV"},
		{"[profile Dev]\n", "[dev]\n", "dev"},
		// Two profiles of their own, however alike their names are.
		{"[profile Dev]\nrole_arn = r\nsource_profile = dev\n", "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n", "dev"},
		{"[profile Dev]\nregion = r\n", "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n[Dev]\naws_access_key_id = A\naws_secret_access_key = B\n", "dev"},
		{"[profile dev2]\nregion = r\n[profile a#b]\n", "[dev]\naws_access_key_id = A\naws_secret_access_key = B\n", "dev"},
		{"[plugins dev]\n[profile dev#1]\n[profile dev;x]\n", "", "dev"},
		{"[profile dev2]\n[profile devdev]\n[dev2]\n", "[dev2]\n[xdev]\n", "dev"},
		{"[profile \"dev 2\"]\n[profile 'x dev']\n", "", "dev"},
		{"[profile dev] ; dev\n  [profile dev]\n[profile dev]\r\n", "", "dev"},
		{"[profile a]\ncredential_process = [dev]\n  [x\n", "", "a"},
		{"[profile a]\n# [dev]\n; [dev\nregion = [dev\n", "", "dev"},
		{"[profile profile-dev]\n[profile x]\n", "", "dev"},
		{"\ufeff[profile x]\n[profile dev]\n", "", "dev"},
		{"[profile a\\b]\n[profile O'Brien]\n", "", "dev"},
		{"[DEFAULT", "", "dev"},
	} {
		if _, l := filesOf(tt.config, tt.credentials).Find(tt.name); l != nil {
			t.Errorf("config %q, credentials %q, %s: %+v", tt.config, tt.credentials, tt.name, l)
		}
	}
}

// A header that is proposed is one that is read.
func TestHeaderFor(t *testing.T) {
	for _, name := range []string{"dev", "default", "Foo Bar", "O'Brien", `a"b c`, `CORP\ana`, "me@ex.com", "a:b/c", "Zoë", `O'B"x`, `'"\`, "a#b", "a;b", "a]b", " x "} {
		h := awsconfig.HeaderFor("profile", name)
		if p, l := filesOf(h+"\nregion = r\n", "").Find(name); p == nil || p.Value("region") != "r" || l != nil {
			t.Errorf("%s is not read as %q: %+v", h, name, l)
		}
	}
}

// An empty value is none: it neither takes away what the other file has nor makes half a pair.
func TestEmptyValues(t *testing.T) {
	p := filesOf("[profile dev]\nmfa_serial = m\nregion = r\naws_access_key_id = A\naws_secret_access_key = B\n",
		"[dev]\nmfa_serial =\nregion =\naws_access_key_id =\naws_secret_access_key =\n").Profile("dev")
	if p.Value("mfa_serial") != "m" || p.Value("region") != "r" || p.Value("aws_access_key_id") != "A" || p.Partial != nil {
		t.Errorf("%+v", p)
	}
	if p := filesOf("", "[dev]\naws_access_key_id = A\naws_secret_access_key =\n").Profile("dev"); p.Partial == nil || p.HasKeys() {
		t.Errorf("half a pair: %+v", p)
	}
}

// Every key of the credentials file counts, as for all SDKs but Go's.
func TestCredentialsFileComesFirst(t *testing.T) {
	for _, key := range []string{"region", "endpoint_url", "ca_bundle", "services", "mfa_serial", "ignore_configured_endpoint_urls", "aws_account_id"} {
		for _, config := range []string{"[profile dev]\noutput = json\n", "[profile dev]\n" + key + " = a\n"} {
			p := filesOf(config, "[dev]\n"+key+" = b\n").Profile("dev")
			if p.Value(key) != "b" || p.Where(key) != "/a/credentials:2" {
				t.Errorf("%s with %q: %q at %s", key, config, p.Value(key), p.Where(key))
			}
		}
	}
}

func TestProfilesRunning(t *testing.T) {
	files := filesOf("[profile a]\ncredential_process = us\n[profile \"b c\"]\nCredential_Process: us\n[a]\ncredential_process = us\n[profile d]\ncredential_process = other\n[services s]\ncredential_process = us\n",
		"[e]\ncredential_process = us\n[d]\ncredential_process = us\n")
	got := fmt.Sprint(files.ProfilesRunning(func(s string) bool { return s == "us" }))
	if got != "[a b c d e]" {
		t.Error(got)
	}
}

// In a file of 5,000 profiles, too, only what is asked for is looked at closely.
func BenchmarkLooksLike(b *testing.B) {
	var text strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&text, "[profile p%d]\nrole_arn = arn:aws:iam::123456789012:role/p%d\nsource_profile = base\n\n", i, i)
	}
	for b.Loop() {
		if p, l := filesOf(text.String(), "").Find("p4999"); p == nil || l != nil {
			b.Fatal()
		}
	}
}
