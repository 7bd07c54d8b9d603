package files_test

import (
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
	for _, serial := range []string{"u2f/user/ana/key-ABC", "u2f/root-account/key-ABC", "fido/ana"} {
		rows = append(rows,
			row{name: "a key that gives no codes: " + serial, config: "[profile base]\nmfa_serial = arn:aws:iam::111122223333:" + serial + "\n", args: "--source-profile base --mfa-code 012345", code: harness.ExitConfig, says: "security key|config:2"},
			row{name: "on the line: " + serial, args: "--source-profile base --mfa-serial arn:aws:iam::111122223333:" + serial, code: harness.ExitUsage, says: "security key"})
	}
	try(t, rows)
	for _, form := range []func(string) string{
		func(c string) string { return c[:3] + " " + c[3:] }, func(c string) string { return " " + c }, func(c string) string { return c + " " },
		func(c string) string { return c + "\r\n" }, func(c string) string { return c[:3] + "\u00a0" + c[3:] },
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
