package doctor_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
	"github.com/sts-helper/sts-helper/internal/doctor"
)

func found(all []doctor.Finding) (checks []string) {
	for _, f := range all {
		checks = append(checks, f.Check)
	}
	return checks
}

// Each rule finds what it is for, and nothing in a profile that is right.
func TestProfile(t *testing.T) {
	for text, want := range map[string][]string{
		"credential_process = sts-helper --source-profile base\nregion = eu-west-1": nil,
		"region = eu-west-1": nil,
		"credential_process = ~/bin/sts-helper --profile dev":                                                 {"tilde"},
		"credential_process = /nowhere/sts-helper --profile dev":                                              {"helper-not-found"},
		"credential_process = sts-helper\naws_access_key_id = AKIA\naws_secret_access_key = CANARY":           {"shadowing-keys"},
		"credential_process = sts-helper\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r": {"role-beside-process"},
		"credential_process = sts-helper\nsso_session = corp":                                                 {"login-beside-process"},
		"credential_process = sts-helper\nlogin_session = arn:x":                                              {"login-beside-process"},
	} {
		files := awsconfig.Files{Config: awsconfig.File{Path: "/home/.aws/config", Data: []byte("[profile dev]\n" + text + "\n")}}
		all := doctor.Profile(files.Profile("dev"), func(program string) error {
			if program == "sts-helper" {
				return nil
			}
			return errors.New("no such file")
		})
		if got := found(all); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, all, want)
		}
		for _, f := range all {
			if f.Profile != "dev" || f.Where == "" || f.Problem == "" || f.Mend == "" {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestVariables(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_PROFILE"} {
		all := doctor.Variables(func(n string) string {
			if n == name {
				return "x"
			}
			return ""
		})
		if healthy := name == "AWS_PROFILE"; (len(all) == 0) != healthy || !healthy && all[0].Where != name {
			t.Errorf("%s: %q", name, all)
		}
	}
}

func TestClockLifeAndMode(t *testing.T) {
	now := time.Now()
	for skew, want := range map[time.Duration]int{0: 0, 59 * time.Second: 0, -59 * time.Second: 0, 6 * time.Minute: 1, -6 * time.Minute: 1} {
		if all := doctor.Clock(now.Add(skew), now, "url"); len(all) != want {
			t.Errorf("%v: %q", skew, all)
		}
	}
	for life, want := range map[time.Duration]int{0: 0, 15 * time.Minute: 1, 20 * time.Minute: 0, time.Hour: 0} {
		if all := doctor.Lifetime("dev", life); len(all) != want {
			t.Errorf("%v: %q", life, all)
		}
	}
	if all := doctor.Mode("/c", 0o600); all != nil {
		t.Errorf("%q", all)
	}
	if all := doctor.Mode("/c", 0o640); len(all) != 1 {
		t.Errorf("%q", all)
	}
}
