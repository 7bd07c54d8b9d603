package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness/overlap"
)

// scratch is a directory for as long as the tests of a package run.
var scratch string

// Main runs the tests of a package that drives the binary; its TestMain ends with the code.
func Main(m *testing.M) int {
	DefaultSignals()
	dir, err := os.MkdirTemp("", "sts-helper-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	scratch = dir
	overlap.Tests()
	return m.Run()
}

// DefaultSignals gives this process's children the usual signals where the user who started
// the tests in the background has them ignored: what is caught here is theirs by default.
func DefaultSignals() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// Long skips, in the short lane, a test that takes long or much; what says why.
func Long(t testing.TB, what string) {
	t.Helper()
	if testing.Short() {
		t.Skip("long: " + what)
	}
}

// LeftOut reports whether the short lane leaves out row i of a long table, of which it runs every fifth.
func LeftOut(i int) bool { return testing.Short() && i%5 != 0 }

// OnlyLinux skips a test of what other systems have not, where the tests are run with what those have ("make test-other").
func OnlyLinux(t testing.TB, what string) {
	t.Helper()
	if systemTags != "" {
		t.Skip("only on Linux: " + what)
	}
}

// Binary is the path of the sts-helper under test.
func Binary(t testing.TB) string {
	t.Helper()
	return built(t, "sts-helper", func(dir string) (string, error) { return Build(dir+"/cmd", "cmd/sts-helper") })
}

// ClockBinary is the path of an sts-helper whose clocks tests can move; see [BuildWithClock].
func ClockBinary(t testing.TB) string {
	t.Helper()
	Long(t, "builds the standard library anew")
	return built(t, "clock", func(dir string) (string, error) { return BuildWithClock(dir, "cmd/sts-helper") })
}

// Upgrade is the path of another version of the sts-helper under test.
func Upgrade(t testing.TB) string {
	t.Helper()
	return built(t, "upgrade", func(dir string) (string, error) {
		return Build(filepath.Join(dir, "upgrade"), "cmd/sts-helper", "-ldflags=-s -w -X main.version=upgraded")
	})
}

// OtherSystem is the path of an sts-helper that goes without what only Linux has.
func OtherSystem(t testing.TB) string {
	t.Helper()
	return built(t, "other-system", func(dir string) (string, error) {
		return Build(filepath.Join(dir, "other"), "cmd/sts-helper", "-tags="+buildTags+",otheros")
	})
}

// Floor is the path of an sts-helper that only starts; see [BuildFloor].
func Floor(t testing.TB) string {
	t.Helper()
	return built(t, "floor", BuildFloor)
}

// Program is the path of a command below integration/cmd.
func Program(t testing.TB, name string) string {
	t.Helper()
	return built(t, name, func(dir string) (string, error) { return Build(dir+"/integration/cmd", "integration/cmd/"+name) })
}

var builds = struct {
	sync.Mutex
	path map[string]string
}{path: map[string]string{}}

// built makes a binary when the first test of this process wants it.
func built(t testing.TB, name string, build func(dir string) (string, error)) string {
	t.Helper()
	builds.Lock()
	defer builds.Unlock()
	if builds.path[name] == "" {
		if scratch == "" {
			t.Fatal("the package's TestMain does not call harness.Main")
		}
		path, err := Shared(filepath.Join(scratch, name), build)
		Must(t, err)
		builds.path[name] = path
	}
	return builds.path[name]
}

// Shared makes a binary in a directory of this checkout, one test process at a time. What is up
// to date there "go build" leaves alone, so that of all packages only the first links it. The
// caller gets a name of its own for it, below into, which a later build does not touch: it puts
// a new file in its place.
func Shared(into string, build func(dir string) (string, error)) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(root, ".tools", "test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	bin, err := build(dir)
	if err != nil {
		return "", err
	}
	own := filepath.Join(into, filepath.Base(bin))
	if err := os.MkdirAll(into, 0o700); err != nil {
		return "", err
	}
	if os.Link(bin, own) == nil {
		return own, nil
	}
	// Another file system. A process of its own copies: the children of this one would inherit
	// the open file, and what is open for writing cannot be run.
	if out, err := exec.Command("cp", bin, own).CombinedOutput(); err != nil {
		return "", fmt.Errorf("cp %s: %w: %s", bin, err, out)
	}
	return own, nil
}

// Root is the directory of this module.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
}
