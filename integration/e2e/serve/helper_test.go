package serve_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// runSDK runs the AWS SDK with nothing but the variables given besides those of the home.
func runSDK(t testing.TB, w *harness.World, what string, env ...string) harness.Result {
	t.Helper()
	name, args, _ := strings.Cut(what, " ")
	cmd := exec.CommandContext(harness.Context(t), harness.Program(t, name), strings.Fields(args)...)
	cmd.Dir = w.Dir
	cmd.Env = append([]string{"HOME=" + filepath.Join(w.Dir, "nobody"), "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS=" + w.STS.URL()}, env...)
	r := harness.Finish(cmd)
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}
