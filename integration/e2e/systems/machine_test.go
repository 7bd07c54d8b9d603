// Package systems runs one table of commands on each system that can be run here: on this one, and, where
// integration/wine/run.sh has prepared it, on Windows as far as Wine is one. What comes out must be the same.
package systems_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

// wineExe is the program for Windows, where this test runs beside Wine: see integration/wine/run.sh.
var wineExe = os.Getenv("STS_HELPER_WINE_EXE")

// machine is a system with the program on it.
type machine struct {
	windows bool
	program string   // as a shell of the system names it
	command []string // what starts it here
}

// onEach runs a test on each system, one after the other: they share the machine.
func onEach(t *testing.T, test func(t *testing.T, h *home)) {
	t.Helper()
	t.Run("here", func(t *testing.T) {
		if wineExe != "" {
			t.Skip("beside Wine only the program for Windows is there")
		}
		bin := harness.Binary(t)
		test(t, newHome(t, machine{program: bin, command: []string{bin}}))
	})
	t.Run("Wine", func(t *testing.T) {
		if wineExe == "" {
			t.Skip("run by make wine")
		}
		test(t, newHome(t, machine{windows: true, program: windowsPath(wineExe), command: []string{"wine64", wineExe}}))
	})
}

// windowsPath is where Wine shows a file: Z: is the root.
func windowsPath(path string) string { return `Z:` + strings.ReplaceAll(path, "/", `\`) }

// home is a user's: a directory whose name has a blank, an STS, and AWS's files.
type home struct {
	machine
	dir  string
	sts  *emulator.Emulator
	user *emulator.User
	env  map[string]string
}

func newHome(t *testing.T, m machine) *home {
	t.Helper()
	e := emulator.New(emulator.World{})
	h := &home{machine: m, dir: filepath.Join(t.TempDir(), "Ana Bell"), sts: e, user: e.AddUser(harness.Account, "ana")}
	harness.Must(t, e.Start())
	t.Cleanup(e.Close)
	h.write(t, ".aws/credentials", fmt.Sprintf("[base]\naws_access_key_id = %s\naws_secret_access_key = %s\n", h.user.AccessKeyID, h.user.SecretAccessKey))
	h.write(t, ".aws/config", "[profile dev]\ncredential_process = sts-helper --source-profile base\nregion = eu-west-1\n")
	h.env = map[string]string{
		"AWS_CONFIG_FILE":             h.path(".aws/config"),
		"AWS_SHARED_CREDENTIALS_FILE": h.path(".aws/credentials"),
		"STS_HELPER_CACHE_DIR":        h.path("cache"),
		"AWS_ENDPOINT_URL_STS":        e.URL(),
		"AWS_ENDPOINT_URL_IAM":        e.URL(),
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_STS_REGIONAL_ENDPOINTS":  "regional",
	}
	return h
}

// write writes a file below the home, 0600, with its directories.
func (h *home) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(h.dir, name)
	harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	harness.Must(t, os.WriteFile(path, []byte(content), 0o600))
}

// path is a file below the home, as the program has it.
func (h *home) path(name string) string { return h.spell(filepath.Join(h.dir, name)) }

func (h *home) spell(path string) string {
	if h.windows {
		return windowsPath(path)
	}
	return path
}

// start is the program with args, not yet started.
func (h *home) start(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, h.command[0], append(h.command[1:], args...)...)
	cmd.Dir = h.dir
	if h.windows {
		cmd.Env = append(os.Environ(), "WINEPATH="+windowsPath(filepath.Dir(wineExe)))
	} else {
		cmd.Env = []string{"HOME=" + h.dir, "PATH=" + filepath.Dir(h.program) + ":/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"}
	}
	for k, v := range h.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// serve starts a server, which is ended with the test; ended is closed when it has ended before.
func (h *home) serve(t *testing.T, args ...string) (log *harness.Output, ended chan struct{}) {
	t.Helper()
	cmd := h.start(t, args...)
	log, ended = &harness.Output{}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	harness.Must(t, cmd.Start())
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if strings.Contains(log.String(), harness.Canary) {
			t.Errorf("a secret in the log:\n%s", log)
		}
		if t.Failed() {
			t.Logf("%s", log)
		}
	})
	return log, ended
}

func (h *home) run(t *testing.T, args ...string) harness.Result {
	t.Helper()
	return h.finish(t, h.start(t, args...))
}

// ofWine is what Wine says where it fails itself at the end of a process, which has its exit code by then.
var ofWine = regexp.MustCompile(`(?m)^wine: .*\n`)

func (h *home) finish(t *testing.T, cmd *exec.Cmd) harness.Result {
	t.Helper()
	r := harness.Finish(cmd)
	if h.windows {
		r.Stderr = ofWine.ReplaceAllString(r.Stderr, "")
	}
	if err := r.Leaks(); err != nil {
		t.Error(err)
	}
	return r
}

// creds are the credentials that a run printed, which must be good.
func (h *home) creds(t *testing.T, r harness.Result) (keyID string) {
	t.Helper()
	var d harness.Document
	if err := json.Unmarshal([]byte(r.Stdout), &d); r.Code != 0 || r.Stderr != "" || err != nil || !h.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.SessionToken) {
		t.Fatalf("exit %d, stderr %q, stdout %.80q, %v", r.Code, r.Stderr, r.Stdout, err)
	}
	if end, err := time.Parse(time.RFC3339, d.Expiration); err != nil || !end.After(time.Now()) {
		t.Fatalf("expiration %q, %v", d.Expiration, err)
	}
	return d.AccessKeyId
}
