package settings_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

func namedWorld(t *testing.T) *world {
	w := newWorld(t)
	w.credentials(baseKeys)
	w.config("[profile dev]\ncredential_process = sts-helper process --source-profile base --duration 2h -v\nregion = eu-west-1\n" +
		"[profile broken]\ncredential_process = sts-helper --source-profile base --secret=CANARY\n" +
		"[profile half]\ncredential_process = sts-helper --duration\n" +
		"[profile other]\ncredential_process = other-program\n")
	return w.toml("[profile.both]\nsource_profile = \"base\"\nduration = \"3h\"\n[profile.dev2]\nsource_profile = \"base\"\n")
}

// A name is an entry of config.toml, else an AWS profile: as it runs this program, or as the
// source. Flags win over what a name says.
func TestLoadNamed(t *testing.T) {
	w := namedWorld(t)
	for _, tc := range []struct {
		name  string
		flags []string
		want  string // name, source profile, seconds asked for
	}{
		{"both", nil, "both base 3h0m0s"},
		{"dev2", nil, "dev2 base 0s"},
		{"dev", nil, "base base 2h0m0s"},
		{"dev", []string{"--duration=1h"}, "base base 1h0m0s"},
		{"base", nil, "base base 0s"},
		{"", []string{"--source-profile=base"}, "base base 0s"},
	} {
		r, err := settings.LoadNamed(tc.name, flags(tc.flags...), w.env())
		if err != nil {
			t.Errorf("%q %q: %v", tc.name, tc.flags, err)
			continue
		}
		if got := r.Name + " " + r.Source.Profile + " " + r.Duration.String(); got != tc.want {
			t.Errorf("%q %q: %s, want %s", tc.name, tc.flags, got, tc.want)
		}
	}
	given := flags("--duration=1h")
	if _, err := settings.LoadNamed("both", given, w.env()); err != nil || len(given) != 1 {
		t.Errorf("the flags were changed: %v, %v", given, err)
	}
}

// A name that leads nowhere is refused without a flag that the user did not give.
func TestLoadNamedRefuses(t *testing.T) {
	w := namedWorld(t)
	for name, want := range map[string]string{
		"bot":    "both",
		"broken": `"--secret" is not a setting; give its settings as flags`,
		"half":   "--duration has no value",
	} {
		_, err := settings.LoadNamed(name, nil, w.env())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "--profile") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKnownNames(t *testing.T) {
	got, err := settings.KnownNames(namedWorld(t).env())
	if want := []string{"both", "dev2", "broken", "dev", "half"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, want %q; %v", got, want, err)
	}
}

// The login command that is shown asks for the same request, and holds no code.
func TestLoginCommand(t *testing.T) {
	w := namedWorld(t)
	for _, tc := range []struct{ name, flags, want string }{
		{"both", "", "sts-helper login both"},
		{"", "--source-profile=base", "sts-helper login --source-profile base"},
		{"", "--profile=both --duration=1h", "sts-helper login both --duration 1h --force"},
		{"dev", "--duration=1h --mfa-serial=s --mfa-code=123456 --prompt=tty --wait=5s --verbose --no-cache", "sts-helper login dev --duration 1h --mfa-serial s --force"},
		{"", "--source-profile=base --fips", "sts-helper login --source-profile base --fips=true"},
	} {
		given := flags(strings.Fields(tc.flags)...)
		r, err := settings.LoadNamed(tc.name, given, w.env())
		if err != nil {
			t.Errorf("%+v: %v", tc, err)
			continue
		}
		line := settings.LoginCommand(tc.name, given, r)
		if line != tc.want {
			t.Errorf("%+v: %s", tc, line)
		}
		if tc.name == "" {
			again, err := settings.ParseFlags(strings.Fields(line)[2:])
			if err == nil && !maps.EqualFunc(again, given, slices.Equal[[]string]) {
				t.Errorf("%s asks for %v", line, again)
			}
		}
	}
	if r := w.set("AWS_PROFILE=base").load(); settings.LoginCommand("", nil, r) != "sts-helper login base" {
		t.Error(settings.LoginCommand("", nil, r))
	}
}
