package dist_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// step is what a step of a workflow runs, by its name.
func step(t *testing.T, workflow, job, name string) (root, script string) {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	b, err := os.ReadFile(filepath.Join(root, ".github", "workflows", workflow))
	harness.Must(t, err)
	var file struct {
		Jobs map[string]struct {
			Steps []struct {
				Name string `json:"name"`
				Run  string `json:"run"`
			} `json:"steps"`
		} `json:"jobs"`
	}
	harness.Must(t, yaml.Unmarshal(b, &file))
	for _, s := range file.Jobs[job].Steps {
		if s.Name == name {
			return root, s.Run
		}
	}
	t.Fatalf("%s has no step %q in %s", workflow, name, job)
	return "", ""
}

// bash runs a step's script as GitHub's runners do.
func bash(t *testing.T, dir, script string, env ...string) (string, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "step.sh")
	harness.Must(t, os.WriteFile(file, []byte(script), 0o600))
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "bash"), "--noprofile", "--norc", "-eo", "pipefail", file)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// A tag that is not the version on top of the changelog releases nothing.
func TestReleaseChecksItsTag(t *testing.T) {
	t.Parallel()
	_, script := step(t, "release.yml", "release", "the tag is the version of CHANGELOG.md")
	dir := t.TempDir()
	harness.Must(t, os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte("# Changes\n\n## 0.2.0 (not released yet)\n\nText.\n\n## 0.1.0\n"), 0o600))
	for tag, good := range map[string]bool{"v0.2.0": true, "v0.1.0": false, "v0.2": false, "v0.2.0-rc1": false, "v0x2.0": false, "0.2.0": false} {
		if out, err := bash(t, dir, script, "GITHUB_REF_NAME="+tag); (err == nil) != good {
			t.Errorf("%s: %v %s", tag, err, out)
		}
	}
}

// On Windows every package is tested, with its tag and without the tests that are left out there, and one that fails fails
// the step once all have run.
func TestWindowsTestsEachPackage(t *testing.T) {
	t.Parallel()
	root, script := step(t, "test.yml", "systems", "tests of the packages whose tests run on Windows")
	list, err := os.ReadFile(filepath.Join(root, "integration", "wine", "packages"))
	harness.Must(t, err)
	want := ""
	for line := range strings.Lines(string(list)) {
		pkg, skip, _ := strings.Cut(strings.TrimSpace(line), " ")
		if pkg == "#" || pkg == "" {
			continue
		}
		if skip == "" {
			skip = "^$"
		}
		name, tag, _ := strings.Cut(pkg, ":")
		want += "<test><-short><-timeout><20m><-tags><" + tag + "><-skip><" + skip + "><" + name + ">\n"
	}
	for _, fails := range []string{"none", "./handoff"} {
		dir := t.TempDir()
		harness.Must(t, os.MkdirAll(filepath.Join(dir, "integration", "wine"), 0o700))
		harness.Must(t, os.WriteFile(filepath.Join(dir, "integration", "wine", "packages"), list, 0o600))
		bin := tools(t, nil, map[string]string{"go": `printf '<%s>' "$@" >>asked; echo >>asked; for last; do :; done; [ "$last" != ` + fails + " ]"})
		out, err := bash(t, dir, script, "PATH="+bin+":"+os.Getenv("PATH"))
		if (err == nil) != (fails == "none") || err != nil && out != "failed: "+fails+"\n" {
			t.Errorf("%v: %s", err, out)
		}
		if asked, err := os.ReadFile(filepath.Join(dir, "asked")); err != nil || string(asked) != want {
			t.Errorf("%v, it runs\n%s\nwant\n%s", err, asked, want)
		}
	}
}
