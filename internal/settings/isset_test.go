package settings_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// Given sees a setting in whichever layer it is.
func TestGiven(t *testing.T) {
	w := newWorld(t).toml("[profile.default]\nexternal_id = \"42\"\n[profile.ci]\nrole_arn = \"arn:aws:iam::111122223333:role/r\"\n")
	for _, tc := range []struct {
		vars, args []string
		want       bool
	}{
		{nil, nil, false},
		{nil, []string{"--role-arn=x"}, true},
		{[]string{"STS_HELPER_ROLE_ARN=x"}, nil, true},
		{nil, []string{"--profile=ci"}, true},
		{nil, []string{"--external-id=1"}, false},
	} {
		w.vars = map[string]string{}
		w.set(tc.vars...)
		if got, err := settings.IsSet(flags(tc.args...), w.env(), "role-arn"); got != tc.want || err != nil {
			t.Errorf("%q %q: %v, %v", tc.vars, tc.args, got, err)
		}
	}
	if _, err := settings.IsSet(flags("--profile=none"), w.env(), "role-arn"); err == nil {
		t.Error("an entry that is not there is no error")
	}
}

// An accepted token is not asked for, so settings of a lower layer that say how to ask are no
// obstacle; flags beside it are a contradiction.
func TestGrantedBesideOtherSettings(t *testing.T) {
	w := newWorld(t).toml("[profile.default]\nrole_arn = \"arn:aws:iam::111122223333:role/r\"\nduration = \"1h\"\n").set("STS_HELPER_SOURCE_PROFILE=none")
	if r, err := settings.Load(flags("--granted=guest"), w.env()); err != nil || r.Granted != "guest" || r.RoleARN != "" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := settings.Load(flags("--granted=guest", "--duration=1h"), w.env()); err == nil {
		t.Error("--granted takes a --duration")
	}
	w.set("STS_HELPER_GRANTED=guest", "STS_HELPER_SOURCE_PROFILE=")
	if _, err := settings.Load(flags("--duration=1h"), w.env()); err == nil {
		t.Error("a flag that asks STS is passed over for a variable")
	}
}
