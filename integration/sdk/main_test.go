package sdk_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// binariesVariable tells the inner process, which runs the tests, where the outer one, which
// still had a network and so could build, has put the binaries.
const binariesVariable = "STS_HELPER_SDK_BINARIES"

// docsVariable names the folder whose compatibility.md gets the table.
const docsVariable = "STS_HELPER_CONFORMANCE"

var (
	// binaries has sts-helper, whoami and whoami-minio, and in clock/ the same with clocks that
	// tests can move.
	binaries = os.Getenv(binariesVariable)
	// tools is where install.sh has put the SDKs.
	tools = filepath.Join(root(), ".tools", "sdk")
)

func root() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}

func TestMain(m *testing.M) {
	flag.Parse()
	// To list tests, or to run benchmarks, of which there are none here, takes no preparation.
	idle := flag.Lookup("test.list").Value.String() != "" || flag.Lookup("test.run").Value.String() == "^$"
	switch {
	case idle || testing.Short():
		os.Exit(m.Run())
	case binaries == "":
		os.Exit(outside(m))
	}
	code := m.Run()
	if err := report(code == 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// unprepared says why no SDK can be run here, if so.
var unprepared string

// inside skips a test where the SDKs are not to be run, or cannot be; where CI is set that fails.
func inside(t *testing.T) {
	t.Helper()
	harness.Long(t, "runs every SDK")
	if unprepared != "" && os.Getenv("CI") != "" {
		t.Fatal(unprepared)
	}
	if unprepared != "" {
		t.Skip(unprepared)
	}
}

// outside builds what the tests run and starts them again in a network namespace of their own.
func outside(m *testing.M) int {
	unshare := []string{"unshare", "-n"}
	if os.Geteuid() != 0 {
		unshare = []string{"unshare", "-rn"}
	}
	inner := append(unshare, "sh", "-c", `ip link set lo up && ip addr add 169.254.169.254/32 dev lo && ip addr add 169.254.170.2/32 dev lo && exec "$@"`, "sh")
	if out, err := exec.Command(inner[0], append(inner[1:], "true")...).CombinedOutput(); err != nil {
		unprepared = fmt.Sprintf("no network namespace can be made: %v: %s", err, bytes.TrimSpace(out))
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "sts-helper-sdk-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cmd := exec.Command(inner[0], append(append(inner[1:], os.Args[0]), os.Args[1:]...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), binariesVariable+"="+dir)
	if err := cmd.Run(); err != nil {
		if code := cmd.ProcessState.ExitCode(); code > 0 {
			return code
		}
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func build(dir string) error {
	for _, pkg := range []string{"cmd/sts-helper", "integration/sdk/whoami"} {
		if _, err := harness.Shared(dir, func(dir string) (string, error) { return harness.Build(filepath.Join(dir, filepath.Dir(pkg)), pkg) }); err != nil {
			return err
		}
		if _, err := harness.Shared(filepath.Join(dir, "clock"), func(dir string) (string, error) { return harness.BuildWithClock(dir, pkg) }); err != nil {
			return err
		}
	}
	overlay, err := harness.Overlay(filepath.Join(dir, "overlay"))
	if err != nil {
		return err
	}
	if err := buildGoTests(dir); err != nil {
		return err
	}
	module("minio", dir)
	module("minio", filepath.Join(dir, "clock"), overlay)
	module("gov1", dir)
	module("gobase", dir)
	return nil
}

// module builds the program of a folder that is a module of its own. Where its packages cannot be had its row
// is not run.
func module(name, dir string, extra ...string) {
	args := append([]string{"build", "-o", filepath.Join(dir, "whoami-"+name)}, extra...)
	cmd := exec.CommandContext(context.Background(), "go", append(args, ".")...)
	cmd.Dir = name
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n%s", name, err, out)
	}
}
