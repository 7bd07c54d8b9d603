package settings_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// The credentials file that only this program is told of takes the place of the shared one, beside
// the config file, and comes before keys in the environment.
func TestPrivateCredentials(t *testing.T) {
	const keys = "[base]\naws_access_key_id = AKIAPRIVATE\naws_secret_access_key = CANARY\n"
	w := newWorld(t).set(envKeys...).credentials(baseKeys).config("[profile base]\nmfa_serial = serial\ncredential_process = sts-helper --profile base\n").
		toml("[profile.base]\nsource_profile = 'base'\ncredentials_file = 'credentials'\n").
		write(".config/sts-helper/credentials", keys)
	file := filepath.Join(w.homeDir(), ".config/sts-helper/credentials")
	r := w.load("--profile=base")
	if r.Source.Kind != request.SourceStatic || r.Source.AccessKeyID != "AKIAPRIVATE" || r.Source.CredentialsFile != file || r.SerialNumber != "serial" {
		t.Errorf("%+v", r)
	}
	// Asked for the profile without the file, it runs the helper with it.
	if r := newWorld(t).config("[profile base]\ncredential_process = sts-helper --profile base\n").
		toml("[profile.base]\nsource_profile = 'base'\ncredentials_file = 'credentials'\n").load("--source-profile=base"); r.Source.Kind != request.SourceProcess && (r.Base == nil || r.Base.Source.Kind != request.SourceProcess) {
		t.Errorf("%+v", r)
	}
	w.fail(settings.Usage, []string{"~/.config/sts-helper/credentials", "no AWS profile", `"default"`}, "--credentials-file="+file, "--source-profile=default")
	w.fail(settings.Usage, []string{"does not go with"}, "--credentials-file="+file, "--source-command=x")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" {
		w.fail(settings.Config, []string{"~/.config/sts-helper/credentials", "others may use it (mode 0640)", "chmod 600"}, "--profile=base")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	w.fail(settings.Config, []string{"~/.config/sts-helper/credentials", "there is no such file", "credentials_file ("}, "--profile=base")
}
