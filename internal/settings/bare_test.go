package settings_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// What "credential_process = sts-helper" and nothing more means.
func TestBareLine(t *testing.T) {
	const (
		line  = "credential_process = sts-helper\n"
		keys  = "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = CANARY\n" + baseKeys
		entry = "\nsource_profile = 'base'\n"
	)
	one, two := "[profile dev]\n"+line, "[profile dev]\n"+line+"[profile prod]\n"+line
	for _, tt := range []struct {
		name, config, credentials, toml string
		vars                            []string
		want                            string // name and access key
	}{
		{"no entries: the default profile's keys", one, keys, "", nil, "default AKIADEFAULT"},
		{"AWS_PROFILE is the section's", one, keys, "", []string{"AWS_PROFILE=dev"}, "default AKIADEFAULT"},
		{"AWS_PROFILE is another's", one, keys, "", []string{"AWS_PROFILE=base"}, "default AKIADEFAULT"},
		{"before the environment's", one, keys, "", envKeys, "default AKIADEFAULT"},
		{"else the environment's", one, baseKeys, "", append([]string{"AWS_PROFILE=dev"}, envKeys...), "default AKIAENV"},
		{"several, no entries", two, keys, "", []string{"AWS_PROFILE=prod"}, "default AKIADEFAULT"},
		{"entries of other names", two, keys, "[profile.other]" + entry, []string{"AWS_PROFILE=dev"}, "default AKIADEFAULT"},
		{"the entry default", two, keys, "[profile.default]" + entry, []string{"AWS_PROFILE=dev"}, "default AKIABASE"},
		{"one section with an entry", one, keys, "[profile.dev]" + entry, nil, "dev AKIABASE"},
		{"and AWS_PROFILE another's", one, keys, "[profile.dev]" + entry, []string{"AWS_PROFILE=base"}, "dev AKIABASE"},
		{"and keys in the environment", one, keys, "[profile.dev]" + entry, envKeys, "dev AKIABASE"},
		{"the section is default", "[default]\n" + line, baseKeys, "[profile.default]" + entry, nil, "default AKIABASE"},
		{"default has keys and the line", "[default]\n" + line, keys, "", nil, "default AKIADEFAULT"},
		{"default has the line, the environment keys", "[default]\n" + line, "", "", envKeys, "default AKIAENV"},
		{"quoted name", "[profile \"my dev\"]\n" + line, keys, "[profile.\"my dev\"]" + entry, nil, "my dev AKIABASE"},
		{"in the credentials file", "", "[dev]\n" + line + keys, "[profile.dev]" + entry, nil, "dev AKIABASE"},
		{"with the command's word", "[profile dev]\ncredential_process = /usr/bin/sts-helper process\n", keys, "[profile.dev]" + entry, nil, "dev AKIABASE"},
		{"all words quoted", "[profile dev]\ncredential_process = \"/opt/my tools/sts-helper\" \"process\"\n", keys, "[profile.dev]" + entry, nil, "dev AKIABASE"},
		{"the source named by a variable", one, keys, "", []string{"STS_HELPER_SOURCE_PROFILE=base"}, "base AKIABASE"},
		{"the entry named by a variable", one, keys, "[profile.x]" + entry, []string{"STS_HELPER_PROFILE=x"}, "x AKIABASE"},
		{"no section has the line: AWS_PROFILE counts", "[profile dev]\ncredential_process = other\n", keys, "", []string{"AWS_PROFILE=base"}, "base AKIABASE"},
	} {
		r := newWorld(t).config(tt.config).credentials(tt.credentials).toml(tt.toml).set(tt.vars...).load()
		if got := r.Name + " " + r.Source.AccessKeyID; got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	for _, tt := range []struct {
		name, config, toml string
		vars               []string
		want               []string
	}{
		{"several, one with an entry", two, "[profile.dev]" + entry, nil, []string{"~/.aws/config:2", "in [profile dev] credential_process = sts-helper --profile dev", "in [profile prod] credential_process = sts-helper --profile prod"}},
		{"whatever AWS_PROFILE says", two, "[profile.dev]" + entry, []string{"AWS_PROFILE=dev"}, []string{"--profile dev"}},
		{"names with blanks", "[profile \"my dev\"]\n" + line + "[profile prod]\n" + line, "[profile.prod]" + entry, nil, []string{`[profile "my dev"]`, "--profile 'my dev'"}},
		{"no keys anywhere", one, "", []string{"AWS_PROFILE=dev"}, []string{"~/.aws/config:2", "credential_process = sts-helper --source-profile NAME"}},
	} {
		newWorld(t).config(tt.config).toml(tt.toml).set(tt.vars...).fail(settings.Config, tt.want)
		if t.Failed() {
			t.Fatal(tt.name)
		}
	}
	// The same of lines that say more, but not whose credentials are meant.
	w := newWorld(t).config("[profile dev]\ncredential_process = sts-helper --duration 1h\n[profile prod]\ncredential_process = sts-helper --duration 2h\n").
		credentials(keys).toml("[profile.dev]" + entry + "[profile.prod]\nsource_profile = 'default'\n")
	if r := w.load("--duration=1h"); r.Name != "dev" || r.Source.AccessKeyID != "AKIABASE" {
		t.Errorf("%+v", r)
	}
	if r := w.load("--duration=2h"); r.Name != "prod" || r.Source.AccessKeyID != "AKIADEFAULT" {
		t.Errorf("%+v", r)
	}
}

// --profile is an entry of config.toml, else an AWS profile, everywhere.
func TestProfileNamesBoth(t *testing.T) {
	w := newWorld(t).credentials(baseKeys + "[both]\naws_access_key_id = AKIABOTH\naws_secret_access_key = CANARY\n").
		config("[profile role]\nrole_arn = arn:r\nsource_profile = base\n[profile ours]\ncredential_process = sts-helper --source-profile base --duration 1h\n" +
			"[profile byentry]\ncredential_process = sts-helper --profile both\n[profile self]\ncredential_process = sts-helper --profile self\n" +
			"[profile cross]\ncredential_process = sts-helper --profile ours\n[dev]\nmfa_serial = m\n").
		toml("[profile.both]\nsource_profile = 'base'\nduration = '2h'\n")
	for name, want := range map[string]string{"both": "both AKIABASE 2h0m0s", "base": "base AKIABASE 0s", "ours": "base AKIABASE 1h0m0s", "byentry": "both AKIABASE 2h0m0s"} {
		r := w.load("--profile=" + name)
		if got := r.Name + " " + r.Source.AccessKeyID + " " + r.Duration.String(); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		again, err := settings.LoadNamed(name, nil, w.env())
		if err != nil || again.Name != r.Name || again.Source.AccessKeyID != r.Source.AccessKeyID || again.Duration != r.Duration {
			t.Errorf("%s as an argument: %+v, %v", name, again, err)
		}
	}
	if r := w.load("--profile=role"); r.RoleARN != "arn:r" || r.Name != "role" {
		t.Errorf("%+v", r)
	}
	if r := w.load("--profile=ours", "--duration=3h"); r.Duration.Hours() != 3 {
		t.Errorf("a flag does not win: %v", r.Duration)
	}
	if r := w.set("STS_HELPER_PROFILE=base").load(); r.Source.AccessKeyID != "AKIABASE" {
		t.Errorf("%+v", r)
	}
	delete(w.vars, "STS_HELPER_PROFILE")
	w.fail(settings.Usage, []string{"--profile", "[profile.bot]", `did you mean "both"?`}, "--profile=bot")
	w.fail(settings.Usage, []string{"--profile", `did you mean "role"?`}, "--profile=rolle")
	w.fail(settings.Usage, []string{"--profile", "--source-profile"}, "--profile=base", "--source-profile=role")
	w.fail(settings.Config, []string{`"self"`, "[profile.self]", "source_profile"}, "--profile=self")
	w.fail(settings.Usage, []string{`"ours"`}, "--profile=cross")
	w.fail(settings.Config, []string{"config:", "[profile dev]"}, "--profile=dev")
	if strings.Contains(w.home, "CANARY") {
		t.Fatal()
	}
}
