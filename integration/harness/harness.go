// Package harness runs the real sts-helper binary in homes of its own, with an environment
// that can reach nothing but loopback, for the tests of package integration and the demo.
package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Canary is the marker that every secret of a test contains.
const Canary = "CANARY"

// buildTags are those that the Makefile builds the product with.
const buildTags = "nethttpomithttp2"

// Build builds the command package pkg of this module into dir and gives the binary's path.
// Extra arguments go to "go build".
func Build(dir, pkg string, extra ...string) (string, error) {
	bin := filepath.Join(dir, filepath.Base(pkg))
	args := append([]string{"build", "-trimpath", "-tags=" + buildTags + systemTags, "-ldflags=-s -w", "-o", bin}, extra...)
	cmd := exec.Command("go", append(args, "github.com/sts-helper/sts-helper/"+pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return bin, nil
}

var remembered = regexp.MustCompile(`tried [a-z0-9 ]+ ago: `)

// Unremembered is what a helper says, the same whether the failure is its own or another's, which
// it says since when it knows.
func Unremembered(stderr string) string { return remembered.ReplaceAllString(stderr, "") }

// Home is a user's home directory with the variables of a fresh login.
type Home struct {
	Dir string
	// Bin is the sts-helper to run; its directory is first in PATH.
	Bin string
	// Env is the whole environment of what runs here, beside HOME and PATH.
	Env map[string]string
}

// NewHome makes a home in dir for the binary, whose STS is at endpoint. Nothing that runs in
// it can find a metadata service.
func NewHome(dir, bin, endpoint string) (*Home, error) {
	h := &Home{Dir: dir, Bin: bin, Env: map[string]string{
		"AWS_ENDPOINT_URL_STS":       endpoint,
		"AWS_EC2_METADATA_DISABLED":  "true",
		"AWS_STS_REGIONAL_ENDPOINTS": "regional",
		"LANG":                       "C.UTF-8",
		"TZ":                         "UTC",
	}}
	for _, d := range []string{".aws", ".config/sts-helper"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Write writes a file below the home, 0600, with its directories.
func (h *Home) Write(name, content string) error {
	path := filepath.Join(h.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(content), 0o600)
}

// Cache is where the home's cache is by default.
func (h *Home) Cache() string { return filepath.Join(h.Dir, ".cache", "sts-helper") }

// Environ is the environment as os/exec takes it. Extra assignments come last and win.
func (h *Home) Environ(extra ...string) []string {
	env := []string{
		"HOME=" + h.Dir,
		"PATH=" + filepath.Dir(h.Bin) + ":/usr/local/bin:/usr/bin:/bin",
	}
	for k, v := range h.Env {
		env = append(env, k+"="+v)
	}
	return append(env, extra...)
}

// Command is the helper with args, not yet started.
func (h *Home) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, h.Bin, args...)
	cmd.Env = h.Environ()
	cmd.Dir = h.Dir
	return cmd
}

// leftover is how long the output of a command that has ended is read on while a process that it has
// left behind holds it open.
const leftover = 30 * time.Second

// Begin starts a command that is killed after [Patience], by its process id, if it has not ended. The
// caller waits for it.
func Begin(cmd *exec.Cmd) error {
	if cmd.WaitDelay == 0 {
		cmd.WaitDelay = leftover
	}
	err := cmd.Start()
	if err == nil {
		time.AfterFunc(Patience, func() { _ = cmd.Process.Kill() })
	}
	return err
}

// Result is how one run went.
type Result struct {
	Stdout, Stderr string
	Code           int // -1 where a signal ended it
	Wall           time.Duration
}

// Run runs the helper with args and waits for it.
func (h *Home) Run(ctx context.Context, args ...string) Result {
	return Finish(h.Command(ctx, args...))
}

// Finish runs a command to its end.
func Finish(cmd *exec.Cmd) Result {
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	if cmd.Stderr == nil {
		cmd.Stderr = &errs
	}
	start := time.Now()
	err := Begin(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	r := Result{Stdout: out.String(), Stderr: errs.String(), Wall: time.Since(start)}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.Code = exit.ExitCode()
	case err != nil:
		r.Code, r.Stderr = -1, r.Stderr+err.Error()
	}
	return r
}

// Leaks gives every place of r where a secret shows that must not: anything but the standard
// output of a run that succeeded.
func (r Result) Leaks() error {
	if strings.Contains(r.Stderr, Canary) {
		return fmt.Errorf("a secret on standard error: %s", r.Stderr)
	}
	if r.Code != 0 && strings.Contains(r.Stdout, Canary) {
		return fmt.Errorf("a secret on the standard output of a run that failed: %s", r.Stdout)
	}
	return nil
}
