package settings_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

func TestMisspeltVariablesAreNamed(t *testing.T) {
	for name, meant := range map[string]string{
		"STS_HELPER_DURATON": "STS_HELPER_DURATION", "STS_HELPER_SOURCEPROFILE": "STS_HELPER_SOURCE_PROFILE", "STS_HELPER_CONFG": "STS_HELPER_CONFIG",
		"STS_HELPER_DURATION": "", "STS_HELPER_EXEC": "", "STS_HELPER_CHAIN": "", "STS_HELPER_SERVE_PROFIL": "", "STS_HELPER_FLEET_OWNER_OF_LAPTOP": "", "AWS_PROFIL": "",
	} {
		env := settings.Environment{
			Getenv: func(string) string { return "" }, HomeDir: t.TempDir, UserName: func() string { return "me" },
			OwnNames: func() []string { return []string{"STS_HELPER_PROFILE", name} },
		}
		_, err := settings.Load(nil, env)
		named := err != nil && strings.HasPrefix(err.Error(), name+": ")
		if named != (meant != "") || named && !strings.Contains(err.Error(), `did you mean "`+meant+`"?`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
