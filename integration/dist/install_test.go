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

// release serves a release with one archive, whose program is a script.
func release(t *testing.T, system, machine, program string) (url string) {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	dir, content := t.TempDir(), t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(content, name)
		harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		harness.Must(t, os.WriteFile(path, []byte(text), mode))
	}
	write("sts-helper", "#!/bin/sh\n"+program+"\n", 0o755)
	write("man/sts-helper.1.gz", "a page", 0o644)
	write("man/sts-helper-serve.1.gz", "a page", 0o644)
	for _, shell := range []string{"bash", "zsh", "fish"} {
		write("completions/sts-helper."+shell, "words", 0o644)
	}
	for _, name := range []string{"systemd/sts-helper.service", "systemd/sts-helper.socket", "launchd/com.github.sts-helper.serve.plist"} {
		b, err := os.ReadFile(filepath.Join(root, "packaging", name))
		harness.Must(t, err)
		write(name, string(b), 0o644)
	}
	archive := "sts-helper_0.9.0_" + system + "_" + machine + ".tar.gz"
	output(t, "tar", "-C", content, "-czf", filepath.Join(dir, archive), ".")
	b, err := os.ReadFile(filepath.Join(dir, archive))
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(filepath.Join(dir, "checksums.txt"), fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(b), archive), 0o644))
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}

// tools is a PATH with those programs of this machine, and with scripts in the place of those that are another system's.
func tools(t *testing.T, own []string, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range own {
		harness.Must(t, os.Symlink(harness.Need(t, name), filepath.Join(dir, name)))
	}
	for name, script := range scripts {
		harness.Must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	return dir
}

// The script installs with what each system has by itself.
func TestInstallScriptOnEachSystem(t *testing.T) {
	t.Parallel()
	root, err := harness.Root()
	harness.Must(t, err)
	basic := []string{"basename", "cat", "chmod", "cp", "cut", "dirname", "gzip", "mkdir", "mktemp", "mv", "rm", "sed", "sh", "tar"}
	uname := func(system, machine string) string {
		return "case $1 in -s) echo " + system + " ;; -m) echo " + machine + " ;; esac"
	}
	sum, curl := harness.Need(t, "sha256sum"), harness.Need(t, "curl")
	for name, system := range map[string]struct {
		os, arch string
		shell    []string
		own      []string
		scripts  map[string]string
		unit     string
	}{
		"Linux with curl": {"linux", "amd64", []string{"sh"}, append([]string{"curl", "sha256sum"}, basic...), map[string]string{"uname": uname("Linux", "x86_64")}, "share/systemd/user/sts-helper.service"},
		"bash":            {"linux", "arm64", []string{"bash", "--posix"}, append([]string{"bash", "curl", "sha256sum"}, basic...), map[string]string{"uname": uname("Linux", "aarch64")}, "share/systemd/user/sts-helper.socket"},
		"macOS": {"darwin", "arm64", []string{"sh"}, append([]string{"curl"}, basic...),
			map[string]string{"uname": uname("Darwin", "arm64"), "shasum": `[ "$1 $2" = "-a 256" ] && exec ` + sum + ` "$3"`}, "share/sts-helper/com.github.sts-helper.serve.plist"},
		"FreeBSD": {"freebsd", "amd64", []string{"sh"}, basic, map[string]string{
			"uname": uname("FreeBSD", "amd64"), "sha256": `[ "$1" = -q ] && ` + sum + ` "$2" | cut -d" " -f1`, "fetch": `[ "$1 $2" = "-q -o" ] && exec ` + curl + ` -fs -o "$3" "$4"`,
		}, ""},
		"busybox": {"linux", "amd64", []string{"busybox", "sh"}, nil, map[string]string{"uname": uname("Linux", "x86_64")}, "share/systemd/user/sts-helper.service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tools(t, system.own, system.scripts)
			if name == "busybox" {
				busybox, err := exec.LookPath("busybox")
				if err != nil {
					t.Skip("busybox is not installed; the packages' nightly job does so")
				}
				for _, applet := range append([]string{"busybox", "sha256sum", "wget"}, basic...) {
					harness.Must(t, os.Symlink(busybox, filepath.Join(path, applet)))
				}
			}
			prefix := filepath.Join(t.TempDir(), "usr")
			cmd := exec.CommandContext(t.Context(), filepath.Join(path, system.shell[0]), append(system.shell[1:], filepath.Join(root, "install.sh"), prefix)...)
			cmd.Env = []string{"PATH=" + path, "HOME=" + t.TempDir(), "STS_HELPER_RELEASE=" + release(t, system.os, system.arch, "echo sts-helper 0.9.0")}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "sts-helper 0.9.0\nnext: put "+prefix+"/bin into PATH") {
				t.Fatalf("%v: %s", err, out)
			}
			files := []string{"share/man/man1/sts-helper-serve.1.gz", "share/bash-completion/completions/sts-helper", "share/zsh/site-functions/_sts-helper", "share/fish/vendor_completions.d/sts-helper.fish"}
			if system.unit != "" {
				files = append(files, system.unit)
			}
			for _, file := range files {
				if info, err := os.Stat(filepath.Join(prefix, file)); err != nil || info.Mode() != 0o644 {
					t.Errorf("%s: %v, %v", file, info, err)
				}
			}
			if strings.HasSuffix(system.unit, ".socket") || system.unit == "" {
				return
			}
			if b, err := os.ReadFile(filepath.Join(prefix, system.unit)); err != nil || !strings.Contains(string(b), prefix+"/bin/sts-helper") || strings.Contains(string(b), "/usr/local/bin") {
				t.Errorf("%s names another program (%v):\n%s", system.unit, err, b)
			}
		})
	}
}

// A program that does not run here takes the place of none that does.
func TestInstallScriptKeepsWhatRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the archive of this test is one for Linux")
	}
	root, err := harness.Root()
	harness.Must(t, err)
	url := release(t, "linux", runtime.GOARCH, "exit 1")
	prefix := filepath.Join(t.TempDir(), "my programs")
	before := filepath.Join(prefix, "bin", "sts-helper")
	harness.Must(t, os.MkdirAll(filepath.Dir(before), 0o755))
	harness.Must(t, os.WriteFile(before, []byte("what runs"), 0o755))
	cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "install.sh"), prefix)
	cmd.Env = append(os.Environ(), "STS_HELPER_RELEASE="+url)
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
