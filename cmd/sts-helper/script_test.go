package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sts-helper": main})
}

// TestScripts runs testdata/script: one file a behaviour, each with a home and an STS of its
// own. $AKID is the access key id of user alice, whose key is profile "base"; bob's is "bob".
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: false,
		Setup:               newWorld,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"calls":  calls,
			"fault":  order,
			"exits":  exits,
			"secret": secret,
			"append": appendLine,
		},
	})
}

type emulatorKey struct{}

func newWorld(env *testscript.Env) error {
	e := emulator.New(emulator.World{})
	u := e.AddUser("111122223333", "alice")
	e.AddMFADevice(u, "alice")
	e.AddRole("111122223333", "deploy", emulator.MaxSessionDuration(43200))
	if err := e.Start(); err != nil {
		return err
	}
	env.Defer(e.Close)
	env.Values[emulatorKey{}] = e
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(filepath.Join(home, ".aws"), 0o700); err != nil {
		return err
	}
	bob := e.AddUser("111122223333", "bob")
	var keys strings.Builder
	for name, u := range map[string]*emulator.User{"base": u, "bob": bob} {
		keys.WriteString(fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", name, u.AccessKeyID, u.SecretAccessKey))
	}
	if err := os.WriteFile(filepath.Join(home, ".aws", "credentials"), []byte(keys.String()), 0o600); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("USERPROFILE", home)                             // what HOME is on Windows
	env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache")) // where macOS would have it in ~/Library
	env.Setenv("AWS_ENDPOINT_URL_STS", e.URL())
	env.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	if err := os.WriteFile(filepath.Join(env.WorkDir, "key"), []byte(u.AccessKeyID+"\n"+u.SecretAccessKey+"\n"), 0o600); err != nil {
		return err
	}
	env.Setenv("AKID", u.AccessKeyID)
	env.Setenv("SECRET", u.SecretAccessKey)
	return nil
}

func emulated(ts *testscript.TestScript) *emulator.Emulator {
	return ts.Value(emulatorKey{}).(*emulator.Emulator)
}

// calls N [OP]: STS has been called that often.
func calls(ts *testscript.TestScript, neg bool, args []string) {
	op := ""
	if len(args) == 2 {
		op = args[1]
	}
	if n := fmt.Sprint(emulated(ts).Count(op)); (n == args[0]) == neg {
		ts.Fatalf("%s calls of STS, want %s", n, args[0])
	}
}

// fault KIND: what STS does from now on; none for proper answers again.
func order(ts *testscript.TestScript, _ bool, args []string) {
	emulated(ts).ClearFaults()
	if args[0] != "none" {
		emulated(ts).Fault(emulator.Fault{Kind: emulator.Kind(args[0])})
	}
}

// exits CODE PROGRAM ARGS...: it ends with that code, nothing on standard output and one line
// on standard error where the code is not 0.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
	if code == "0" {
		return
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("standard output of a run that failed: %q", out)
	}
	if errs := ts.ReadFile("stderr"); strings.Count(errs, "\n") != 1 || !strings.HasPrefix(errs, "sts-helper: ") || strings.Contains(errs, "CANARY") {
		ts.Fatalf("standard error is not one line without secrets: %q", errs)
	}
}

// append FILE: a comment of the user's at the end.
func appendLine(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	ts.Check(os.WriteFile(path, append(data, "# appended\n"...), 0o600))
}

// secret FILE: no secret in it (stdout and stderr are files, too).
func secret(ts *testscript.TestScript, neg bool, args []string) {
	if strings.Contains(ts.ReadFile(args[0]), "CANARY") == neg {
		ts.Fatalf("a secret in %s: %v", args[0], neg)
	}
}
