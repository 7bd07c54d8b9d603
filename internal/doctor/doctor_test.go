package doctor_test

import (
	"errors"
	"slices"
	"strings"
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

// programs knows one sts-helper in /usr/bin, and another in a home.
var programs = doctor.Programs{
	Find: func(program string) (string, error) {
		switch program {
		case "sts-helper", "/usr/bin/sts-helper":
			return "/usr/bin/sts-helper", nil
		case "home-helper":
			return "/home/ana/bin/home-helper", nil
		case "/opt/sts-helper":
			return program, nil
		}
		return "", errors.New("no such file")
	},
	Ours: func(file string) bool { return file != "/opt/sts-helper" },
}

// Each rule finds what it is for, and nothing in a profile that is right.
func TestProfile(t *testing.T) {
	for text, want := range map[string][]string{
		"credential_process = sts-helper --source-profile base\nregion = eu-west-1": nil,
		"credential_process = /usr/bin/sts-helper --source-profile base":            nil,
		"region = eu-west-1": nil,
		"credential_process = ~/bin/sts-helper --profile dev":                                                 {"tilde"},
		"credential_process = /nowhere/sts-helper --profile dev":                                              {"helper-not-found"},
		"credential_process = home-helper --profile dev":                                                      {"path"},
		"credential_process = /opt/sts-helper --profile dev":                                                  {"other-helper"},
		"credential_process = sts-helper\naws_access_key_id = AKIA\naws_secret_access_key = CANARY":           {"shadowing-keys"},
		"credential_process = sts-helper\nsource_profile = base\nrole_arn = arn:aws:iam::111122223333:role/r": {"role-beside-process"},
		"credential_process = sts-helper\nsso_session = corp":                                                 {"login-beside-process"},
		"credential_process = sts-helper\nlogin_session = arn:x":                                              {"login-beside-process"},
	} {
		files := &awsconfig.Files{Config: awsconfig.File{Path: "/home/.aws/config", Data: []byte("[profile dev]\n" + text + "\n")}}
		all := doctor.Profile(files, files.Profile("dev"), programs)
		if got := found(all); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, all, want)
		}
		for _, f := range all {
			advice := f.Check == "path" || f.Check == "other-helper"
			if f.Profile != "dev" || f.Where == "" || f.Problem == "" || f.Mend == "" || (f.Level == doctor.Advice) != advice || strings.HasPrefix(f.String(), "advice: ") != advice {
				t.Errorf("%+v", f)
			}
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE"} {
		getenv := func(n string) string {
			if n == name {
				return "x"
			}
			return ""
		}
		all := doctor.Environment(getenv, false)
		if healthy := name == "AWS_PROFILE"; (len(all) == 0) != healthy || !healthy && all[0].Where != name {
			t.Errorf("%s: %q", name, all)
		}
		if all := doctor.Environment(getenv, true); all != nil {
			t.Errorf("%s, below exec: %q", name, all)
		}
	}
}

func TestClockAndLife(t *testing.T) {
	now := time.Now()
	for skew, want := range map[time.Duration]int{0: 0, 59 * time.Second: 0, -59 * time.Second: 0, 6 * time.Minute: 1, -6 * time.Minute: 1} {
		if all := doctor.Clock(now.Add(skew), now, "url"); len(all) != want {
			t.Errorf("%v: %q", skew, all)
		}
	}
	if all := doctor.Clock(time.Time{}, time.Time{}, "url"); all != nil {
		t.Errorf("%q", all)
	}
	for _, tt := range []struct {
		life, session time.Duration
		want          int
	}{{0, 0, 0}, {15 * time.Minute, 0, 1}, {20 * time.Minute, 0, 0}, {time.Hour, 15 * time.Minute, 1}, {15 * time.Minute, 15 * time.Minute, 2}, {time.Hour, 12 * time.Hour, 0}} {
		if all := doctor.Lifetime("dev", tt.life, tt.session); len(all) != tt.want {
			t.Errorf("%v: %q", tt, all)
		}
	}
}

func TestPlace(t *testing.T) {
	if all := doctor.Place("/c", ""); all != nil {
		t.Errorf("%q", all)
	}
	if all := doctor.Place("/c", "NFS"); len(all) != 1 || all[0].Level != doctor.Advice || all[0].Check != "file-system" {
		t.Errorf("%q", all)
	}
}
