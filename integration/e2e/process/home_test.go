package process_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

func fault(kind string) emulator.Fault { return emulator.Fault{Kind: emulator.Kind(kind)} }

// A home that will not do: the credentials still come, or the error says what to do. Nothing
// is ever put where others could find it.
func TestHomesThatWillNotDo(t *testing.T) {
	const nobody = 12345
	for _, tc := range []struct {
		name    string
		prepare func(t *testing.T, w *harness.World, cmd *exec.Cmd)
		code    int
		stderr  string // part of the error
	}{
		{"no HOME", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			cmd.Env = without(cmd.Env, "HOME")
			cmd.Env = append(cmd.Env, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(w.Dir, ".aws/credentials"))
		}, 0, ""},
		{"relative HOME", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "HOME=home", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(w.Dir, ".aws/credentials"))
		}, 0, ""},
		{"HOME is the root", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "HOME=/", "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(w.Dir, ".aws/credentials"))
		}, 0, ""},
		{"relative XDG_CACHE_HOME", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			cmd.Env = append(cmd.Env, "XDG_CACHE_HOME=cache")
		}, 0, ""},
		{"cache others can read", func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, os.MkdirAll(w.Cache(), 0o755))
		}, harness.ExitConfig, "chmod 700 "},
		{"cache is a link", func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, os.MkdirAll(filepath.Dir(w.Cache()), 0o700))
			harness.Must(t, os.Symlink(t.TempDir(), w.Cache()))
		}, harness.ExitConfig, "is a symbolic link"},
		{"cache is a file", func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, w.Write(".cache/sts-helper", "x"))
		}, harness.ExitConfig, "not a directory"},
		{"cache of another user", func(t *testing.T, w *harness.World, _ *exec.Cmd) {
			harness.Must(t, os.MkdirAll(w.Cache(), 0o700))
			harness.Must(t, os.Chown(w.Cache(), nobody, nobody))
		}, harness.ExitConfig, "belongs to uid 12345"},
		{"too few files", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			*cmd = *exec.Command("sh", append([]string{"-c", `ulimit -n 7; exec "$0" "$@"`, w.Bin}, cmd.Args[1:]...)...)
			cmd.Env = w.Environ()
		}, harness.ExitConfig, "too few files may be open at once"},
		{"few files", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			*cmd = *exec.Command("sh", append([]string{"-c", `ulimit -n 16; exec "$0" "$@"`, w.Bin}, cmd.Args[1:]...)...)
			cmd.Env = w.Environ()
		}, 0, ""},
		{"short files", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			*cmd = *exec.Command("sh", append([]string{"-c", `trap "" XFSZ; ulimit -f 1; exec "$0" "$@"`, w.Bin}, cmd.Args[1:]...)...)
			cmd.Env = w.Environ()
		}, 0, ""},
		{"cache on a read-only file system", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			w.Creds(t, w.Run(t, "--source-profile", "base", "--duration", "1h"))
			inNamespace(t, w, cmd, fmt.Sprintf("mount --bind %[1]s %[1]s && mount -o remount,ro,bind %[1]s", w.Dir))
		}, 0, ""},
		{"home that cannot be written", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			harness.Must(t, filepath.Walk(w.Dir, func(p string, _ os.FileInfo, _ error) error { return os.Chown(p, nobody, nobody) }))
			harness.Must(t, os.Chmod(w.Dir, 0o500))
			open(t, w.Dir, w.Bin)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}, 0, ""},
		{"full disk", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			harness.Must(t, os.MkdirAll(w.Cache(), 0o700))
			inNamespace(t, w, cmd, fmt.Sprintf("mount -t tmpfs -o size=8k,mode=0700 full %[1]s && dd if=/dev/zero of=%[1]s/full bs=4096 count=2 2>/dev/null", w.Cache()))
		}, 0, ""},
		{"no inodes", func(t *testing.T, w *harness.World, cmd *exec.Cmd) {
			harness.Must(t, os.MkdirAll(w.Cache(), 0o700))
			inNamespace(t, w, cmd, "mount -t tmpfs -o nr_inodes=3,mode=0700 full "+w.Cache())
		}, 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if os.Geteuid() != 0 {
				t.Skip("needs root to make foreign files, mounts and other users")
			}
			w := harness.NewWorld(t)
			cmd := w.Command(t, "--source-profile", "base")
			tc.prepare(t, w, cmd)
			r := w.Finish(t, cmd)
			if r.Code != tc.code || !strings.Contains(r.Stderr, tc.stderr) {
				t.Fatalf("exit %d, want %d; stderr %q", r.Code, tc.code, r.Stderr)
			}
			if tc.code == 0 {
				w.Creds(t, r)
			}
			if _, err := os.Lstat("/.cache/sts-helper"); err == nil {
				t.Error("a cache in the root directory")
			}
			if found, _ := filepath.Glob(filepath.Join(os.TempDir(), "sts-helper", "*")); len(found) > 0 {
				t.Errorf("a cache in a shared directory: %v", found)
			}
		})
	}
}

// inNamespace makes cmd run in a mount namespace of its own, after the given set-up.
func inNamespace(t *testing.T, w *harness.World, cmd *exec.Cmd, setup string) {
	t.Helper()
	script := "mount --make-rprivate / && " + setup + ` && exec "$0" "$@"`
	*cmd = *exec.Command(harness.Need(t, "unshare"), append([]string{"-m", "sh", "-c", script, w.Bin}, cmd.Args[1:]...)...)
	cmd.Env = w.Environ()
}

// open lets other users reach a directory and a file below the test's temporary ones.
func open(t *testing.T, paths ...string) {
	t.Helper()
	for _, p := range paths {
		for dir := filepath.Dir(p); dir != "/"; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			harness.Must(t, err)
			if info.Mode().Perm()&0o5 != 0o5 {
				harness.Must(t, os.Chmod(dir, 0o755))
			}
		}
	}
}

func without(env []string, name string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, name+"=") {
			out = append(out, e)
		}
	}
	return out
}

// What standard output must be, and what happens where it is not.
func TestStandardOutput(t *testing.T) {
	w := harness.NewWorld(t)
	w.Creds(t, w.Run(t, "--source-profile", "base"))
	for name, shell := range map[string]string{
		"full":             `"$0" --source-profile base >/dev/full`,
		"closed":           `"$0" --source-profile base >&-`,
		"all closed":       `"$0" --source-profile base <&- >&- 2>&-`,
		"without a reader": `{ sleep 0.3; "$0" --source-profile base; echo $? >code; } | true; sleep 0.6; exit $(cat code)`,
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", shell, w.Bin)
			cmd.Env, cmd.Dir = w.Environ(), w.Dir
			if r := w.Finish(t, cmd); r.Code == 0 || r.Stdout != "" {
				t.Errorf("exit %d, stdout %q", r.Code, r.Stdout)
			}
		})
	}
}

// Standard input is never read: it may be a pipe that is never closed.
func TestStandardInputIsNotRead(t *testing.T) {
	w := harness.NewWorld(t)
	cmd := w.Command(t, "--source-profile", "base")
	in, err := cmd.StdinPipe()
	harness.Must(t, err)
	defer in.Close()
	w.Creds(t, w.Finish(t, cmd))
}

// However few files may be open, there is an answer or a line that says why not, from every command.
func TestFewFiles(t *testing.T) {
	w := harness.NewWorld(t)
	for n := 3; n <= 24; n++ {
		for i, args := range []string{"--source-profile base", "status", "serve --source-profile base --listen 127.0.0.1:x", "policy"} {
			if harness.LeftOut(n + i) {
				continue
			}
			cmd := exec.Command("sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" %s`, n, args), w.Bin)
			cmd.Env = w.Environ()
			r := w.Finish(t, cmd)
			if strings.Contains(r.Stderr, "goroutine") || strings.Count(r.Stderr, "\n") > 1 || n < 11 && (r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "ulimit -n")) || n >= 16 && strings.Contains(r.Stderr, "ulimit -n") {
				t.Errorf("%d files, %s: exit %d, %q", n, args, r.Code, r.Stderr)
			}
		}
	}
}
