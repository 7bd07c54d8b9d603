// Package qemu runs the program, and its packages' tests, built for other processors, as qemu's user mode emulation
// has them. One of them, s390x, has its bytes in the other order. "make qemu-tools" gets qemu, "make qemu" runs the
// tests of the packages too.
package qemu_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// A processor is one that Go builds for, by Go's and by qemu's name.
type processor struct {
	arch, qemu string
	// header and mask are how the kernel knows an executable of it, in the words of binfmt_misc: 64 bits, the order
	// of bytes, any ABI, executable or shared, the number of the machine.
	header, mask string
}

const anyABI = `\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff`

var processors = []processor{
	{"arm64", "qemu-aarch64-static", `\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00`, anyABI + `\xfe\xff\xff\xff`},
	{"s390x", "qemu-s390x-static", `\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16`, anyABI + `\xff\xfe\xff\xff`},
}

// emulator is the path of qemu for p.
func (p processor) emulator(t *testing.T) string {
	t.Helper()
	root, err := harness.Root()
	harness.Must(t, err)
	path := filepath.Join(root, ".tools", "qemu", "bin", p.qemu)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if path, err = exec.LookPath(p.qemu); err != nil {
		t.Skip(p.qemu + " is not here: make qemu-tools")
	}
	return path
}

// world is a home whose sts-helper is built for p.
func (p processor) world(t *testing.T) *harness.World {
	t.Helper()
	qemu := p.emulator(t)
	w := harness.NewWorld(t)
	dir := t.TempDir()
	t.Setenv("GOARCH", p.arch)
	bin, err := harness.Build(filepath.Join(dir, p.arch), "cmd/sts-helper")
	harness.Must(t, err)
	// The kernel need not know of qemu, then.
	w.Home.Bin = filepath.Join(dir, "sts-helper")
	harness.Must(t, os.WriteFile(w.Home.Bin, fmt.Appendf(nil, "#!/bin/sh\nexec %s %s \"$@\"\n", qemu, bin), 0o755))
	return w
}

// On each processor a first call asks, a second is answered from the cache and by a note, and a few at once ask once.
func TestProgram(t *testing.T) {
	harness.Long(t, "builds the standard library for two processors")
	for _, p := range processors {
		t.Run(p.arch, func(t *testing.T) {
			w := p.world(t)
			if r := w.Run(t, "version"); r.Code != 0 || !strings.Contains(r.Stdout, "linux/"+p.arch) {
				t.Fatalf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			cold := w.Run(t, "--source-profile", "base")
			w.Creds(t, cold)
			warm := w.Run(t, "--source-profile", "base")
			if warm.Stdout != cold.Stdout || w.STS.Count("GetSessionToken") != 1 {
				t.Errorf("the second call: exit %d, %q, %d calls of STS", warm.Code, warm.Stderr, w.STS.Count("GetSessionToken"))
			}
			if notes, _ := filepath.Glob(filepath.Join(w.Cache(), "*", "*.direct")); len(notes) == 0 {
				t.Error("there is no note: answers are not direct")
			}
			if r, direct := w.Directly(t, w.Command(t, "--source-profile", "base")); !direct || r.Stdout != cold.Stdout {
				t.Errorf("not answered directly: exit %d, %q", r.Code, r.Stderr)
			}
			results := w.RunTogether(t, 8, nil, "--source-profile", "base", "--duration", "1h")
			for _, r := range results {
				if r.Code != 0 || r.Stdout != results[0].Stdout {
					t.Errorf("of a crowd: exit %d, %q", r.Code, r.Stderr)
				}
			}
			if n := w.STS.Count("GetSessionToken"); n != 2 {
				t.Errorf("%d calls of STS, want one for each token", n)
			}
		})
	}
}

// A record is the same bytes on every processor: what one wrote, the other hands out.
func TestCacheOfAnotherProcessor(t *testing.T) {
	harness.Long(t, "builds the standard library for two processors")
	for _, p := range processors {
		t.Run(p.arch, func(t *testing.T) {
			w := p.world(t)
			foreign := w.Home.Bin
			here := harness.Binary(t)
			for i, bins := range [][2]string{{foreign, here}, {here, foreign}} {
				w.Home.Bin = bins[0]
				args := []string{"--source-profile", "base", "--duration", fmt.Sprint(i+1, "h")}
				first := w.Run(t, args...)
				w.Creds(t, first)
				w.Home.Bin = bins[1]
				if r := w.Run(t, args...); r.Stdout != first.Stdout {
					t.Errorf("written by %s: exit %d, %q", bins[0], r.Code, r.Stderr)
				}
			}
			if n := w.STS.Count("GetSessionToken"); n != 2 {
				t.Errorf("%d calls of STS, want 2", n)
			}
		})
	}
}

// packages are those whose tests are run, in a test of each processor. What asks the kernel about sockets is not among
// them: qemu 7 does not translate that.
var packages = []string{"./cache", "./handoff", "./lock", "./policy", "./process", "./provider", "./sts", "./token", "./cmd/sts-helper", "./internal/..."}

// artifacts are tests of what qemu and a user namespace do not have: the terminal's number in /proc/self/stat, variables
// in their order, netlink in the other order of bytes, device files, file systems that can
// be mounted again read-only. /proc/net/tcp has numbers in the order of the real machine.
const artifacts = "^(TestTerminalAnswers|TestProcessGetsOnlyWhatItNeeds|TestAddAddresses|TestAddAddressesWithoutIPv6|TestListeningOn|TestStrangeThingsInARecordsPlace|TestReadOnlyFileSystem)$"

// TestPackages runs the packages' tests with an executable format of the kernel's that is there for them alone
// (binfmt_misc in a user namespace, Linux 6.7), since some of them start themselves again.
func TestPackages(t *testing.T) {
	if os.Getenv("STS_HELPER_QEMU_PACKAGES") == "" {
		t.Skip("it takes long: make qemu")
	}
	if os.Geteuid() != 0 {
		t.Fatal("it needs root, for namespaces in which every user is himself")
	}
	for _, p := range processors {
		t.Run(p.arch, func(t *testing.T) {
			format := fmt.Sprintf(":%s:M::%s:%s:%s:F", p.arch, p.header, p.mask, p.emulator(t))
			cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-eu", "-c",
				`mount -t binfmt_misc none /proc/sys/fs/binfmt_misc; printf %s "$0" >/proc/sys/fs/binfmt_misc/register; exec "$@"`,
				format, "go", "test", "-count=1", "-short", "-timeout=30m", "-skip", artifacts}, packages...)...)
			root, err := harness.Root()
			harness.Must(t, err)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "GOARCH="+p.arch, "CGO_ENABLED=0")
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			everyone := []syscall.SysProcIDMap{{Size: 1<<32 - 1}}
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS, UidMappings: everyone, GidMappings: everyone, GidMappingsEnableSetgroups: true}
			harness.Must(t, cmd.Run())
		})
	}
}
