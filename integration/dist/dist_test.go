// Package dist tests what "make dist" made: what is in each package, that it is the same when it is made
// again, and that it can be installed, used, upgraded and removed. "make dist-test" runs it.
package dist_test

import (
	"crypto/sha256"
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

// Two runs in two places, a while apart, make the same bytes: what is in checksums.txt, and the manifests, which are not.
func TestReproducible(t *testing.T) {
	dir, again := made(t)
	read := func(dir string) []string {
		b, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
		harness.Must(t, err)
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		for _, pattern := range []string{"homebrew/*", "scoop/*", "winget/manifests/*/*/*/*/*"} {
			names, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(names) == 0 {
				t.Fatalf("no %s (%v)", pattern, err)
			}
			for _, name := range names {
				b, err := os.ReadFile(name)
				harness.Must(t, err)
				lines = append(lines, fmt.Sprintf("%x  %s", sha256.Sum256(b), strings.TrimPrefix(name, dir)))
			}
		}
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
	sbom, err := os.ReadFile(one(t, dir, "sts-helper_*_linux_amd64.cdx.json"))
	harness.Must(t, err)
	for _, module := range []string{"github.com/aws/aws-sdk-go-v2/service/sts", "github.com/gofrs/flock", "filippo.io/age"} {
		if !strings.Contains(string(sbom), module+"@") {
			t.Errorf("the SBOM lacks %s", module)
		}
	}
}

// The manifests of Homebrew, Scoop and winget name each archive of their systems by the address that a release has it at,
// with its checksum, and install out of it what it has.
func TestManifests(t *testing.T) {
	dir, _ := made(t)
	sums, err := os.ReadFile(filepath.Join(dir, "checksums.txt"))
	harness.Must(t, err)
	address := regexp.MustCompile(`https://github\.com/sts-helper/sts-helper/releases/download/v[0-9.]+/(sts-helper_[^"\s]+)`)
	hash := regexp.MustCompile(`\b[0-9a-fA-F]{64}\b`)
	for pattern, m := range map[string]struct{ archives, installs []string }{
		"homebrew/sts-helper.rb": {
			[]string{"darwin_amd64.tar.gz", "darwin_arm64.tar.gz", "linux_amd64.tar.gz", "linux_arm64.tar.gz"},
			[]string{"sts-helper", "completions/sts-helper.bash", "completions/sts-helper.zsh", "completions/sts-helper.fish", "launchd/com.github.sts-helper.serve.plist"},
		},
		"scoop/sts-helper.json": {[]string{"windows_amd64.zip", "windows_arm64.zip"}, []string{"sts-helper.exe"}},
		"winget/manifests/s/sts-helper/sts-helper/*/sts-helper.sts-helper.installer.yaml": {[]string{"windows_amd64.zip", "windows_arm64.zip"}, []string{"sts-helper.exe"}},
	} {
		path := one(t, dir, pattern)
		b, err := os.ReadFile(path)
		harness.Must(t, err)
		addresses, hashes := address.FindAllSubmatch(b, -1), hash.FindAll(b, -1)
		if len(addresses) != len(m.archives) || len(hashes) != len(m.archives) {
			t.Errorf("%s has %d addresses and %d checksums, want %d", pattern, len(addresses), len(hashes), len(m.archives))
			continue
		}
		var rest []string
		for i, a := range addresses { // each comes before its checksum
			name := string(a[1])
			if !strings.Contains(string(sums), strings.ToLower(string(hashes[i]))+"  "+name+"\n") {
				t.Errorf("%s: %s is not the checksum of %s", pattern, hashes[i], name)
			}
			_, end, _ := strings.Cut(strings.TrimPrefix(name, "sts-helper_"), "_")
			rest = append(rest, end)
			has := strings.Split(output(t, "bsdtar", "-tf", filepath.Join(dir, name)), "\n")
			for _, file := range m.installs {
				if !strings.Contains(string(b), file) || !slices.Contains(has, file) {
					t.Errorf("%s: %q is not installed, or not in %s", pattern, file, name)
				}
			}
		}
		slices.Sort(rest)
		if !slices.Equal(rest, m.archives) {
			t.Errorf("%s is for %q, want %q", pattern, rest, m.archives)
		}
	}
	output(t, "ruby", "-c", one(t, dir, "homebrew/sts-helper.rb"))
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
	t.Cleanup(func() { _ = exec.Command("chroot", root, "dpkg", "--purge", "sts-helper").Run() })
	lives(t, w, root, manager{
		install: []string{"dpkg", "-i", "/old.deb"}, upgrade: []string{"dpkg", "-i", "/new.deb"},
		version: []string{"dpkg-query", "-W", "-f", "${Version}", "sts-helper"},
		verify:  []string{"dpkg", "--verify", "sts-helper"}, remove: []string{"dpkg", "-r", "sts-helper"},
	})
}

// A manager has the commands of a package manager, for a package of this program that it is to know as 0.0.9, then 0.1.0.
type manager struct{ install, upgrade, version, verify, remove []string }

// lives installs, uses, upgrades and removes a package in root: nothing of it is left, and tokens outlive it.
func lives(t *testing.T, w *harness.World, root string, m manager) {
	t.Helper()
	in := func(args ...string) string {
		t.Helper()
		return inside(t, root, []string{"AWS_ENDPOINT_URL_STS=" + w.STS.URL(), "AWS_EC2_METADATA_DISABLED=true"}, args...)
	}
	has := func(want string) {
		t.Helper()
		if out := in(m.version...); !strings.HasPrefix(out, want) {
			t.Errorf("%q gives %s, want %s", m.version, out, want)
		}
	}
	in(m.install...)
	has("0.0.9")
	first := w.Parse(t, in("sts-helper", "--source-profile", "base"))
	in(m.upgrade...)
	has("0.1.0")
	if again := w.Parse(t, in("sts-helper", "--source-profile", "base")); again.AccessKeyId != first.AccessKeyId || w.STS.Count("GetSessionToken") != 1 {
		t.Errorf("the upgrade asked STS again: %s, %s", first.AccessKeyId, again.AccessKeyId)
	}
	if out := in(m.verify...); out != "" {
		t.Errorf("changed since it was installed: %s", out)
	}
	in(m.remove...)
	for _, gone := range []string{"usr/bin/sts-helper", "usr/lib/systemd/user/sts-helper.service", "usr/share/man/man1/sts-helper.1.gz", "usr/share/doc/sts-helper/README.md"} {
		if _, err := os.Lstat(filepath.Join(root, gone)); err == nil {
			t.Errorf("%s is left", gone)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "home", "alice", ".cache", "sts-helper")); err != nil {
		t.Error(err)
	}
}

// inside runs a command in the Debian at root.
func inside(t *testing.T, root string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "chroot"), append([]string{root}, args...)...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/home/alice", "DEBIAN_FRONTEND=noninteractive"}, env...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%q: %v\n%s%s", args, err, out, errs.String())
	}
	return string(out)
}

// olderSpec makes an rpm of an older version, of what is in /older.
const olderSpec = `%global debug_package %{nil}
%global __os_install_post %{nil}
Name: sts-helper
Version: 0.0.9
Release: 1
Summary: an older version
License: Apache-2.0
AutoReqProv: no
%description
An older version.
%install
cp -a /older/. %{buildroot}/
%files
/usr/bin/*
/usr/lib/systemd/user/*
/usr/share/*/*
`

// The rpm, by the rpm of the same Debian, which takes such packages if it is told to.
func TestRPM(t *testing.T) {
	dir, _ := made(t)
	root := os.Getenv("STS_HELPER_DEBIAN")
	if _, err := os.Stat(filepath.Join(root, "usr", "bin", "rpmbuild")); err != nil {
		t.Fatal(err)
	}
	w := harness.NewWorld(t)
	rpm := one(t, dir, "sts-helper-*.x86_64.rpm")
	for _, name := range []string{"home/alice", "older", "rpmbuild"} {
		harness.Must(t, os.RemoveAll(filepath.Join(root, name)))
	}
	output(t, "cp", "-r", w.Dir, filepath.Join(root, "home", "alice"))
	harness.Must(t, os.Mkdir(filepath.Join(root, "older"), 0o755))
	output(t, "bsdtar", "-xf", rpm, "-C", filepath.Join(root, "older"))
	output(t, "cp", rpm, filepath.Join(root, "new.rpm"))
	harness.Must(t, os.WriteFile(filepath.Join(root, "older.spec"), []byte(olderSpec), 0o644))
	inside(t, root, nil, "rpmbuild", "-bb", "--quiet", "--define", "_topdir /rpmbuild", "/older.spec")
	rpms := []string{"rpm", "--force-debian"}
	t.Cleanup(func() { _ = exec.Command("chroot", root, "rpm", "--force-debian", "-e", "sts-helper").Run() })
	lives(t, w, root, manager{
		install: slices.Concat(rpms, []string{"-i", "/rpmbuild/RPMS/x86_64/sts-helper-0.0.9-1.x86_64.rpm"}), upgrade: slices.Concat(rpms, []string{"-U", "/new.rpm"}),
		version: []string{"rpm", "-q", "--queryformat", "%{VERSION}", "sts-helper"},
		verify:  []string{"rpm", "-V", "sts-helper"}, remove: slices.Concat(rpms, []string{"-e", "sts-helper"}),
	})
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
