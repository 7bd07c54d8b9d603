// Package dist tests what "make dist" made: what is in each package, that it is the same when it is made
// again, and that it can be installed, used, upgraded and removed. "make dist-test" runs it.
package dist_test

import (
	"debug/elf"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// made is the folder with what was made; again the one of a second run, in another place.
func made(t *testing.T) (dir, again string) {
	t.Helper()
	dir, again = os.Getenv("STS_HELPER_DIST"), os.Getenv("STS_HELPER_DIST_AGAIN")
	if dir == "" || again == "" {
		t.Skip("it needs what make dist makes, twice: make dist-test")
	}
	return dir, again
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %d files (%v)", pattern, len(names), err)
	}
	return names[0]
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Need(t, name), args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// Two runs in two places, a while apart, make the same bytes.
func TestReproducible(t *testing.T) {
	dir, again := made(t)
	read := func(dir string) []string {
		b, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
		harness.Must(t, err)
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		slices.Sort(lines)
		return lines
	}
	first, second := read(dir), read(again)
	if len(first) < 24 || !slices.Equal(first, second) {
		t.Errorf("two runs differ:\n%s\n\n%s", strings.Join(first, "\n"), strings.Join(second, "\n"))
	}
}

// program is what every binary has to be: static, and of this version.
func program(t *testing.T, path string) {
	t.Helper()
	f, err := elf.Open(path)
	harness.Must(t, err)
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s is not static", path)
		}
	}
	if out := output(t, path, "--version"); !strings.HasPrefix(out, "sts-helper 0.1.0") {
		t.Errorf("%s: %s", path, out)
	}
}

// manPages are those of the commands and of two topics.
func manPages(t *testing.T) (all []string) {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	files, err := filepath.Glob(filepath.Join(root, "docs", "reference", "sts-helper*.md"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d pages of commands (%v)", len(files), err)
	}
	for _, f := range append(files, "sts-helper-settings.md", "sts-helper-exit-codes.md") {
		all = append(all, strings.TrimSuffix(filepath.Base(f), ".md")+".1.gz")
	}
	return all
}

// Every package has the program, man pages, completions, licences and, where they mean something, units.
func TestContents(t *testing.T) {
	dir, _ := made(t)
	docs := []string{"LICENSE", "README.md", "CHANGELOG.md", "THIRD-PARTY-LICENCES"}
	completions := []string{"completions/sts-helper.bash", "completions/sts-helper.zsh", "completions/sts-helper.fish", "completions/sts-helper.powershell"}
	units := []string{"systemd/sts-helper.service", "systemd/sts-helper.socket", "launchd/com.github.sts-helper.serve.plist"}
	for _, name := range []string{"config.toml", "daemonset.yaml", "kustomization.yaml", "namespace.yaml", "pod.yaml", "pods", "rbac.yaml"} {
		units = append(units, "kubernetes/"+name)
	}
	for _, name := range []string{"Chart.yaml", "values.yaml", "templates/configmap.yaml", "templates/daemonset.yaml", "templates/rbac.yaml"} {
		units = append(units, "helm/sts-helper/"+name)
	}
	archive := func(program string) (all []string) {
		all = slices.Concat([]string{program}, docs, completions, units)
		for _, page := range manPages(t) {
			all = append(all, "man/"+page)
		}
		return all
	}
	system := func(zsh string) (all []string) {
		all = []string{"usr/bin/sts-helper", "usr/share/bash-completion/completions/sts-helper", zsh, "usr/share/fish/vendor_completions.d/sts-helper.fish",
			"usr/lib/systemd/user/sts-helper.service", "usr/lib/systemd/user/sts-helper.socket"}
		for _, d := range []string{"copyright", "README.md", "CHANGELOG.md", "THIRD-PARTY-LICENCES"} {
			all = append(all, "usr/share/doc/sts-helper/"+d)
		}
		for _, page := range manPages(t) {
			all = append(all, "usr/share/man/man1/"+page)
		}
		return all
	}
	vendor, site := "usr/share/zsh/vendor-completions/_sts-helper", "usr/share/zsh/site-functions/_sts-helper"
	want := map[string][]string{
		"sts-helper_*_amd64.deb": system(vendor), "sts-helper_*_arm64.deb": system(vendor),
		"sts-helper-*.x86_64.rpm": system(site), "sts-helper-*.aarch64.rpm": system(site),
		"sts-helper_*_x86_64.apk": system(site), "sts-helper_*_aarch64.apk": system(site),
		"sts-helper-*-x86_64.pkg.tar.zst": system(site), "sts-helper-*-aarch64.pkg.tar.zst": system(site),
	}
	for _, goos := range []string{"linux", "darwin", "freebsd"} {
		for _, arch := range []string{"amd64", "arm64"} {
			want["sts-helper_*_"+goos+"_"+arch+".tar.gz"] = archive("sts-helper")
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		want["sts-helper_*_windows_"+arch+".zip"] = archive("sts-helper.exe")
	}
	for pattern, files := range want {
		t.Run(pattern, func(t *testing.T) {
			t.Parallel()
			path := one(t, dir, pattern)
			list := ""
			if strings.HasSuffix(path, ".deb") {
				list = output(t, "sh", "-c", "dpkg-deb --fsys-tarfile '"+path+"' | bsdtar -tf -")
			} else {
				list = output(t, "bsdtar", "-tf", path)
			}
			var got []string
			for line := range strings.Lines(list) {
				line = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "./"), "/")
				if !strings.HasSuffix(line, "/") && !strings.HasPrefix(line, ".") { // of the package itself: .PKGINFO
					got = append(got, line)
				}
			}
			slices.Sort(got)
			slices.Sort(files)
			if !slices.Equal(got, files) {
				t.Errorf("it has\n%s\nand should have\n%s", strings.Join(got, "\n"), strings.Join(files, "\n"))
			}
		})
	}
	for _, pattern := range []string{"homebrew/sts-helper.rb", "scoop/sts-helper.json", "winget/manifests/s/sts-helper/sts-helper/*/sts-helper.sts-helper.installer.yaml"} {
		b, err := os.ReadFile(one(t, dir, pattern))
		harness.Must(t, err)
		sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
		harness.Must(t, err)
		for _, sum := range regexp.MustCompile(`\b[0-9a-fA-F]{64}\b`).FindAllString(string(b), -1) {
			if !strings.Contains(string(sums), strings.ToLower(sum)) {
				t.Errorf("%s names a checksum of nothing: %s", pattern, sum)
			}
		}
	}
	sbom, err := os.ReadFile(one(t, dir, "sts-helper_*_linux_amd64.cdx.json"))
	harness.Must(t, err)
	for _, module := range []string{"github.com/aws/aws-sdk-go-v2/service/sts", "github.com/gofrs/flock", "filippo.io/age"} {
		if !strings.Contains(string(sbom), module+"@") {
			t.Errorf("the SBOM lacks %s", module)
		}
	}
}

// An rpm's and an archive's programs run from where they were unpacked.
func TestUnpacked(t *testing.T) {
	dir, _ := made(t)
	for _, pattern := range []string{"sts-helper-*.x86_64.rpm", "sts-helper_*_linux_amd64.tar.gz", "sts-helper-*-x86_64.pkg.tar.zst"} {
		into := t.TempDir()
		output(t, "bsdtar", "-xf", one(t, dir, pattern), "-C", into)
		path := filepath.Join(into, "usr", "bin", "sts-helper")
		if strings.HasSuffix(pattern, ".tar.gz") {
			path = filepath.Join(into, "sts-helper")
		} else if unit, err := os.ReadFile(filepath.Join(into, "usr", "lib", "systemd", "user", "sts-helper.service")); err != nil || !strings.Contains(string(unit), "ExecStart=/usr/bin/sts-helper serve") {
			t.Errorf("%s: the unit names another program (%v)", pattern, err)
		}
		program(t, path)
	}
}

// The deb in a Debian of its own: installed, used, upgraded, removed. Tokens outlive all that.
func TestDeb(t *testing.T) {
	dir, _ := made(t)
	root := os.Getenv("STS_HELPER_DEBIAN")
	if _, err := os.Stat(filepath.Join(root, "usr", "bin", "dpkg")); err != nil {
		t.Fatal(err)
	}
	w := harness.NewWorld(t)
	deb := one(t, dir, "sts-helper_*_amd64.deb")
	old := t.TempDir()
	output(t, "dpkg-deb", "-R", deb, old)
	control, err := os.ReadFile(filepath.Join(old, "DEBIAN", "control"))
	harness.Must(t, err)
	harness.Must(t, os.WriteFile(filepath.Join(old, "DEBIAN", "control"), regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAll(control, []byte("Version: 0.0.9")), 0o644))
	harness.Must(t, os.RemoveAll(filepath.Join(old, "DEBIAN", "conffiles"))) // empty
	output(t, "dpkg-deb", "-b", old, filepath.Join(root, "old.deb"))
	output(t, "cp", deb, filepath.Join(root, "new.deb"))
	harness.Must(t, os.RemoveAll(filepath.Join(root, "home", "alice")))
	output(t, "cp", "-r", w.Dir, filepath.Join(root, "home", "alice"))
	in := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), harness.Need(t, "chroot"), append([]string{root}, args...)...)
		cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/alice", "DEBIAN_FRONTEND=noninteractive",
			"AWS_ENDPOINT_URL_STS=" + w.STS.URL(), "AWS_EC2_METADATA_DISABLED=true"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { _ = exec.Command("chroot", root, "dpkg", "--purge", "sts-helper").Run() })
	in("dpkg", "-i", "/old.deb")
	first := w.Parse(t, in("sts-helper", "--source-profile", "base"))
	in("dpkg", "-i", "/new.deb")
	if again := w.Parse(t, in("sts-helper", "--source-profile", "base")); again.AccessKeyId != first.AccessKeyId || w.STS.Count("GetSessionToken") != 1 {
		t.Errorf("the upgrade asked STS again: %s, %s", first.AccessKeyId, again.AccessKeyId)
	}
	if out := in("dpkg", "-s", "sts-helper"); !strings.Contains(out, "Version: 0.1.0") {
		t.Error(out)
	}
	in("dpkg", "--verify", "sts-helper")
	in("dpkg", "-r", "sts-helper")
	for _, gone := range []string{"usr/bin/sts-helper", "usr/share/man/man1/sts-helper.1.gz", "usr/share/doc/sts-helper"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); err == nil {
			t.Errorf("%s is left", gone)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "home", "alice", ".cache", "sts-helper")); err != nil {
		t.Error(err)
	}
}

// install.sh installs what has the release's checksum, and nothing else.
func TestInstallScript(t *testing.T) {
	dir, _ := made(t)
	root, err := harness.Root()
	harness.Must(t, err)
	damage := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(filepath.Join(dir, filepath.Base(r.URL.Path)))
		if err != nil || damage == "gone" {
			http.NotFound(w, r)
			return
		}
		if damage == "bytes" && strings.HasSuffix(r.URL.Path, ".gz") {
			b = append(b, 0)
		}
		_, _ = w.Write(b)
	}))
	defer server.Close()
	for _, damage = range []string{"gone", "bytes", ""} {
		prefix := t.TempDir()
		cmd := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "install.sh"), prefix)
		cmd.Env = append(os.Environ(), "STS_HELPER_RELEASE="+server.URL)
		out, err := cmd.CombinedOutput()
		if damage != "" {
			if left, _ := os.ReadDir(prefix); err == nil || len(left) > 0 {
				t.Errorf("%s: %v, %v, %s", damage, err, left, out)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		program(t, filepath.Join(prefix, "bin", "sts-helper"))
		for _, name := range []string{"share/man/man1/sts-helper.1.gz", "share/bash-completion/completions/sts-helper"} {
			if _, err := os.Stat(filepath.Join(prefix, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// "make install" and "make uninstall" with DESTDIR: what the packages have, and nothing left.
func TestMakeInstall(t *testing.T) {
	made(t)
	root, err := harness.Root()
	harness.Must(t, err)
	dest := t.TempDir()
	run := func(target string) {
		t.Helper()
		output(t, "make", "-C", root, target, "DESTDIR="+dest, "PREFIX=/opt/sts")
	}
	run("install")
	program(t, filepath.Join(dest, "opt/sts/bin/sts-helper"))
	unit, err := os.ReadFile(filepath.Join(dest, "opt/sts/share/systemd/user/sts-helper.service"))
	if err != nil || !strings.Contains(string(unit), "ExecStart=/opt/sts/bin/sts-helper serve") {
		t.Errorf("the unit names another program (%v)", err)
	}
	n := 0
	count := func() {
		n = 0
		harness.Must(t, filepath.WalkDir(dest, func(_ string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				n++
			}
			return err
		}))
	}
	if count(); n < 25 {
		t.Errorf("only %d files", n)
	}
	run("uninstall")
	if count(); n > 0 {
		t.Error(fmt.Sprint(n, " files are left"))
	}
}
