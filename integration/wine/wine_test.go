// Package wine looks whether the tests of Windows still run under Wine, where "make wine" has installed it.
package wine_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A part of "make wine": the access lists of Windows, and the commands of a day.
func TestWine(t *testing.T) {
	harness.Long(t, "starts Wine")
	root, err := harness.Root()
	harness.Must(t, err)
	debian := filepath.Join(root, ".tools", "wine")
	if _, err := os.Stat(filepath.Join(debian, "usr/lib/wine/wine64")); err != nil {
		t.Skip("Wine is not installed: make wine")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to change into Wine's Debian")
	}
	cmd := exec.CommandContext(harness.Context(t), "sh", "integration/wine/run.sh", debian, "./internal/safefile")
	cmd.Dir, cmd.Env = root, append(os.Environ(), "STS_HELPER_WINE_RUN=^TestCommands$")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil || !strings.HasSuffix(out.String(), "== all well\n") {
		t.Fatalf("%v\n%s", err, &out)
	}
	if n := strings.Count(out.String(), "\nPASS\n"); n != 2 {
		t.Errorf("%d programs passed:\n%s", n, &out)
	}
}
