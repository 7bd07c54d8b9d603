package files_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// MFA is never left out in silence.
func TestDevicesAndCodes(t *testing.T) {
	t.Parallel()
	const keys = "[profile base]\nmfa_serial = {MFA}\n"
	const role = "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = base\n"
	rows := []row{
		{name: "the device of the profile with the keys counts for its roles", config: keys + role, args: "--source-profile r --mfa-code {CODE}", asks: "GetSessionToken AssumeRole", device: "{MFA}", role: "{ROLE}/a"},
		{name: "without a code nothing is sent", config: keys + role, args: "--source-profile r --prompt never", code: harness.ExitInteraction, says: "login"},
		{name: "and for a role given on the line", config: keys, args: "--source-profile base --role-arn {ROLE}/b --mfa-code {CODE}", asks: "GetSessionToken AssumeRole", device: "{MFA}", role: "{ROLE}/b"},
		{name: "through a chain", config: keys + role + "[profile r2]\nrole_arn = {ROLE}/b\nsource_profile = r\n", args: "--source-profile r2 --mfa-code {CODE}", asks: "GetSessionToken AssumeRole AssumeRole", device: "{MFA}", role: "{ROLE}/b"},
		{name: "an empty device of the role is none of its own", config: keys + role + "mfa_serial =\n", args: "--source-profile r --prompt never", code: harness.ExitInteraction},
		{name: "a device in the credentials file", credentials: base + "mfa_serial = {MFA}\n", args: "--source-profile base --prompt never", code: harness.ExitInteraction},
		{name: "a device in quotes", config: "[profile base]\nmfa_serial = \"{MFA}\"\n", args: "--source-profile base --mfa-code {CODE}", asks: "GetSessionToken", device: "{MFA}"},
		{name: "a code without a device", args: "--source-profile base --mfa-code {CODE}", code: harness.ExitUsage, says: "--mfa-code"},
		{name: "a code for a role without a device", config: role, args: "--source-profile r --mfa-code {CODE}", code: harness.ExitUsage, says: "--mfa-code"},
		{name: "a code command without a device", args: "--source-profile base --mfa-process /bin/false", code: harness.ExitUsage, says: "--mfa-process"},
		{name: "a code in a variable without a device", env: []string{"STS_HELPER_MFA_CODE={CODE}"}, args: "--source-profile base", code: harness.ExitConfig, says: "STS_HELPER_MFA_CODE"},
		{name: "a code command of the entry without a device", toml: "[profile.x]\nsource_profile = \"base\"\nmfa_process = \"/bin/false\"\n", args: "--profile x", code: harness.ExitConfig, says: "config.toml:3"},
	}
	for _, serial := range []string{"u2f/user/ana/key-ABC", "u2f/root-account/key-ABC", "fido/ana", "U2F/ana"} {
		config := "[profile base]\nmfa_serial = arn:aws:iam::111122223333:" + serial + "\n"
		rows = append(rows,
			row{name: "of the keys behind a role: " + serial, config: config + role, args: "--source-profile r --prompt never", code: harness.ExitConfig, says: "security key|config:2"},
			row{name: "of the role: " + serial, config: role + "mfa_serial = arn:aws:iam::111122223333:" + serial + "\n", args: "--source-profile r --mfa-code 012345", code: harness.ExitConfig, says: "security key|config:4"},
			row{name: "through a chain: " + serial, config: config + role + "[profile r2]\nrole_arn = {ROLE}/b\nsource_profile = r\n", args: "--source-profile r2", code: harness.ExitConfig, says: "security key|config:2"},
			row{name: "in a variable: " + serial, env: []string{"STS_HELPER_MFA_SERIAL=arn:aws:iam::111122223333:" + serial}, args: "--source-profile base", code: harness.ExitConfig, says: "security key|STS_HELPER_MFA_SERIAL"},
			row{name: "of an entry: " + serial, toml: "[profile.x]\nsource_profile = \"base\"\nmfa_serial = \"arn:aws:iam::111122223333:" + serial + "\"\n", args: "--profile x", code: harness.ExitConfig, says: "security key|config.toml:3"},
			row{name: "with a command for codes: " + serial, config: config, args: "--source-profile base --mfa-process /bin/false", code: harness.ExitConfig, says: "security key"},
			row{name: "a key that gives no codes: " + serial, config: "[profile base]\nmfa_serial = arn:aws:iam::111122223333:" + serial + "\n", args: "--source-profile base --mfa-code 012345", code: harness.ExitConfig, says: "security key|config:2"},
			row{name: "on the line: " + serial, args: "--source-profile base --mfa-serial arn:aws:iam::111122223333:" + serial, code: harness.ExitUsage, says: "security key"})
	}
	for _, command := range []string{"exec", "env", "login"} {
		args := map[string]string{"exec": "exec --source-profile base -- true", "env": "env --source-profile base", "login": "login --source-profile base"}[command]
		rows = append(rows, row{name: command + " asks for the device, too", config: keys, args: args + " --prompt never", code: harness.ExitInteraction, says: "login"})
		if command == "exec" {
			rows[len(rows)-1].args = "exec --source-profile base --prompt never -- true"
		}
	}
	rows = append(rows,
		row{name: "the role's device and the keys', each its own", config: keys + role + "mfa_serial = arn:aws:iam::111122223333:mfa/other\n", args: "--source-profile r --prompt never", code: harness.ExitInteraction},
		row{name: "keys of the environment have no device", config: "[profile r]\nrole_arn = {ROLE}/a\ncredential_source = Environment\n", env: []string{"AWS_ACCESS_KEY_ID={BOB}", "AWS_SECRET_ACCESS_KEY={BOBSECRET}"}, args: "--source-profile r --mfa-code {CODE}", code: harness.ExitUsage, says: "--mfa-code"},
		row{name: "a code with letters", args: "--source-profile base --mfa-serial {MFA} --mfa-code 01234x", code: harness.ExitUsage, says: "--mfa-code"},
		row{name: "a code of five digits", args: "--source-profile base --mfa-serial {MFA} --mfa-code 01234", code: harness.ExitUsage, says: "--mfa-code"})
	try(t, rows)
	for _, form := range []func(string) string{
		func(c string) string { return c[:3] + " " + c[3:] }, func(c string) string { return " " + c }, func(c string) string { return c + " " },
		func(c string) string { return c + "\r\n" }, func(c string) string { return c[:3] + "\u00a0" + c[3:] },
		func(c string) string { return c[:3] + "\u202f" + c[3:] + "\t" }, func(c string) string { return "\n\v" + c[:2] + " " + c[2:4] + " " + c[4:] + "\f" },
	} {
		for _, variable := range []bool{false, true} {
			w := newWorld(t)
			code := form(w.device.Code(w.STS.Now()))
			args := []string{"--source-profile", "base", "--mfa-serial", w.device.SerialNumber}
			if variable {
				w.Env["STS_HELPER_MFA_CODE"] = code
			} else {
				args = append(args, "--mfa-code", code)
			}
			if w.Creds(t, w.Run(t, args...)); w.STS.RejectedCodes() > 0 {
				t.Errorf("%q was refused", code)
			}
		}
	}
}

// Keys beside a role, profiles that are their own source, chains through such profiles.
func TestKeysBesideRoles(t *testing.T) {
	t.Parallel()
	const own = "role_arn = {ROLE}/a\nsource_profile = base\n"
	const bobs = "aws_access_key_id = {BOB}\naws_secret_access_key = {BOBSECRET}\n"
	try(t, []row{
		{name: "its own source, keys in the other file", config: "[profile base]\nregion = eu-west-1\n" + own, args: "--source-profile base", asks: "AssumeRole", by: "{ID}", role: "{ROLE}/a", region: "eu-west-1"},
		{name: "its own source, keys beside it", config: "[profile r]\nrole_arn = {ROLE}/b\nsource_profile = r\n" + bobs, args: "--source-profile r", asks: "AssumeRole", by: "{BOB}", role: "{ROLE}/b"},
		{name: "the default profile", credentials: "[default]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\nrole_arn = {ROLE}/b\nsource_profile = default\n", asks: "AssumeRole", by: "{ID}", role: "{ROLE}/b"},
		{name: "keys beside a role of another source", config: "[profile r]\n" + own + bobs, args: "--source-profile r", asks: "AssumeRole", by: "{ID}", role: "{ROLE}/a"},
		{name: "its own source without keys", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = r\n", args: "--source-profile r", code: harness.ExitConfig, says: "config"},
		{name: "two that name each other", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = s\n[profile s]\nrole_arn = {ROLE}/b\nsource_profile = r\n", args: "--source-profile r", code: harness.ExitConfig, says: "config"},
		{name: "a role through a profile that has keys and a role", config: "[profile dev]\nrole_arn = {ROLE}/b\nsource_profile = mid\n[profile mid]\nsource_profile = base\nrole_arn = {ROLE}/a\n" + bobs, args: "--source-profile dev", asks: "AssumeRole AssumeRole", role: "{ROLE}/b"},
		{name: "a role with a path", args: "--source-profile base --role-arn {ROLE}/p1/p2/name", asks: "AssumeRole", role: "{ROLE}/p1/p2/name"},
		{name: "keys of the environment for a named profile", config: "[profile m]\nregion = eu-west-1\ncredential_source = Environment\nrole_arn = {ROLE}/a\n", env: []string{"AWS_ACCESS_KEY_ID={BOB}", "AWS_SECRET_ACCESS_KEY={BOBSECRET}"}, args: "--source-profile m", asks: "AssumeRole", by: "{BOB}"},
		{name: "a credential_source that there is not", config: "[profile m]\ncredential_source = environment\nrole_arn = {ROLE}/a\n", args: "--source-profile m", code: harness.ExitConfig, says: "EcsContainer"},
		{name: "a role through a profile that is its own source", config: "[profile dev]\nrole_arn = {ROLE}/b\nsource_profile = mid\n[profile mid]\nsource_profile = mid\nrole_arn = {ROLE}/a\n" + bobs, args: "--source-profile dev", asks: "AssumeRole AssumeRole", role: "{ROLE}/b"},
		{name: "three in a circle", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = s\n[profile s]\nrole_arn = {ROLE}/b\nsource_profile = q\n[profile q]\nrole_arn = {ROLE}/a\nsource_profile = r\n", args: "--source-profile r", code: harness.ExitConfig, says: "\"r\" -> \"s\" -> \"q\" -> \"r\""},
		{name: "a source without a role, and keys", config: "[profile r]\nsource_profile = base\n" + bobs, args: "--source-profile r", code: harness.ExitConfig, says: "config:2|source_profile without role_arn"},
		{name: "a command and a role", config: "[profile r]\n" + own + "credential_process = /bin/false\n", args: "--source-profile r", code: harness.ExitConfig, says: "source_profile and credential_process"},
		{name: "half a pair beside a whole one in the other file", config: "[profile base]\naws_access_key_id = {BOB}\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "a token of the other file's keys", config: "[profile base]\naws_access_key_id = {BOB}\naws_secret_access_key = {BOBSECRET}\naws_session_token = CANARYother\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "a token in the other file than the keys", config: "[profile base]\n" + bobs, credentials: "[base]\naws_session_token = CANARYother\naws_security_token = CANARYother\n", args: "--source-profile base", asks: "GetSessionToken", by: "{BOB}"},
		{name: "an old name for a token, left behind beside a user's key", credentials: base + "aws_security_token = CANARYold\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "the same in a variable", credentials: "[x]\n", env: []string{"AWS_ACCESS_KEY_ID={BOB}", "AWS_SECRET_ACCESS_KEY={BOBSECRET}", "AWS_SECURITY_TOKEN=CANARYold"}, asks: "GetSessionToken", by: "{BOB}"},
		{name: "a credential_source and a source", config: "[profile m]\ncredential_source = Environment\nsource_profile = base\nrole_arn = {ROLE}/a\n", args: "--source-profile m", code: harness.ExitConfig},
	})
}

// An empty value is no value, in every place.
func TestEmptyValues(t *testing.T) {
	t.Parallel()
	const key = "aws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n"
	try(t, []row{
		{name: "region, and AWS_REGION", config: "[profile base]\nregion =\n", env: []string{"AWS_REGION=eu-north-1"}, args: "--source-profile base", asks: "GetSessionToken", region: "eu-north-1"},
		{name: "region of the credentials file, and one in the config", credentials: base + "region =\n", config: "[profile base]\nregion = ap-south-1\n", args: "--source-profile base", asks: "GetSessionToken", region: "ap-south-1"},
		{name: "region in the credentials file", credentials: base + "region = eu-central-1\n", args: "--source-profile base", asks: "GetSessionToken", region: "eu-central-1"},
		{name: "AWS_REGION=", env: []string{"AWS_REGION="}, config: "[profile base]\nregion = eu-west-2\n", args: "--source-profile base", asks: "GetSessionToken", region: "eu-west-2"},
		{name: "session token in the file", credentials: base + "aws_session_token =\naws_security_token =\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "session token in a variable", credentials: "[x]\n", env: []string{"AWS_ACCESS_KEY_ID={ID}", "AWS_SECRET_ACCESS_KEY={SECRET}", "AWS_SESSION_TOKEN="}, asks: "GetSessionToken", by: "{ID}"},
		{name: "role_arn", config: "[profile base]\nrole_arn =\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "mfa_serial", config: "[profile base]\nmfa_serial =\n", args: "--source-profile base", asks: "GetSessionToken", device: "-"},
		{name: "credential_process", config: "[profile base]\ncredential_process =\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "sso_session", config: "[profile base]\nsso_session =\n", args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "endpoint_url", config: "[profile base]\nendpoint_url =\n", args: "--source-profile base", asks: "GetSessionToken"},
		{name: "ca_bundle", config: "[profile base]\nca_bundle =\n", args: "--source-profile base", asks: "GetSessionToken"},
		{name: "a key id without its secret", credentials: "[base]\naws_access_key_id = {ID}\naws_secret_access_key =\n", args: "--source-profile base", code: harness.ExitConfig},
		{name: "an empty profile name", env: []string{"AWS_PROFILE="}, credentials: "[default]\n" + key, asks: "GetSessionToken", by: "{ID}"},
	})
}

// Nor is it for any key that counts, in either file, of the profile of the keys or of a role; nor in any
// variable.
func TestEveryEmptyValue(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "aws-files.md"))
	harness.Must(t, err)
	_, table, _ := strings.Cut(string(doc), "Those that count here")
	table, _, _ = strings.Cut(table, "Those that are left")
	var rows []row
	for line := range strings.Lines(table) {
		cell, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		for i, key := range strings.Split(cell, "`") {
			if i%2 == 0 || strings.HasPrefix(key, "AWS_") {
				continue
			}
			line := key + " =\n"
			rows = append(rows, row{name: key, config: "[profile base]\n" + line, args: "--source-profile base", asks: "GetSessionToken", by: "{ID}", region: "us-east-1", device: "-"})
			switch key {
			case "role_arn", "source_profile":
			default:
				rows = append(rows, row{name: key + " of a role", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = base\n" + line, args: "--source-profile r", asks: "AssumeRole", by: "{ID}", role: "{ROLE}/a", region: "us-east-1"})
			}
			if key != "aws_access_key_id" && key != "aws_secret_access_key" {
				rows = append(rows, row{name: key + ", credentials", credentials: base + line, args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"})
			}
		}
	}
	if len(rows) < 60 {
		t.Fatalf("%d rows", len(rows))
	}
	var empty []string
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
		"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
		"STS_HELPER_PROFILE", "STS_HELPER_REGION", "STS_HELPER_MFA_CODE", "STS_HELPER_MFA_SERIAL", "STS_HELPER_ROLE_ARN", "STS_HELPER_DURATION", "STS_HELPER_CREDENTIALS_FILE"} {
		empty = append(empty, name+"=")
		rows = append(rows, row{name: name + "=", env: []string{name + "="}, credentials: strings.Replace(base, "base", "default", 1), asks: "GetSessionToken", by: "{ID}", region: "us-east-1"})
	}
	try(t, append(rows, row{name: "all variables", env: empty, credentials: strings.Replace(base, "base", "default", 1), asks: "GetSessionToken", by: "{ID}"}))
}

// Temporary keys whose token has its older name sign with it, as in botocore.
func TestOlderNameOfTheToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	harness.Must(t, w.Write(".aws/credentials", w.fill(base)))
	d := w.Creds(t, w.Run(t, "--source-profile", "base"))
	role := []string{"--role-arn", "arn:aws:iam::" + harness.Account + ":role/a"}
	harness.Must(t, w.Write(".aws/credentials", "[temp]\naws_access_key_id = "+d.AccessKeyId+"\naws_secret_access_key = "+d.SecretAccessKey+"\naws_security_token = "+d.SessionToken+"\n"))
	w.Creds(t, w.Run(t, append(role, "--source-profile", "temp")...))
	// The name that SDKs write comes first.
	harness.Must(t, w.Write(".aws/credentials", w.Read(t, ".aws/credentials")+"aws_session_token = CANARYwrong\n"))
	if r := w.Run(t, append(role, "--source-profile", "temp", "--duration", "15m")...); r.Code == 0 || !strings.Contains(r.Stderr, "InvalidClientTokenId") {
		t.Errorf("exit %d: %s", r.Code, r.Stderr)
	}
	harness.Must(t, w.Write(".aws/credentials", ""))
	w.Env["AWS_ACCESS_KEY_ID"], w.Env["AWS_SECRET_ACCESS_KEY"], w.Env["AWS_SECURITY_TOKEN"] = d.AccessKeyId, d.SecretAccessKey, d.SessionToken
	w.Creds(t, w.Run(t, role...))
	for _, q := range w.STS.Requests()[1:] {
		if q.AccessKeyID != d.AccessKeyId {
			t.Errorf("signed by %s", q.AccessKeyID)
		}
	}
}
