package files_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

const device = "\nmfa_serial = {MFA}\nregion = eu-west-1\n"

// A section that AWS CLI reads counts, whatever its name is quoted with; what looks like the profile
// and cannot be read as written is refused with its line. The device and the region of a profile are
// never lost in silence.
func TestSectionsThatCannotBeOverlooked(t *testing.T) {
	t.Parallel()
	rows := []row{}
	for _, header := range []string{`[profile "base"]`, `[profile 'base']`, "[profile  base]", "[profile\tbase]", "[ profile base ]", "[profile base] # mine", "[profile base]   ", "[profile \"base\" ]",
		"[profile\t\"base\"]", "[profile\t'base'\t]", `[profile "base"] # mine`, `[profile 'base'] ; mine`, `[profile "base"]#mine`, `[profile "ba"se]`, `["profile" "base"]`, "\t[profile base]", "[profile base]\r"} {
		rows = append(rows,
			row{name: header + " without a code", config: header + device, args: "--source-profile base --prompt never", code: harness.ExitInteraction, says: "login"},
			row{name: header, config: header + device, args: "--source-profile base --mfa-code {CODE}", asks: "GetSessionToken", device: "{MFA}", region: "eu-west-1"})
	}
	for _, header := range []string{"[base]", "[Profile base]", "[PROFILE base]", "[profile base", "profile base]", "[profile\u00a0base]", "[profile \"base]", "[profile base']", "[profiles base]", "[profile:base]", "[profile.base]", "[profilebase]",
		"[[profile base]]", "[profile [base]]", "[profile base][profile x]", "[profile base] [x]", "[profile base]x", "[profile base # x]", `[profile"base"]`, "['profile base']", "[profil base]", "[porfile base]", "(profile base)", "{profile base}",
		"[profile: base]", "[profile=base]", "[profile/base]", "[profile_base]", "[profile “base”]", "[profile base\u200b]", "[DEFAULT]", "[profile Base]", "[profile BASE]"} {
		rows = append(rows, row{name: "refused: " + header, config: header + device, args: "--source-profile base --mfa-code {CODE}", code: harness.ExitConfig, says: ".aws/config:1"})
	}
	for _, header := range []string{`["base"]`, "['base']", "[profile base]", `[profile "base"]`, "[Profile base]", "[[base]]", "[base", "[base] x", "[base]x", `["profile base"]`, "[profile.base]", "[Base]", "\ufeff[base]", "[“base”]", "[base\u200b]"} {
		keys := strings.Replace(base, "[base]", header, 1)
		rows = append(rows,
			row{name: "refused, credentials: " + header, config: "[profile base]\nregion = eu-west-1\n", credentials: keys, args: "--source-profile base", code: harness.ExitConfig, says: "credentials:1"},
			row{name: "refused, credentials, behind another: " + header, config: "[profile base]\nregion = eu-west-1\n", credentials: "[x]\nregion = a\n" + keys, args: "--source-profile base", code: harness.ExitConfig, says: "credentials:3"})
	}
	for _, header := range []string{"[ base ]", "[base] # mine", "[base]\t; mine", "[base]\r", "\t[base]"} {
		rows = append(rows, row{name: "credentials: " + header, credentials: strings.Replace(base, "[base]", header, 1), args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"})
	}
	// Sections of other kinds, which a profile names.
	for _, header := range []string{"[SSO-session my]", "[sso-session my", "[sso-session: my]", "[[sso-session my]]", "[sso-session \"my]", "[ssosession my]", "[sso_session my]"} {
		rows = append(rows, row{name: "refused: " + header, config: "[profile s]\nsso_session = my\nsso_account_id = 111122223333\nsso_role_name = Dev\n" + header + "\nsso_start_url = https://d-1.awsapps.com/start\nsso_region = eu-west-1\n", args: "--source-profile s", code: harness.ExitConfig, says: ".aws/config:5"})
	}
	for _, header := range []string{"[Services s]", "[services s", "[service s]", "[[services s]]"} {
		rows = append(rows, row{name: "refused: " + header, real: true, config: "[profile base]\nservices = s\n" + header + "\nsts =\n  endpoint_url = {STS}\n", args: "--source-profile base", code: harness.ExitConfig, says: ".aws/config:3"})
	}
	const role = "role_arn = {ROLE}/a\nsource_profile = base\n"
	rows = append(rows,
		row{name: "two profiles whose names differ in case alone", config: "[profile Base]\n" + role, args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		row{name: "and the other", config: "[profile Base]\n" + role, args: "--source-profile Base", asks: "AssumeRole", role: "{ROLE}/a"},
		row{name: "a sign of a comment in a name", config: "[profile a#b]\n" + role, args: "--source-profile a#b", asks: "AssumeRole", role: "{ROLE}/a"},
		row{name: "a bracket in a name", config: "[profile a]b]\n" + role, args: "--source-profile a]b", asks: "AssumeRole", role: "{ROLE}/a"},
		row{name: "quotes in quotes", config: "[profile \"say \\\"x\\\"\"]\n" + role, args: "--source-profile say~\"x\"", asks: "AssumeRole", role: "{ROLE}/a"},
		row{name: "a quoted source", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = my base\n[profile \"my base\"]\naws_access_key_id = {BOB}\naws_secret_access_key = {BOBSECRET}\n", args: "--source-profile r", asks: "AssumeRole", by: "{BOB}"},
		row{name: "a source that cannot be read as written", config: "[profile r]\nrole_arn = {ROLE}/a\nsource_profile = base\n[Profile base]" + device, args: "--source-profile r --mfa-code {CODE}", code: harness.ExitConfig, says: ".aws/config:4"},
		row{name: "AWS_PROFILE, too", config: "[base]" + device, env: []string{"AWS_PROFILE=base"}, code: harness.ExitConfig, says: ".aws/config:1"},
		row{name: "the default profile, too", config: "[\"default\"]" + device, credentials: strings.Replace(base, "base", "default", 1), code: harness.ExitConfig, says: ".aws/config:1"},
		row{name: "of two sections only the second is unreadable", config: "[profile base]\nregion = eu-west-1\n[profile x]\nregion = eu-west-3\n[base]" + device, args: "--source-profile base", code: harness.ExitConfig, says: ".aws/config:5"},
		row{name: "a comment is no section", config: "# [profile base]\n; [base]\n#[base\n", args: "--source-profile base", asks: "GetSessionToken", device: "-"},
	)
	rows = append(rows,
		row{name: "a blank in the name", credentials: strings.Replace(base, "base", "Foo Bar", 1), config: "[profile 'Foo Bar']" + device, args: "--source-profile Foo~Bar --mfa-code {CODE}", asks: "GetSessionToken", device: "{MFA}"},
		row{name: "a blank, in double quotes", credentials: strings.Replace(base, "base", "Foo Bar", 1), config: "[profile \"Foo Bar\"]" + device, args: "--source-profile Foo~Bar --prompt never", code: harness.ExitInteraction, says: "login"},
		row{name: "a section of another name beside it", config: "[profile base]" + device + "[profile base2]\nregion = eu-west-3\n", args: "--source-profile base --mfa-code {CODE}", asks: "GetSessionToken", region: "eu-west-1", device: "{MFA}"},
		row{name: "two sections of one name are one, the later key counts", config: "[profile app]\nregion = eu-west-3\n[profile app]\nrole_arn = {ROLE}/app\nsource_profile = base\nregion = us-west-2\nregion=us-west-1\n", args: "--source-profile app", asks: "AssumeRole", region: "us-west-1", role: "{ROLE}/app"},
		row{name: "comments", config: "# top\n; also\n[profile app] # x\n# between\nregion = eu-west-3  # optional\n; role_arn = {ROLE}/b\nrole_arn = {ROLE}/app ; prod\nsource_profile = base\t# keys\n", args: "--source-profile app", asks: "AssumeRole", region: "eu-west-3", role: "{ROLE}/app", by: "{ID}"},
		row{name: "indented keys", config: "[profile app]\n    role_arn = {ROLE}/app\n    source_profile = base\n    region = eu-west-3\n", args: "--source-profile app", asks: "AssumeRole", region: "eu-west-3", role: "{ROLE}/app"},
		row{name: "CR LF", config: "[profile app]\r\nrole_arn={ROLE}/app\r\nsource_profile=base\r\nregion=eu-west-3\r\n", credentials: strings.ReplaceAll(base, "\n", "\r\n"), args: "--source-profile app", asks: "AssumeRole", region: "eu-west-3", by: "{ID}"},
		row{name: "no line end at the end", config: "[profile app]\nrole_arn = {ROLE}/app\nsource_profile = base", credentials: strings.TrimSpace(base), args: "--source-profile app", asks: "AssumeRole", role: "{ROLE}/app"},
	)
	for _, name := range []string{"Audit/AWSPower", "me@ex.com", "a.b", "Zoë", "My~Account:ReadOnly", "arn:aws:sts::1234:assumed-role/My-Role/s", "a-b", "a_b", "1", "base:2", "日本", "x+y=z"} {
		shown := strings.ReplaceAll(name, "~", " ")
		rows = append(rows, row{name: "profile " + shown, config: "[profile " + shown + "]\naws_access_key_id = {BOB}\naws_secret_access_key = {BOBSECRET}\n", args: "--source-profile " + name, asks: "GetSessionToken", by: "{BOB}"})
	}
	try(t, rows)
}

// A file that is not UTF-8 is named for what it is, in either file, for every profile.
func TestEncodingsAreNamed(t *testing.T) {
	t.Parallel()
	utf16 := func(text string, big bool) string {
		var b strings.Builder
		if big {
			b.WriteString("\xfe\xff")
		} else {
			b.WriteString("\xff\xfe")
		}
		for _, c := range []byte(text) {
			if big {
				b.Write([]byte{0, c})
			} else {
				b.Write([]byte{c, 0})
			}
		}
		return b.String()
	}
	const keys = "[base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARYx\n"
	const config = "[profile base]\nregion = eu-west-1\n"
	for _, tt := range []struct{ what, args, keys, config string }{
		{"of a profile", "--source-profile base", keys, config},
		{"of the default profile", "", strings.Replace(keys, "base", "default", 1), "[default]\nregion = eu-west-1\n"},
	} {
		try(t, []row{
			{name: "mark, credentials " + tt.what, credentials: "\xef\xbb\xbf" + tt.keys, args: tt.args, code: harness.ExitConfig, says: "byte order mark|credentials:1"},
			{name: "mark, config " + tt.what, config: "\xef\xbb\xbf" + tt.config, credentials: tt.keys, args: tt.args, code: harness.ExitConfig, says: "byte order mark|config:1"},
			{name: "UTF-16 credentials " + tt.what, credentials: utf16(tt.keys, false), args: tt.args, code: harness.ExitConfig, says: "UTF-16|credentials"},
			{name: "UTF-16 big-endian credentials " + tt.what, credentials: utf16(tt.keys, true), args: tt.args, code: harness.ExitConfig, says: "UTF-16|credentials"},
			{name: "UTF-16 big-endian config " + tt.what, config: utf16(tt.config, true), credentials: tt.keys, args: tt.args, code: harness.ExitConfig, says: "UTF-16|config"},
			{name: "UTF-16 without a mark, credentials " + tt.what, credentials: utf16(tt.keys, false)[2:], args: tt.args, code: harness.ExitConfig, says: "UTF-16|credentials"},
			{name: "UTF-16 big-endian without a mark, config " + tt.what, config: utf16(tt.config, true)[2:], credentials: tt.keys, args: tt.args, code: harness.ExitConfig, says: "UTF-16|config"},
			{name: "UTF-32 credentials " + tt.what, credentials: "\xff\xfe\x00\x00[\x00\x00\x00", args: tt.args, code: harness.ExitConfig, says: "credentials"},
			{name: "UTF-16 config " + tt.what, config: utf16(tt.config, false), credentials: tt.keys, args: tt.args, code: harness.ExitConfig, says: "UTF-16|config"},
		})
	}
	try(t, []row{
		{name: "a mark before another profile's section", credentials: "\xef\xbb\xbf[x]\nregion = a\n" + base, args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "our own file in UTF-16", toml: utf16("[profile.x]\nsource_profile = \"base\"\n", false), args: "--profile x", code: harness.ExitConfig, says: "config.toml|UTF-16"},
		{name: "our own file in UTF-16 without a mark", toml: utf16("[profile.x]\nsource_profile = \"base\"\n", true)[2:], args: "--profile x", code: harness.ExitConfig, says: "config.toml|UTF-16"},
		{name: "our own file behind a mark", toml: "\ufeff[profile.x]\nsource_profile = \"base\"\n", args: "--profile x", asks: "GetSessionToken", by: "{ID}"},
		{name: "a mark that hides the device", config: "\ufeff[profile base]" + device, args: "--source-profile base", code: harness.ExitConfig, says: "byte order mark|config:1"},
		{name: "UTF-16 and a profile that is in neither file", credentials: utf16(keys, false), args: "--source-profile nosuch", code: harness.ExitConfig, says: "UTF-16"},
	})
}
