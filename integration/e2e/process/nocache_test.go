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
	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

// readOnlyHome makes cmd see a home that cannot be written, whose cache exists (made) or does
// not. It returns a directory that only the user may use.
func readOnlyHome(t *testing.T, w *harness.World, cmd *exec.Cmd, made bool) (private string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a read-only mount")
	}
	if made {
		w.Creds(t, w.Run(t, "--source-profile", "base", "--duration", "1h"))
	}
	private = filepath.Join(t.TempDir(), "run")
	harness.Must(t, os.Mkdir(private, 0o700))
	inNamespace(t, w, cmd, fmt.Sprintf("mount --bind %[1]s %[1]s && mount -o remount,ro,bind %[1]s", w.Dir))
	return private
}

// fullDisk makes cmd see a home whose ~/.cache is on a disk without any room left.
func fullDisk(t *testing.T, w *harness.World, cmd *exec.Cmd) (private string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a disk of its own")
	}
	private = filepath.Join(t.TempDir(), "run")
	harness.Must(t, os.Mkdir(private, 0o700))
	harness.Must(t, os.MkdirAll(w.Cache(), 0o700))
	inNamespace(t, w, cmd, fmt.Sprintf("mount -t tmpfs -o size=64k,mode=700 none %[1]s && mkdir -m 700 %[1]s/v1 %[1]s/locks && ! cat /dev/zero 2>/dev/null >%[1]s/rest", w.Cache()))
	return private
}

// A hundred programs whose home is read-only, or whose disk is full, ask STS once, where there is any
// directory that belongs to the user alone. Where there is none each asks for itself, and says so.
func TestNoRoomForCredentials(t *testing.T) {
	harness.Long(t, "100 programs at once")
	const n = 100
	for _, tc := range []struct {
		name    string
		private string // the variable that names it, "" for none
		full    bool   // the disk, else the home is read-only
		made    bool
		calls   int
	}{
		{"runtime directory", "XDG_RUNTIME_DIR", false, false, 1},
		{"runtime directory, cache from before", "XDG_RUNTIME_DIR", false, true, 1},
		{"private directory for temporary files", "TMPDIR", false, false, 1},
		{"none", "", false, false, n},
		{"none, cache from before", "", false, true, n},
		{"full disk, runtime directory", "XDG_RUNTIME_DIR", true, false, 1},
		{"full disk, private directory for temporary files", "TMPDIR", true, false, 1},
		{"full disk, none", "", true, false, n},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := harness.NewWorld(t)
			out := t.TempDir()
			script := fmt.Sprintf(`for i in $(seq %d); do "$0" --source-profile base >%s/$i.out 2>%[2]s/$i.err & done; wait`, n, out)
			cmd := exec.Command("true")
			reason, private := "read-only file system", ""
			if tc.full {
				reason, private = "no space left on device", fullDisk(t, w, cmd)
			} else {
				private = readOnlyHome(t, w, cmd, tc.made)
			}
			last := len(cmd.Args) - 2 // the set-up, then "$0"
			cmd.Args = append(cmd.Args[:last], strings.Replace(cmd.Args[last], `exec "$0" "$@"`, script, 1), w.Bin)
			if tc.private != "" {
				cmd.Env = append(cmd.Env, tc.private+"="+private)
			}
			before := w.STS.Count("")
			if r := w.Finish(t, cmd); r.Code != 0 {
				t.Fatalf("exit %d: %s", r.Code, r.Stderr)
			}
			if calls := w.STS.Count("") - before; calls != tc.calls {
				t.Errorf("STS was asked %d times, want %d", calls, tc.calls)
			}
			said := 0
			for i := 1; i <= n; i++ {
				doc, err := os.ReadFile(fmt.Sprintf("%s/%d.out", out, i))
				harness.Must(t, err)
				w.Parse(t, string(doc))
				words, err := os.ReadFile(fmt.Sprintf("%s/%d.err", out, i))
				harness.Must(t, err)
				if lines := strings.Count(string(words), "\n"); lines > 1 {
					t.Errorf("%d lines: %s", lines, words)
				}
				if strings.Contains(string(words), reason) {
					said++
				}
			}
			if said != tc.calls {
				t.Errorf("%d of %d said so, want %d", said, n, tc.calls)
			}
		})
	}
}

// Without a place for credentials a login fails before it asks for anything, and status says
// what is wrong.
func TestNothingCanBeKept(t *testing.T) {
	for _, tc := range []struct {
		name         string
		private      bool
		args         []string
		code         int
		out, problem string
	}{
		{"login", false, []string{"login", "--source-profile", "base"}, harness.ExitConfig, "", "cannot be kept"},
		{"login, runtime directory", true, []string{"login", "--source-profile", "base"}, 0, "renewed", "credentials are kept in "},
		{"status", false, []string{"status"}, 0, "nothing can be kept in ", ""},
		{"status, runtime directory", true, []string{"status"}, 0, "credentials are kept in ", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := harness.NewWorld(t)
			harness.Must(t, os.MkdirAll(filepath.Join(w.Cache(), "v1"), 0o700))
			harness.Must(t, os.MkdirAll(filepath.Join(w.Cache(), "locks"), 0o700))
			cmd := w.Command(t, tc.args...)
			private := readOnlyHome(t, w, cmd, false)
			if tc.private {
				cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+private)
			}
			r := w.Finish(t, cmd)
			if r.Code != tc.code || !strings.Contains(r.Stdout, tc.out) || !strings.Contains(r.Stderr, tc.problem) {
				t.Errorf("exit %d, stdout %q, stderr %q", r.Code, r.Stdout, r.Stderr)
			}
			if tc.code != 0 && w.STS.Count("") != 0 {
				t.Error("STS was asked")
			}
		})
	}
}

// What is kept in the runtime directory is used, shown and removed as what is kept at home is,
// and goes when the home can be written again.
func TestSpareCache(t *testing.T) {
	w := harness.NewWorld(t)
	run := filepath.Join(t.TempDir(), "run")
	harness.Must(t, os.Mkdir(run, 0o700))
	w.Env["XDG_RUNTIME_DIR"] = run
	locked := func(args ...string) harness.Result {
		cmd := w.Command(t, args...)
		readOnlyHome(t, w, cmd, false)
		return w.Finish(t, cmd)
	}
	w.Creds(t, locked("--source-profile", "base"))
	w.Creds(t, w.Run(t, "--source-profile", "base")) // the home can be written
	if n := w.STS.Count(""); n != 1 {
		t.Errorf("STS was asked %d times", n)
	}
	if r := locked("status", "--long"); !strings.Contains(r.Stdout, "GetSessionToken") {
		t.Errorf("%s", r.Stdout)
	}
	if r := locked("logout", "--all"); r.Code != 0 || !strings.Contains(r.Stdout, "removed GetSessionToken") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	w.Creds(t, w.Run(t, "--source-profile", "base"))
	if n := w.STS.Count(""); n != 2 {
		t.Errorf("STS was asked %d times", n)
	}
}

// What is at home may be of the user who was logged in before: what was got for the one who is now, and could not be
// kept there, is used and not got again by each program.
func TestSpareCacheAfterAnotherLogin(t *testing.T) {
	w := harness.NewWorld(t)
	const startURL = "https://d-1234567890.awsapps.com/start"
	admin := []emulator.Assignment{{Account: harness.Account, PermissionSet: "Admin"}}
	w.STS.AddIdentityCenter(emulator.IdentityCenter{StartURL: startURL, Region: "eu-west-1", Users: []emulator.DirectoryUser{{Name: "alice", Assignments: admin}, {Name: "bob", Assignments: admin}}})
	w.Env["AWS_ENDPOINT_URL_SSO"], w.Env["AWS_ENDPOINT_URL_SSO_OIDC"] = w.STS.URL(), w.STS.URL()
	harness.Must(t, w.Write(".aws/config", "[profile corp]\nsso_start_url = "+startURL+"\nsso_region = eu-west-1\nsso_account_id = "+harness.Account+"\nsso_role_name = Admin\nregion = eu-west-1\n"))
	signIn := func(user string) {
		harness.Must(t, w.Write(".aws/sso/cache/"+awsconfig.SSOTokenFile(startURL), string(w.STS.SignInSSO(user).File(startURL, "eu-west-1"))))
	}
	args := []string{"--source-profile", "corp", "--role-arn", w.STS.AddRole(harness.Account, "app").ARN}
	signIn("alice")
	w.Creds(t, w.Run(t, args...))
	signIn("bob")
	w.STS.ResetCounts()
	run := ""
	for range 4 {
		cmd := w.Command(t, args...)
		if private := readOnlyHome(t, w, cmd, false); run == "" {
			run = private
		}
		cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+run)
		id, _ := w.STS.Lookup(w.Creds(t, w.Finish(t, cmd)).AccessKeyId)
		if by, _ := w.STS.Lookup(id.IssuedTo); !strings.HasSuffix(by.ARN, "/bob") {
			t.Errorf("bob is logged in, and gets what %s signed", by.ARN)
		}
	}
	for _, op := range []string{"AssumeRole", "GetRoleCredentials", "GetCallerIdentity"} {
		if n := w.STS.Count(op); n != 1 {
			t.Errorf("%d times %s", n, op)
		}
	}
}

// Root writes nothing into the home of another user, and uses nothing from it.
func TestRootInTheHomeOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	w := harness.NewWorld(t)
	const other = 12345
	harness.Must(t, os.Chown(w.Dir, other, other))
	for _, xdg := range []string{"", filepath.Join(w.Dir, ".cache")} {
		if xdg != "" {
			harness.Must(t, os.Mkdir(xdg, 0o700))
			harness.Must(t, os.Chown(xdg, other, other))
		}
		w.Env["XDG_CACHE_HOME"] = xdg
		if _, said := w.Warned(t, w.Command(t, "--source-profile", "base")); !strings.Contains(said, "belongs to uid 12345") || strings.Count(said, "\n") != 1 {
			t.Errorf("stderr %q", said)
		}
	}
	harness.Must(t, filepath.Walk(w.Dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Sys().(*syscall.Stat_t).Uid == 0 && !strings.Contains(path, "/.aws") && !strings.Contains(path, "/.config") {
			t.Errorf("%s was made by root", path)
		}
		return err
	}))
}
