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
	for _, header := range []string{`[profile "base"]`, `[profile 'base']`, "[profile  base]", "[profile\tbase]", "[ profile base ]", "[profile base] # mine", "[profile base]   ", "[profile \"base\" ]"} {
		rows = append(rows,
			row{name: header + " without a code", config: header + device, args: "--source-profile base --prompt never", code: harness.ExitInteraction, says: "login"},
			row{name: header, config: header + device, args: "--source-profile base --mfa-code {CODE}", asks: "GetSessionToken", device: "{MFA}", region: "eu-west-1"})
	}
	for _, header := range []string{"[base]", "[Profile base]", "[PROFILE base]", "[profile base", "profile base]", "[profile\u00a0base]", "[profile \"base]", "[profile base']", "[profiles base]", "[profile:base]", "[profile.base]", "[profilebase]"} {
		rows = append(rows, row{name: "refused: " + header, config: header + device, args: "--source-profile base --mfa-code {CODE}", code: harness.ExitConfig, says: ".aws/config:1"})
	}
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
			{name: "UTF-16 config " + tt.what, config: utf16(tt.config, false), credentials: tt.keys, args: tt.args, code: harness.ExitConfig, says: "UTF-16|config"},
		})
	}
	try(t, []row{
		{name: "a mark before another profile's section", credentials: "\xef\xbb\xbf[x]\nregion = a\n" + base, args: "--source-profile base", asks: "GetSessionToken", by: "{ID}"},
		{name: "UTF-16 and a profile that is in neither file", credentials: utf16(keys, false), args: "--source-profile nosuch", code: harness.ExitConfig, says: "UTF-16"},
	})
}
