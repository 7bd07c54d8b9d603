package process_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// ~/.cache may be a link to another disk; the second call finds the token there.
func TestCacheBehindALink(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	disk := t.TempDir()
	harness.Must(t, os.Symlink(disk, filepath.Join(w.Dir, ".cache")))
	for range 2 {
		w.Creds(t, w.Run(t, "--source-profile", "base"))
	}
	if n := w.STS.Count(""); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// The session's name is made of the login name, whatever that is.
func TestOddUserNames(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("a user database of its own needs root")
	}
	unshare, setpriv := harness.Need(t, "unshare"), harness.Need(t, "setpriv")
	w := harness.NewWorld(t)
	w.STS.AddRole(harness.Account, "deploy")
	good := regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)
	open(t, filepath.Join(w.Dir, ".aws"), w.Bin)
	for _, name := range []string{`CORP+jo doe`, "josé", strings.Repeat("x", 70), "jo(x)", "a", "DOM\\user", "-", "名前"} {
		harness.Must(t, os.RemoveAll(w.Cache()))
		users := filepath.Join(t.TempDir(), "passwd")
		harness.Must(t, os.WriteFile(users, []byte("root:x:0:0:r:/root:/bin/sh\n"+name+":x:54321:54321::"+w.Dir+":/bin/sh\n"), 0o644))
		harness.Must(t, exec.Command("chown", "-R", "54321", w.Dir).Run())
		cmd := exec.CommandContext(harness.Context(t), unshare, "-m", "sh", "-c", "mount --bind '"+users+"' /etc/passwd && exec "+setpriv+" --reuid=54321 --regid=54321 --clear-groups '"+w.Bin+"' --source-profile base --role-arn arn:aws:iam::"+harness.Account+":role/deploy")
		cmd.Env, cmd.Dir = w.Environ(), "/"
		if id, _ := w.STS.Lookup(w.Creds(t, w.Finish(t, cmd)).AccessKeyId); !good.MatchString(id.ARN[strings.LastIndexByte(id.ARN, '/')+1:]) {
			t.Errorf("%s: %s", name, id.ARN)
		}
	}
}
