package broker_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/settings"
)

// home is a home directory with an access key in profile "base", and an emulated STS.
func home() (env settings.Environment, sts *emulator.Emulator, remove func(), err error) {
	dir, err := os.MkdirTemp("", "provider-example-")
	if err != nil {
		return env, nil, nil, err
	}
	sts = emulator.New(emulator.World{})
	user := sts.AddUser("111122223333", "alice")
	err = sts.Start()
	remove = func() { sts.Close(); _ = os.RemoveAll(dir) }
	if err == nil {
		err = os.Mkdir(filepath.Join(dir, ".aws"), 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".aws", "credentials"), fmt.Appendf(nil, "[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.AccessKeyID, user.SecretAccessKey), 0o600)
	}
	variables := map[string]string{"AWS_ENDPOINT_URL_STS": sts.URL(), "STS_HELPER_CACHE_DIR": filepath.Join(dir, "cache")}
	env = settings.Environment{
		Getenv:   func(name string) string { return variables[name] },
		HomeDir:  func() string { return dir },
		UserName: func() string { return "alice" },
	}
	return env, sts, remove, err
}
