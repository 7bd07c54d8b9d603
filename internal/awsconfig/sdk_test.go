package awsconfig_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// sdkRead is the SDK's reading of a profile. The SDK's parser panics on a lone quote as a
// value; what we do then is only that we do not.
func sdkRead(configFile, credentialsFile, name string) (cfg config.SharedConfig, panicked bool, err error) {
	defer func() {
		if recover() != nil {
			panicked = true
		}
	}()
	cfg, err = config.LoadSharedConfigProfile(context.Background(), name, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles = []string{configFile}
		o.CredentialsFiles = []string{credentialsFile}
	})
	return cfg, false, err
}

// compare reads a profile with both readers and returns what differs, "" for nothing.
func compare(dir, configText, credentialsText, name string) string {
	configFile, credentialsFile := filepath.Join(dir, "config"), filepath.Join(dir, "credentials")
	if err := errors.Join(os.WriteFile(configFile, []byte(configText), 0o600), os.WriteFile(credentialsFile, []byte(credentialsText), 0o600)); err != nil {
		return err.Error()
	}
	files := &awsconfig.Files{Config: awsconfig.File{Path: configFile, Data: []byte(configText)}, Credentials: awsconfig.File{Path: credentialsFile, Data: []byte(credentialsText)}}
	ours := files.Profile(name)
	if quotedHeader.MatchString(configText) || emptyKey(files.Config, files.Credentials, name) {
		return "" // here we read as botocore does, and an empty value as none
	}
	sdk, panicked, err := sdkRead(configFile, credentialsFile, name)
	if panicked {
		return ""
	}
	var missing config.SharedConfigProfileNotExistError
	if errors.As(err, &missing) && missing.Profile == name {
		if ours != nil {
			return fmt.Sprintf("we see a profile that the SDK does not: %v", ours.Props)
		}
		return ""
	}
	if ours == nil {
		return fmt.Sprintf("the SDK sees a profile that we do not: %+v, %v", sdk, err)
	}
	if partial := err != nil && strings.Contains(err.Error(), "partial credentials found for profile "); partial != (ours.Partial != nil) {
		return fmt.Sprintf("partial: SDK %v, ours %+v", err, ours.Partial)
	}
	if err != nil {
		return "" // the SDK refuses the profile for what it says; there is nothing to compare
	}
	v := map[string]string{}
	for _, p := range ours.Props {
		v[p.Key] = p.Value
	}
	stsEndpoint := ""
	if services := files.Other(awsconfig.Services, ours.Value(awsconfig.KeyServices)); services != nil {
		if p := services.Get("sts").Nested(awsconfig.KeyEndpointURL); p != nil {
			stsEndpoint = p.Value
		}
	}
	diff := ""
	same := func(key, theirs string) {
		if v[key] != theirs {
			diff += fmt.Sprintf("%s: SDK %q, ours %q\n", key, theirs, v[key])
		}
	}
	same("region", sdk.Region)
	same("role_arn", sdk.RoleARN)
	same("external_id", sdk.ExternalID)
	same("mfa_serial", sdk.MFASerial)
	same("role_session_name", sdk.RoleSessionName)
	same("source_profile", sdk.SourceProfileName)
	if len(ours.Files) < 2 { // see merge
		same("endpoint_url", sdk.BaseEndpoint)
		same("services", sdk.ServicesSectionName)
	}
	same("login_session", sdk.LoginSession)
	same("sso_session", sdk.SSOSessionName)
	same("ca_bundle", sdk.CustomCABundle)
	if sdk.SourceProfileName == "" { // the SDK clears these where another profile is the source
		same("credential_source", sdk.CredentialSource)
		if line := v["credential_process"]; len(line) < 2 || line != line[:1]+sdk.CredentialProcess+line[:1] { // see unquote
			same("credential_process", sdk.CredentialProcess)
		}
		same("web_identity_token_file", sdk.WebIdentityTokenFile)
		same("sso_region", sdk.SSORegion)
		same("sso_start_url", sdk.SSOStartURL)
		same("sso_account_id", sdk.SSOAccountID)
		same("sso_role_name", sdk.SSORoleName)
		if v["aws_access_key_id"] != "" && v["aws_secret_access_key"] != "" {
			same("aws_access_key_id", sdk.Credentials.AccessKeyID)
			same("aws_secret_access_key", sdk.Credentials.SecretAccessKey)
			// The SDK leaves the config file's token beside the credentials file's keys, see merge.
			if c := (&awsconfig.Files{Credentials: files.Credentials}).Profile(name); c == nil || c.Partial != nil || !c.HasKeys() {
				same("aws_session_token", sdk.Credentials.SessionToken)
			} else if got := v["aws_session_token"]; got != c.Value("aws_session_token") {
				diff += fmt.Sprintf("aws_session_token: the credentials file's %q, ours %q\n", c.Value("aws_session_token"), got)
			}
		} else if sdk.Credentials.HasKeys() {
			diff += "the SDK has keys\n"
		}
	}
	if got := sdk.Services.ServiceValues["sts"]["endpoint_url"]; got != stsEndpoint {
		diff += fmt.Sprintf("services sts endpoint_url: SDK %q, ours %q\n", got, stsEndpoint)
	}
	fips, has := v["use_fips_endpoint"]
	if want := sdk.UseFIPSEndpoint; has != (want != aws.FIPSEndpointStateUnset) || has && strings.EqualFold(fips, "true") != (want == aws.FIPSEndpointStateEnabled) {
		diff += fmt.Sprintf("use_fips_endpoint: SDK %v, ours %q\n", want, fips)
	}
	return diff
}

// quotedHeader is what botocore reads otherwise than the SDK for Go: quotes, and comment signs within words.
var quotedHeader = regexp.MustCompile(`(?m)^\s*\[.*(["'\\]|[^\s\]][#;])`)

// emptyKey reports whether a key of the profile has an empty value in one of the files.
func emptyKey(config, credentials awsconfig.File, name string) bool {
	for _, files := range []*awsconfig.Files{{Config: config}, {Credentials: credentials}} {
		if p := files.Profile(name); p != nil {
			for _, prop := range p.Props {
				if prop.Value == "" && (prop.Sub == nil || strings.HasPrefix(prop.Key, "aws_")) {
					return true
				}
			}
		}
	}
	return false
}

// oddFiles are the corners of the format, for the profile dev.
var oddFiles = []struct{ name, config, credentials string }{
	{"plain", "[profile dev]\nregion = eu-west-1\n", ""},
	{"unprefixed in config", "[dev]\nregion = eu-west-1\n", ""},
	{"prefixed in credentials", "", "[profile dev]\nregion = eu-west-1\n"},
	{"plain in credentials", "", "[dev]\nregion = eu-west-1\n"},
	{"both, merged", "[profile dev]\nregion = a\nendpoint_url = https://a\n", "[dev]\nregion = b\nendpoint_url = https://b\n"},
	{"keys in both, token in one", "[profile dev]\naws_access_key_id=A\naws_secret_access_key=B\naws_session_token=C\n", "[dev]\naws_access_key_id=D\naws_secret_access_key=E\n"},
	{"half a pair in config, whole in credentials", "[profile dev]\naws_access_key_id=A\n", "[dev]\naws_access_key_id=D\naws_secret_access_key=E\n"},
	{"whole in config, half a pair in credentials", "[profile dev]\naws_access_key_id=A\naws_secret_access_key=B\n", "[dev]\naws_access_key_id=D\n"},
	{"half a pair in each", "[profile dev]\naws_access_key_id=A\n", "[dev]\naws_secret_access_key=E\n"},
	{"empty half", "[profile dev]\naws_access_key_id=\naws_secret_access_key=B\n", ""},
	{"duplicate sections", "[profile dev]\nregion=a\nrole_session_name=x\n[profile b]\nregion=q\n[profile dev]\nregion=c\n", ""},
	{"duplicate keys", "[profile dev]\nregion=a\nregion=b\n", ""},
	{"capitals in keys", "[profile dev]\nREGION = a\nCredential_Process = x\n", ""},
	{"capitals in the name", "[profile DEV]\nregion = a\n", ""},
	{"blanks in the header", " [  profile \t dev  ]  \nregion = a\n", ""},
	{"comment after the header", "[profile dev] # mine\nregion = a\n[profile dev2]; other\nregion=b\n", ""},
	{"comment cuts the header", "[profile dev#x]\nregion = a\n", ""},
	{"quoted name", "[profile \"dev\"]\nregion = a\n", ""},
	{"quoted value", "[profile dev]\nregion = \"a\"\nrole_arn='b'\ncredential_process = \"a b\" c\n", ""},
	{"half quoted value", "[profile dev]\nregion = \"a\nrole_arn=b'\n", ""},
	{"comments in values", "[profile dev]\nregion = a # b\nrole_arn = c#d\nexternal_id = e ;f\nmfa_serial = g;h\nrole_session_name=i\t#j\n", ""},
	{"comment lines", "# x\n[profile dev]\n; region = a\n  # region = b\nregion = c\n", ""},
	{"CRLF", "[profile dev]\r\nregion = a\r\n\r\ncredential_process = b c\r\n", "[dev]\r\naws_access_key_id=A\r\naws_secret_access_key=B\r\n"},
	{"no last line end", "[profile dev]\nregion = a", "[dev]"},
	{"byte order mark", "\ufeff[profile dev]\nregion = a\n", ""},
	{"byte order mark, second section", "\ufeff[profile x]\n[profile dev]\nregion = a\n", ""},
	{"NUL and noise", "\x00\x01[profile dev]\n\xff\xfe\nregion = \x00a\n", ""},
	{"colon", "[profile dev]\nregion: a\nrole_arn: b=c\nexternal_id = d:e\n", ""},
	{"no value", "[profile dev]\nregion\nregion =\nrole_arn\n", ""},
	{"no key", "[profile dev]\n= x\nregion = a\n", ""},
	{"nested", "[profile dev]\ns3 =\n  region = x\n  endpoint_url = y # z\nregion = a\n", ""},
	{"nested under a value", "[profile dev]\nrole_arn = b\n  region = x # y\n  external_id = z\n", ""},
	{"nested at the start", "[profile dev]\n  region = x\n  role_arn = y\n", ""},
	{"nested, then the same key", "[profile dev]\nregion =\n  a = b\nregion = c\n", ""},
	{"continuation", "[profile dev]\ncredential_process = a\n  b c\n\td\nregion = e\n", ""},
	{"continuation of nothing", "[profile dev]\n  b c\nregion =\n  d\n", ""},
	{"continuation with header", "[profile dev]\nrole_arn = a\n  [profile b]\nregion = c\n", ""},
	{"services", "[profile dev]\nservices = svc\n[services svc]\nsts =\n  endpoint_url = http://localhost:1 # c\ns3 =\n  endpoint_url = http://localhost:2\n", ""},
	{"services twice", "[profile dev]\nservices = svc\n[services svc]\nsts =\n  endpoint_url = x\n[services svc]\nsts =\n  other = y\n", ""},
	{"services in both files", "[profile dev]\nservices = svc\n[services svc]\nsts =\n  endpoint_url = x\n", "[services svc]\nsts =\n  endpoint_url = y\n"},
	{"sso", "[profile dev]\nsso_session = s\nsso_account_id = 1\nsso_role_name = r\n[sso-session s]\nsso_region = a\nsso_start_url = b\n", ""},
	{"switches", "[profile dev]\nuse_fips_endpoint = TRUE\nuse_dualstack_endpoint = yes\n", ""},
	{"properties before any section", "region = a\n[profile dev]\nrole_arn = b\n", ""},
	{"empty header", "[profile dev]\nregion = a\n[]\nregion = b\n[ ]\nregion = c\n", ""},
	{"name within other names", "[profile dev1]\nregion = a\n[profile xdev]\nregion = b\n[profile dev dev]\nregion = c\n", ""},
	{"name within values", "[profile a]\nrole_arn = dev\ncredential_process = [profile dev]\n[profile dev]\nregion = b\n", ""},
	{"header with text after it", "[profile dev] x\nregion = a\n", ""},
	{"tabs", "[profile\tdev]\n\tregion = a\nrole_arn\t=\tb\t\n", ""},
	{"other white space", "[profile\u00a0dev]\nregion = a\n\v[profile dev]\f\nregion = \u00a0b\u2003\n", ""},
}

func TestReadsFilesAsTheSDK(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range oddFiles {
		if diff := compare(dir, tt.config, tt.credentials, "dev"); diff != "" {
			t.Errorf("%s:\n%s", tt.name, diff)
		}
	}
}

// TestDefaultProfileAsTheSDK has the two spellings of the one profile that needs no prefix.
func TestDefaultProfileAsTheSDK(t *testing.T) {
	dir := t.TempDir()
	for _, text := range []string{
		"[default]\nregion = a\n",
		"[profile default]\nregion = a\n",
		"[default]\nregion = a\nrole_arn = b\n[profile default]\nregion = c\n",
		"[profile default]\nregion = c\n[default]\nregion = a\nrole_arn = b\n",
		"[DEFAULT]\nregion = a\n",
	} {
		for _, name := range []string{"default", "DEFAULT"} {
			if diff := compare(dir, text, "", name); diff != "" {
				t.Errorf("%s in %q:\n%s", name, text, diff)
			}
		}
	}
}

// TestRandomFilesAsTheSDK puts files together from pieces that mean something.
func TestRandomFilesAsTheSDK(t *testing.T) {
	pieces := []string{"[profile dev]", "[dev]", "[profile b]", "[default]", "[services svc]", "[sso-session s]", "region", "role_arn", "source_profile",
		"credential_process", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "sts", "endpoint_url", "services = svc", "sso_session = s",
		"mfa_serial", " = ", "=", ":", " ", "  ", "\t", "\n", "\n", "\n", "\n  ", "\r\n", "#", " # ", ";", "\"", "'", "dev", "b", "x y", "[", "]", "\ufeff", "\u00a0", "use_fips_endpoint = true"}
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	text := func() string {
		var b strings.Builder
		for range rng.IntN(40) {
			b.WriteString(pieces[rng.IntN(len(pieces))])
		}
		return b.String()
	}
	for range 1500 {
		c, s := "[profile dev]\n"+text(), text()
		if rng.IntN(4) == 0 {
			c = text()
		}
		for _, name := range []string{"dev", "b", "default"} {
			if diff := compare(dir, c, s, name); diff != "" {
				t.Fatalf("config %q\ncredentials %q\nprofile %s: %s", c, s, name, diff)
			}
		}
	}
}

func FuzzSharedFile(f *testing.F) {
	for _, tt := range oddFiles {
		f.Add(tt.config, tt.credentials)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, config, credentials string) {
		// A profile whose name starts with the prefix itself is beyond both.
		if strings.Count(config, "profile")+strings.Count(credentials, "profile") > 2*(strings.Count(config, "[")+strings.Count(credentials, "[")) {
			return
		}
		if diff := compare(dir, config, credentials, "dev"); diff != "" {
			t.Fatalf("config %q\ncredentials %q\n%s", config, credentials, diff)
		}
	})
}
