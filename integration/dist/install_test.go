package dist_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A program that does not run here takes the place of none that does.
func TestInstallScriptKeepsWhatRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the archive of this test is one for Linux")
	}
	root, err := harness.Root()
	harness.Must(t, err)
	release := t.TempDir()
	archive := "sts-helper_0.9.0_linux_" + runtime.GOARCH + ".tar.gz"
	content := t.TempDir()
	harness.Must(t, os.WriteFile(filepath.Join(content, "sts-helper"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
	output(t, "tar", "-C", content, "-czf", filepath.Join(release, archive), ".")
	b, err := os.ReadFile(filepath.Join(release, archive))
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(filepath.Join(release, "checksums.txt"), fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(b), archive), 0o644))
	server := httptest.NewServer(http.FileServer(http.Dir(release)))
	defer server.Close()

	prefix := filepath.Join(t.TempDir(), "my programs")
	before := filepath.Join(prefix, "bin", "sts-helper")
	harness.Must(t, os.MkdirAll(filepath.Dir(before), 0o755))
	harness.Must(t, os.WriteFile(before, []byte("what runs"), 0o755))
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "install.sh"), prefix)
	cmd.Env = append(os.Environ(), "STS_HELPER_RELEASE="+server.URL)
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "does not run here") {
		t.Errorf("%v: %s", err, out)
	}
	if b, err := os.ReadFile(before); err != nil || string(b) != "what runs" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := os.ReadDir(filepath.Dir(before)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
