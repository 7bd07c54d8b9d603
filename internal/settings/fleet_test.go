package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// What the fleet's file says holds until a user says otherwise.
func TestFleetDefaults(t *testing.T) {
	newFleet := func() *world {
		return newWorld(t).credentials(baseKeys+"[temporary]\naws_access_key_id = ASIAX\naws_secret_access_key = CANARY1\naws_session_token = CANARY2\n").
			config("[profile role]\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r\n[profile chained]\nsource_profile = role\nrole_arn = arn:aws:iam::111122223333:role/c\n").
			machine("[defaults]\nregion = \"eu-west-1\"\nduration = \"10h\"\nmfa_serial = \"auto\"\nprompt = \"tty\"\nmfa_process = \"code\"\nrole_session_name = \"us\"\nsession_duration = \"2h\"\n"+
				"[profile.prod]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::111122223333:role/prod\"\nduration = \"1h\"\npolicy = \"p.json\"\n").
			write("etc/p.json", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	}
	w := newFleet()
	r := w.load("--source-profile=base")
	if r.Region != "eu-west-1" || r.Duration != 10*time.Hour || r.SerialNumber != "auto" || r.Prompt != "tty" || r.MFAProcess != "code" || r.HandOut {
		t.Errorf("a session: %+v", r)
	}
	if r = w.load("--source-profile=base", "--duration=1h", "--mfa-serial=GAHT12345678"); r.Duration != time.Hour || r.SerialNumber != "GAHT12345678" {
		t.Errorf("flags lose: %+v", r)
	}
	if r = newFleet().set("STS_HELPER_REGION=us-west-2").load("--source-profile=base"); r.Region != "us-west-2" {
		t.Errorf("a variable loses: %+v", r)
	}
	// An entry of the fleet's is there for all, and the user's of that name changes what it names.
	if r = w.load("--profile=prod"); r.Name != "prod" || r.RoleARN != "arn:aws:iam::111122223333:role/prod" || r.Duration != time.Hour || r.Policy == "" || r.Base == nil || r.Base.SerialNumber != "auto" || r.Base.Duration != 2*time.Hour || r.RoleSessionName != "us" {
		t.Errorf("an entry: %+v, %+v", r, r.Base)
	}
	w.toml("[profile.prod]\nduration = \"30m\"\n[profile.mine]\nsource_profile = \"base\"\n")
	if r = w.load("--profile=prod"); r.RoleARN != "arn:aws:iam::111122223333:role/prod" || r.Duration != 30*time.Minute {
		t.Errorf("the user's entry: %+v", r)
	}
	if names, err := settings.Names(w.env()); err != nil || len(names) != 2 || names[0] != "mine" || names[1] != "prod" {
		t.Errorf("names: %q, %v", names, err)
	}
	// What does not go with what is asked for is left out.
	if r = w.load("--source-profile=temporary"); !r.HandOut || r.SerialNumber != "" {
		t.Errorf("temporary credentials: %+v", r)
	}
	if r = w.load("--source-profile=role"); r.Duration != 10*time.Hour && r.Duration != 0 || r.Base == nil || r.Base.SerialNumber != "auto" {
		t.Errorf("a role: %+v, %+v", r, r.Base)
	}
	if r = w.load("--source-profile=chained"); r.Duration > time.Hour {
		t.Errorf("a chained role: %+v", r)
	}
	if r = w.load("--source-profile=base", "--federation-name=who", "--no-policy"); r.SerialNumber != "" || r.Duration != 10*time.Hour {
		t.Errorf("federation: %+v", r)
	}
	w.set("AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARYenv")
	if r = w.load(); r.SerialNumber != "auto" {
		t.Errorf("keys in variables: %+v", r)
	}
}

// The policy holds whatever layer says otherwise, and the error names its line.
func TestFleetPolicy(t *testing.T) {
	const machine = "[policy]\nmax_duration = \"8h\"\nmax_session_duration = \"4h\"\n"
	roles := "[profile long]\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r\nduration_seconds = 36000\n[profile short]\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r\nmfa_serial = GAHT12345678\n"
	w := newWorld(t).credentials(baseKeys).config(roles).machine(machine)
	at := func(line string) string { return "~/etc/config.toml:" + line + ": this machine's policy: " }
	w.fail(settings.Config, []string{at("2"), "max_duration is 8h, and 12h is asked for by --duration"}, "--source-profile=base", "--duration=12h")
	w.fail(settings.Config, []string{at("2"), "10h is asked for by duration_seconds of AWS profile \"long\""}, "--source-profile=long")
	w.fail(settings.Config, []string{at("3"), "max_session_duration is 4h, and 5h is asked for by --session-duration"}, "--source-profile=short", "--session-duration=5h")
	w.set("STS_HELPER_DURATION=9h").fail(settings.Config, []string{at("2"), "9h is asked for by STS_HELPER_DURATION"}, "--source-profile=base")
	w.set("STS_HELPER_DURATION=").toml("[profile.x]\nsource_profile = \"base\"\nduration = \"36h\"\n").
		fail(settings.Config, []string{at("2"), "36h is asked for by duration (~/.config/sts-helper/config.toml:3)"}, "--profile=x")
	if r := w.load("--source-profile=base"); r.Duration != 8*time.Hour || r.MaxLife.Life != 8*time.Hour {
		t.Errorf("STS's own 12h: %+v", r)
	}
	if r := w.load("--source-profile=short"); r.Duration != 0 || r.Base.Duration != 4*time.Hour {
		t.Errorf("the session behind: %+v, %+v", r, r.Base)
	}

	w.machine("[policy]\nallowed_sources = [\"sso\", \"process\", \"web-identity\"]\n").
		fail(settings.Config, []string{at("2"), "allowed_sources has only sso, process, web-identity, and the source is static (AWS profile \"base\")"}, "--source-profile=base")
	w.fail(settings.Config, []string{"the source is static"}, "--source-profile=short")
	w.fail(settings.Config, []string{"the source is command"}, "--source-command=x")
	w.fail(settings.Config, []string{"the source is granted"}, "--granted=x")
	w.load("--role-arn=arn:aws:iam::111122223333:role/r", "--web-identity-token-file=x")
	w.set("AWS_ACCESS_KEY_ID=AKIAENV", "AWS_SECRET_ACCESS_KEY=CANARYenv").fail(settings.Config, []string{"the source is environment"})
	w.set("AWS_ACCESS_KEY_ID=").machine("[policy]\nallowed_sources = []\n").fail(settings.Config, []string{"allowed_sources has no source at all"}, "--source-profile=base")

	w.machine("[policy]\nrequire_mfa = true\n").fail(settings.Config, []string{at("2"), "no MFA device is named for the long-term key AKIABASE"}, "--source-profile=base")
	w.fail(settings.Config, []string{"no MFA device"}, "--source-profile=base", "--role-arn=arn:aws:iam::111122223333:role/r")
	w.fail(settings.Config, []string{"GetFederationToken takes no MFA code"}, "--source-profile=base", "--federation-name=who", "--no-policy")
	w.load("--source-profile=base", "--mfa-serial=auto")
	w.load("--source-profile=short")
	if r := w.load("--source-command=x"); r.NoLongTermKey == "" {
		t.Error("a command may print a long-term key")
	}
	w.credentials("[base]\naws_access_key_id = ASIAX\naws_secret_access_key = CANARY1\naws_session_token = CANARY2\n").load("--source-profile=base")

	if err := settings.MayGrantPlain(w.env()); err != nil {
		t.Error(err)
	}
	w.machine("[policy]\ngrant_plain = false\n")
	if err := settings.MayGrantPlain(w.env()); err == nil {
		t.Error("grant --plain is allowed")
	}
}

// Mistakes in the file are found whole, and no user can have a policy of their own, or another file.
func TestFleetFile(t *testing.T) {
	w := newWorld(t).credentials(baseKeys)
	for content, want := range map[string]string{
		"[policy]\nmax_duratoin = 1":                           `config.toml:2: unknown key "max_duratoin" in [policy]; did you mean "max_duration"`,
		"[policy]\nmax_duration = \"1m\"":                      "1m is too short",
		"[policy]\nmax_duration = \"1h\"\nmax_duration = 3600": "was given before, in line 2",
		"[policy]\nallowed_sources = [\"ssso\"]":               `"ssso" is no kind of source; did you mean "sso"`,
		"[policy]\nrequire_mfa = \"yes\"":                      "require_mfa is a string; it must be true or false",
		"[policy.x]\n":                                         "[policy] has no sections of its own",
		"[defaults]\nrole_arn = \"x\"":                         "does not belong into [defaults]",
		"[defaults]\nregoin = \"x\"":                           `unknown key "regoin"`,
		"[defaults]\nregion = \"a\"\nregion = \"b\"":           "was given before, in line 2",
		"policy = 1":                   `key "policy" is outside of any section`,
		"policy = { grant_plain = 1 }": "grant_plain is a number",
		"[polcy]\n":                    "unknown section [polcy]",
	} {
		w.machine(content).fail(settings.Config, []string{"~/etc/config.toml:", want}, "--source-profile=base")
	}
	w.machine("[policy]\nrequire_mfa = true\n").set("XDG_CONFIG_DIRS="+w.home, "STS_HELPER_CONFIG="+os.DevNull, "XDG_CONFIG_HOME="+w.home).
		fail(settings.Config, []string{"require_mfa"}, "--source-profile=base")
	w.fleet = ""
	w.vars = map[string]string{}
	w.toml("[policy]\nmax_duration = \"36h\"\n").fail(settings.Config, []string{"section [policy] is for a whole machine"}, "--source-profile=base")
	w.toml("[defaults]\nregion = \"x\"\n").fail(settings.Config, []string{"section [defaults] is for a whole machine"}, "--source-profile=base")

	w.toml("").machine("").fleet = filepath.Join(w.home, "etc", "none")
	w.load("--source-profile=base")
	w.fleet = filepath.Join(w.home, "etc")
	w.fail(settings.Config, []string{"cannot read this machine's settings"}, "--source-profile=base")
	w.machine("")
	if err := os.Chmod(w.fleet, 0o666); err != nil {
		t.Fatal(err)
	}
	w.fail(settings.Config, []string{"cannot be this machine's settings: others may write to it"}, "--source-profile=base")
}

// A narrowed session lives no longer than the policy allows, whatever it is made from; the session with MFA behind it
// is that of every role, and one code serves for both.
func TestFleetNarrows(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld).machine("[policy]\nmax_duration = \"1h\"\nmax_session_duration = \"12h\"\n")
	for _, args := range []string{"--source-profile=sso --allow=s3:*", "--source-profile=temp --read-only", "--source-profile=vault --allow=s3:*", "--source-profile=base --allow=s3:*",
		"--source-profile=base --allow=s3:* --session-duration=12h", "--source-profile=sso --read-only --allow=s3:*", "--source-profile=base --allow=s3:* --duration=1h"} {
		if r := w.load(strings.Fields(args)...); !r.Scoped() || r.Duration != time.Hour || r.MaxLife.Life != time.Hour {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if r := w.load("--source-profile=sso", "--duration=30s"); r.Duration != 30*time.Second {
		t.Errorf("a shorter one: %+v", r)
	}
	narrowed, role := w.load("--source-profile=base", "--allow=s3:*"), w.load("--source-profile=admin", "--duration=1h")
	if keyOf(narrowed.Base) != keyOf(role.Base) || narrowed.Base.SerialNumber == "" {
		t.Errorf("two sessions with MFA: %+v, %+v", narrowed.Base, role.Base)
	}
	w.fail(settings.Config, []string{"max_duration is 1h, and 2h is asked for by --duration"}, "--source-profile=sso", "--allow=s3:*", "--duration=2h")
	w.fail(settings.Config, []string{"max_session_duration is 12h, and 13h is asked for by --session-duration"}, "--source-profile=base", "--allow=s3:*", "--session-duration=13h")
}

// What agents get at most is no life that is asked for: the policy's limit is below it, and not against it.
func TestFleetLimitsAgents(t *testing.T) {
	w := newWorld(t).credentials(narrowKeys).config(narrowWorld).machine("[policy]\nmax_duration = \"8h\"\n[agent]\nduration = \"10h\"\n").set("CLAUDECODE=1")
	for _, args := range []string{"--source-profile=plainkeys", "--source-profile=sso", "--source-profile=plainkeys --duration=12h", "--source-profile=plainkeys --federation-name=who --no-policy"} {
		if r := w.load(strings.Fields(args)...); r.Duration != 8*time.Hour || r.Agent == "" {
			t.Errorf("%s: %+v", args, r)
		}
	}
	if r := w.load("--source-profile=plainkeys", "--duration=2h"); r.Duration != 2*time.Hour {
		t.Errorf("a shorter one: %+v", r)
	}
}
