package settings_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

const tomlName = "~/.config/sts-helper/config.toml"

func TestConfigFileErrors(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"mistyped key", "[profile.a]\n\ndurration = '1h'\n", []string{tomlName + ":3:", `"durration"`, `"duration"`}},
		{"key of another kind of file", "[profile.a]\nregoin='x'\n", []string{":2:", `"region"`}},
		{"nothing near", "[profile.a]\nxyzzy = 1\n", []string{":2:", `"xyzzy"`}},
		{"in another entry than the one used", "[profile.default]\n[profile.z]\nfoo = 1\n", []string{":3:", `"foo"`}},
		{"plural", "[profile.a]\ntags = ['a=b']\n", []string{":2:", `"tags"`, `"tag"`}},
		{"dashes", "[profile.a]\nsource-profile = 'b'\n", []string{":2:", `"source_profile"`}},
		{"unknown section", "[profiles.a]\n", []string{":1:", "[profiles.a]", "[profile.NAME]"}},
		{"deeper section", "[profile.a.b]\n", []string{":1:", "[profile.a.b]"}},
		{"bare key", "region = 'x'\n", []string{":1:", `"region"`, "[profile.NAME]"}},
		{"unknown bare key", "x = 'x'\n", []string{":1:", `"x"`}},
		{"array of sections", "[[profile.a]]\n", []string{":1:", "[profile.NAME]"}},
		{"profile as a value", "profile = 'x'\n", []string{":1:"}},
		{"entry as a value", "[profile]\na = 'x'\n", []string{":2:"}},
		{"no TOML", "[profile.a]\nregion = \n", []string{":2:", "TOML"}},
		{"no TOML further on", "[profile.a]\nregion = 'a'\n\n!\n", []string{":4:", "TOML"}},
		{"wrong type", "[profile.a]\nregion = 5\n", []string{":2:", "region is a number", "string"}},
		{"wrong type of switch", "[profile.a]\nno_cache = 'true'\n", []string{":2:", "no_cache is a string", "without quotes"}},
		{"wrong type of duration", "[profile.a]\nduration = 1.5\n", []string{":2:", "duration is a number", "12h"}},
		{"wrong type of list", "[profile.a]\nallow = true\n", []string{":2:", "allow is a boolean", "array"}},
		{"wrong type in list", "[profile.a]\nallow = ['a:b', 5]\n", []string{":2:", "allow has a number"}},
		{"table", "[profile.a]\nregion = {a = 1}\n", []string{":2:", "region is a table"}},
		{"date", "[profile.a]\nregion = 2026-01-01\n", []string{":2:", "date"}},
		{"wrong type of tag", "[profile.a]\ntag = {a = 1}\n", []string{":2:", `"a"`, "number"}},
		{"tag twice", "[profile.a]\ntag = {a = 'b', a = 'c'}\n", []string{":2:", `"a"`, "twice"}},
		{"huge number", "[profile.a]\nduration = 99999999999999999999\n", []string{":2:", "range"}},
		{"negative number", "[profile.a]\nduration = -5\n", []string{":2:", "range"}},
		{"key twice", "[profile.a]\nregion = 'a'\nregion = 'b'\n", []string{":3:", "line 2"}},
		{"section twice", "[profile.a]\n[profile.b]\n[profile.a]\n", []string{":3:", "[profile.a]", "twice"}},
		{"code", "[profile.a]\nmfa_code = 'CANARY'\n", []string{":2:", "--mfa-code"}},
		{"keys", "[profile.a]\naws_secret_access_key = 'CANARY'\n", []string{":2:", "source_profile"}},
		{"profile key", "[profile.a]\nprofile = 'b'\n", []string{":2:", `"profile"`}},
		{"escape in name", "[profile.\"\\u001b\"]\n", []string{":1:"}},
		{"empty name", "[profile.\"\"]\n", []string{":1:"}},
		{"empty value", "[profile.default]\nregion = ''\n", []string{"region (" + tomlName + ":2)", "empty"}},
		{"bad value", "[profile.default]\n\nduration = '1x'\n", []string{"duration (" + tomlName + ":3)", `"1x"`}},
		{"CRLF", "[profile.a]\r\n\r\nfoo = 1\r\n", []string{":3:", `"foo"`}},
	} {
		w := newWorld(t).toml(tt.text)
		t.Log(tt.name)
		w.fail(settings.Config, tt.want)
	}
}

func TestConfigFileForms(t *testing.T) {
	for _, text := range []string{
		"[profile.x]\nregion = 'r'\n",
		"[profile.\"x\"]\nregion = \"r\"\n",
		"[profile]\nx = {region = 'r'}\n",
		"[profile]\nx.region = 'r'\n",
		"profile.x.region = 'r'\n",
		"profile = {x = {region = 'r'}}\n",
		"\ufeff[profile.x] # c\r\n# c\r\n  region = '''r'''\r\n",
		"[profile.y]\nregion = 'no'\n[profile.x]\nregion = 'r'\n[profile.z]\nregion = 'no'",
	} {
		if got := newWorld(t).toml(text).load("--profile=x").Region; got != "r" {
			t.Errorf("%q: region %q", text, got)
		}
	}
}

func TestConfigPath(t *testing.T) {
	w := newWorld(t)
	path := func(want string) {
		t.Helper()
		if got := strings.Replace(settings.ConfigPath(w.env()), w.home, "~", 1); got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
	path(tomlName)
	w.set("XDG_CONFIG_HOME=relative")
	path(tomlName)
	w.set("XDG_CONFIG_HOME=/xdg")
	path("/xdg/sts-helper/config.toml")
	w.set("STS_HELPER_CONFIG=/mine.toml")
	path("/mine.toml")
	w.set("STS_HELPER_CONFIG=~/mine.toml")
	path("~/mine.toml")
	w.fail(settings.Config, []string{"~/mine.toml", "STS_HELPER_CONFIG"})
	w.set("STS_HELPER_CONFIG=/dev/null").load()

	homeless := newWorld(t)
	homeless.homeless = true
	if got := settings.ConfigPath(homeless.env()); got != "" {
		t.Errorf("path %q without a home", got)
	}
	homeless.load()
	homeless.fail(settings.Usage, []string{`"x"`, "home"}, "--profile=x")
	homeless.fail(settings.Usage, []string{`"x"`, "HOME"}, "--source-profile=x")
}

func TestNames(t *testing.T) {
	w := newWorld(t)
	if names, err := settings.Names(w.env()); err != nil || len(names) != 0 {
		t.Errorf("no file: %q, %v", names, err)
	}
	w.toml("[profile.b]\n[profile.a]\nregion='x'\n[profile]\nc.region='y'\n[profile.a.tag]\nx='y'\n")
	if names, err := settings.Names(w.env()); err != nil || !slices.Equal(names, []string{"a", "b", "c"}) {
		t.Errorf("%q, %v", names, err)
	}
	w.toml("[x]\n")
	if _, err := settings.Names(w.env()); err == nil {
		t.Error("a bad file gives names")
	}
}

func TestMissingEntry(t *testing.T) {
	w := newWorld(t)
	w.fail(settings.Usage, []string{"--profile", `"dev"`, tomlName}, "--profile=dev")
	w.toml("[profile.develop]\n[profile.prod]\n")
	w.fail(settings.Usage, []string{"--profile", "[profile.develp]", `did you mean "develop"?`}, "--profile=develp")
	w.fail(settings.Usage, []string{`"develop", "prod"`}, "--profile=zzzzzzzzz")
	w.credentials(baseKeys)
	if got := w.load("--profile=base").Source.AccessKeyID; got != "AKIABASE" {
		t.Errorf("an AWS profile of that name is not taken: %q", got)
	}
	w.set("STS_HELPER_PROFILE=x")
	w.fail(settings.Config, []string{"STS_HELPER_PROFILE"})
	if got := w.load("--profile=prod").Name; got != "prod" {
		t.Errorf("name %q", got)
	}
}

func FuzzConfigFile(f *testing.F) {
	f.Add("[profile.a]\nregion = 'x'\ntag = {a='b'}\n")
	f.Add("profile = {a = {tag = {x = 'y'}, allow = ['a:b', # c\n'c:d']}}\n")
	f.Add("[profile]\na.b.c.d = 1\n[profile.a.tag]\nx.y = 'z'\n")
	f.Add("[[profile.a]]\n[profile.'']\n")
	f.Fuzz(func(t *testing.T, text string) {
		w := newWorld(t).toml(text)
		names, err := settings.Names(w.env())
		if err != nil {
			w.fail(settings.Config, []string{tomlName})
			return
		}
		for _, n := range names {
			w.loadAny(n)
		}
	})
}

// loadAny loads an entry; whatever comes of it, an error is one of ours and on one line.
func (w *world) loadAny(name string) {
	_, err := settings.Load(flags("--profile="+name), w.env())
	if err == nil {
		return
	}
	if _, ok := err.(*settings.Error); !ok || strings.ContainsAny(err.Error(), "\n\x1b") {
		w.t.Errorf("%q: %q", name, err)
	}
}
