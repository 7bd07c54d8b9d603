package setup

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

func TestCenter(t *testing.T) {
	dir, env := home{".aws/config": "[profile dev-admin]\nregion = x"}.make(t)
	before := tree(t, dir)
	opts := Options{Program: "sts-helper"}
	c := Center{StartURL: "https://ssoins-1.portal.eu-central-1.app.aws"}
	if err := CheckCenter(env, &c, opts); err != nil || c.Region != "eu-central-1" || c.Session != "ssoins-1" {
		t.Fatalf("%+v, %v", c, err)
	}
	c.Roles = []Role{{"111122223333", "Dev", "admin"}, {"111122223333", "Dev", "Read Only"}, {"444455556666", "Prod & more", "admin"},
		{"000000000001", "same", "r"}, {"000000000002", "same", "r"}}
	p, err := NewCenterPlan(env, c, opts)
	if err != nil {
		t.Fatal(err)
	}
	taken := p.Taken()
	if want := []string{"dev-Read Only", "prod---more-admin", "000000000001-r", "000000000002-r"}; !slices.Equal(taken, want) {
		t.Errorf("%q, want %q: %+v", taken, want, p.Profiles)
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	for _, name := range taken {
		r, err := settings.LoadNamed(name, nil, env)
		if err != nil {
			t.Error(err)
			continue
		}
		for r.Base != nil {
			r = r.Base
		}
		if r.Source.Kind != request.SourceSSO || r.Source.Login.SessionName != "ssoins-1" {
			t.Errorf("%s: %+v", name, r.Source)
		}
	}
	// Later there are more roles.
	c.Roles = append(c.Roles, Role{"444455556666", "Prod & more", "new"})
	if p, err = NewCenterPlan(env, c, opts); err != nil || !slices.Equal(p.Taken(), []string{"prod---more-new"}) {
		t.Errorf("%v, %v", p.Taken(), err)
	}
	if _, err := p.Apply(); err != nil {
		t.Fatal(err)
	}
	other := Center{StartURL: "https://other.awsapps.com/start", Session: "ssoins-1", Region: "eu-west-1"}
	if err := CheckCenter(env, &other, opts); err == nil || !strings.Contains(err.Error(), "another sso-session") {
		t.Errorf("%v", err)
	}
	if _, err := Remove(env, false); err != nil {
		t.Fatal(err)
	}
	if after := tree(t, dir); !maps.Equal(before, after) {
		t.Errorf("%q\nwas %q", after, before)
	}
}

func TestNewKey(t *testing.T) {
	_, env := home{}.make(t)
	opts := Options{Program: "sts-helper"}
	const secret = "CANARYsecretCANARYsecretCANARYsecret1234"
	for name, tc := range map[string]struct {
		key  ProfileKey
		want string
	}{
		"cut":                 {ProfileKey{"AKIA", secret, ""}, "no access key id"},
		"temporary":           {ProfileKey{"ASIACANARY0000000001", secret, ""}, "temporary"},
		"a line end":          {ProfileKey{"AKIACANARYBASE000001\n", secret, ""}, "no access key id"},
		"the other way round": {ProfileKey{secret, "AKIACANARYBASE000001", ""}, "no access key id"},
		"no secret":           {ProfileKey{"AKIACANARYBASE000001", "", ""}, "no secret access key"},
		"two words":           {ProfileKey{"AKIACANARYBASE000001", "CANARY secret", ""}, "no secret access key"},
		"a device to act":     {ProfileKey{"AKIACANARYBASE000001", secret, "\x1b[2J"}, "control characters"},
	} {
		_, err := NewKeyPlan(env, Key{ProfileKey: tc.key}, opts)
		if err == nil || failure.ClassOf(err) != failure.Usage || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, err := NewKeyPlan(env, Key{ProfileKey: ProfileKey{"AKIACANARYBASE000001", secret, "auto"}}, opts)
	if err != nil || !slices.Equal(p.Taken(), []string{"default"}) {
		t.Fatalf("%v, %v", p.Taken(), err)
	}
	for _, c := range p.Changes() {
		if strings.Contains(c.Diff, secret) {
			t.Errorf("the secret is shown:\n%s", c.Diff)
		}
	}
}
