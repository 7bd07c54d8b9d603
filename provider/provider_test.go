package provider_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/provider"
)

// What is wrong with a configuration is of class Configuration, one line, and without a secret.
func TestNewRefuses(t *testing.T) {
	getenv, _, remove, err := world()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	for want, c := range map[string]provider.Config{
		"nobody":   {Profile: "nobody"},
		"duration": {Profile: "base", Settings: map[string][]string{"duration": {"CANARYs"}, "prompt": {"never"}}},
	} {
		c.Getenv = getenv
		_, err := provider.New(c)
		if err == nil || provider.ClassOf(err) != provider.Configuration || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, class %s", want, err, provider.ClassOf(err))
		}
	}
}

// Where a code would be needed and the user may not be asked, the error says what to run.
func TestNonInteractive(t *testing.T) {
	getenv, sts, remove, err := world()
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	serial := map[string][]string{"mfa-serial": {"arn:aws:iam::111122223333:mfa/alice"}}
	for run, c := range map[string]provider.Config{
		"run: sts-helper login base --mfa-serial arn:aws:iam::111122223333:mfa/alice --force": {Profile: "base", Settings: serial},
		"run: mytool login": {Profile: "base", Settings: serial, LoginCommand: "mytool login"},
	} {
		c.Getenv, c.NonInteractive = getenv, true
		p, err := provider.New(c)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Retrieve(t.Context())
		if provider.ClassOf(err) != provider.InteractionRequired || !strings.HasSuffix(err.Error(), run) || sts.Count("") != 0 {
			t.Errorf("%v, %d calls", err, sts.Count(""))
		}
	}
}

// A program outside of this module can use the package: its API needs no internal package.
func TestCompilesOutside(t *testing.T) {
	if testing.Short() {
		t.Skip("long: compiles every package anew, as another module's")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/sts-helper/sts-helper"
	mod = []byte(strings.Replace(string(mod), "module "+module, "module example.com/outside", 1) +
		"\nrequire " + module + " v0.0.0\nreplace " + module + " => " + root + "\n")
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"go.mod": mod, "go.sum": sum, "example_test.go": example, "doc.go": []byte("package provider\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "vet", "-mod=mod", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
