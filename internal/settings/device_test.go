package settings_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

const ana = "arn:aws:iam::123456789012:mfa/ana"

// device is the serial number somewhere in a request's chain, "" for none.
func device(r *request.Request) string {
	for ; r != nil; r = r.Base {
		if r.SerialNumber != "" {
			return r.SerialNumber
		}
	}
	return ""
}

// The device of the profile with the keys counts for every role that is made with them.
func TestDeviceOfTheSourceProfile(t *testing.T) {
	const keys = "aws_access_key_id = AKIAX\naws_secret_access_key = CANARY\n"
	for _, tt := range []struct{ name, config, profile, want string }{
		{"a role", "[profile base]\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = base\n", "r", ana},
		{"a role of a role", "[profile base]\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = base\n[profile r2]\nrole_arn = r2\nsource_profile = r\n", "r2", ana},
		{"the role's own comes first", "[profile base]\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = base\nmfa_serial = other\n", "r", "other"},
		{"an empty one of the role is none", "[profile base]\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = base\nmfa_serial =\n", "r", ana},
		{"its own source", "[profile r]\nrole_arn = r\nsource_profile = r\nmfa_serial = " + ana + "\n" + keys, "r", ana},
		{"through a profile that has keys and a role", "[profile base]\nrole_arn = b\nsource_profile = base\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = base\n", "r", ana},
		{"quoted", "[profile \"my base\"]\nmfa_serial = " + ana + "\n" + keys + "[profile r]\nrole_arn = r\nsource_profile = my base\n", "r", ana},
		{"a command with a user's keys", "[profile base]\nmfa_serial = " + ana + "\ncredential_process = vault\n[profile r]\nrole_arn = r\nsource_profile = base\n", "r", ana},
		{"temporary keys have shown theirs", "[profile base]\nmfa_serial = " + ana + "\n" + keys + "aws_session_token = CANARY\n[profile r]\nrole_arn = r\nsource_profile = base\n", "r", ""},
		{"Identity Center has its own", "[profile base]\nmfa_serial = " + ana + "\nsso_start_url = u\nsso_region = r\nsso_account_id = 1\nsso_role_name = x\n[profile r]\nrole_arn = r\nsource_profile = base\n", "r", ""},
	} {
		r := newWorld(t).config(tt.config).load("--source-profile=" + tt.profile)
		if got := device(r); got != tt.want {
			t.Errorf("%s: device %q, want %q", tt.name, got, tt.want)
		}
	}
}

// A code, or a command for one, is never left out in silence.
func TestCodeWithoutDevice(t *testing.T) {
	plain := newWorld(t).credentials(baseKeys).config("[profile base]\n[profile r]\nrole_arn = arn:r\nsource_profile = base\n")
	for _, args := range [][]string{
		{"--source-profile=base"},
		{"--source-profile=r"},
		{"--source-profile=base", "--role-arn=arn:x"},
		{"--source-profile=base", "--federation-name=bob", "--no-policy"},
		{"--source-profile=base", "--target-principal=1", "--task-policy-arn=p"},
		{"--role-arn=arn:x", "--web-identity-token-file=/t"},
	} {
		plain.fail(settings.Usage, []string{"--mfa-code"}, append(args, "--mfa-code=123456")...)
		plain.fail(settings.Usage, []string{"--mfa-process"}, append(args, "--mfa-process=oathtool")...)
		plain.load(args...)
	}
	for _, variable := range []string{"STS_HELPER_MFA_CODE=123456", "STS_HELPER_MFA_PROCESS=oathtool"} {
		w := newWorld(t).credentials(baseKeys).set(variable)
		name := variable[:len(variable)-len(variable[len("STS_HELPER_MFA_"):])]
		w.fail(settings.Config, []string{name, "mfa_serial"}, "--source-profile=base")
		w.fail(settings.Config, []string{name}, "--source-profile=base", "--role-arn=arn:x")
		w.load("--source-profile=base", "--federation-name=bob", "--no-policy") // takes none, and the variable may be for others
		w.load("--source-profile=base", "--mfa-serial="+ana)
	}
	newWorld(t).credentials(baseKeys).toml("[profile.x]\nsource_profile = 'base'\nmfa_process = 'oathtool'\n").
		fail(settings.Config, []string{"mfa_process", "config.toml:3"}, "--profile=x")
}

// A code is taken in every form that the prompt takes.
func TestFormsOfACode(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	for _, code := range []string{"012345", "012 345", " 012345", "012345 ", "01 23 45", "012345\n", "012345\r\n", "012\u00a0345", "012\u202f345", "\t012345"} {
		if got := w.load("--source-profile=base", "--mfa-serial=s", "--mfa-code="+code).MFACode; got != "012345" {
			t.Errorf("%q is %q", code, got)
		}
		if got := newWorld(t).credentials(baseKeys).set("STS_HELPER_MFA_CODE="+code).load("--source-profile=base", "--mfa-serial=s").MFACode; got != "012345" {
			t.Errorf("variable %q is %q", code, got)
		}
	}
	for _, code := range []string{"", " ", "01234", "0123456", "012-345", "12345a", "٠١٢٣٤٥", "012345;"} {
		w.fail(settings.Usage, []string{"--mfa-code"}, "--source-profile=base", "--mfa-serial=s", "--mfa-code="+code)
	}
}

// A security key is refused before anything is asked, whatever names it.
func TestSecurityKeys(t *testing.T) {
	for _, serial := range []string{
		"arn:aws:iam::123456789012:u2f/user/ana/key-ABC", "arn:aws:iam::123456789012:u2f/root-account/key-ABC",
		"arn:aws-us-gov:iam::123456789012:u2f/user/ana/key", "arn:aws:iam::123456789012:fido/ana", "arn:aws:iam::123456789012:U2F/user/ana/key",
	} {
		want := []string{"security key", "FIDO"}
		newWorld(t).credentials(baseKeys).fail(settings.Usage, append(want, "--mfa-serial"), "--source-profile=base", "--mfa-serial="+serial, "--mfa-code=012345")
		newWorld(t).credentials(baseKeys).config("[profile base]\nmfa_serial = "+serial+"\n").fail(settings.Config, append(want, "config:2"), "--source-profile=base")
		newWorld(t).credentials(baseKeys).config("[profile base]\nmfa_serial = "+serial+"\n[profile r]\nrole_arn = r\nsource_profile = base\n").fail(settings.Config, append(want, "config:2"), "--source-profile=r")
		newWorld(t).credentials(baseKeys).config("[profile r]\nrole_arn = r\nmfa_serial = "+serial+"\nsource_profile = base\n").fail(settings.Config, append(want, "config:3"), "--source-profile=r")
		newWorld(t).credentials(baseKeys).toml("[profile.x]\nsource_profile = 'base'\nmfa_serial = '"+serial+"'\n").fail(settings.Config, append(want, "config.toml:3"), "--profile=x")
	}
	// A name with the letters in it is none.
	newWorld(t).credentials(baseKeys).load("--source-profile=base", "--mfa-serial=arn:aws:iam::123456789012:mfa/u2f-of-ana")
}
