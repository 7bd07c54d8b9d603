package serve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// A cache on a volume that Kubernetes gave to a pod's fsGroup when it mounted it again: what is there is still served,
// it is private again, and the log says so once. The same modes in a directory that is no volume are refused.
func TestServeFromAVolumeOfFSGroup(t *testing.T) {
	t.Parallel()
	setpriv := harness.Need(t, "setpriv")
	n := newNetwork(t)
	volume := filepath.Join(n.dir, "volume")
	harness.Must(t, os.Mkdir(volume, 0o755))
	n.sh(t, "mount -t tmpfs -o mode=0777 tmpfs "+volume)
	const user, group = 54321, 54322
	// What the kubelet does: g+rwxs for directories, g+rw for files, all of the group.
	kubelet := fmt.Sprintf("chgrp -hR %d %%[1]s; find %%[1]s -type d -exec chmod g+rwxs {} +; find %%[1]s -type f -exec chmod g+rw {} +", group)

	w := harness.NewWorld(t)
	id := w.Creds(t, w.Run(t, "--source-profile", "base")).AccessKeyId
	n.sh(t, fmt.Sprintf("cp -a %[1]s %[2]s/cache; chown -R %[3]d %[2]s/cache %[4]s; chmod 755 %[5]s %[5]s/..; ", w.Cache(), volume, user, w.Dir, n.dir)+fmt.Sprintf(kubelet, volume))
	run := func(args ...string) (out string) {
		t.Helper()
		cmd := w.Command(t, append([]string{"--source-profile", "base"}, args...)...)
		cmd.Args = append([]string{setpriv, fmt.Sprintf("--reuid=%d", user), fmt.Sprintf("--regid=%d", user), fmt.Sprintf("--groups=%d", group), w.Bin}, cmd.Args[1:]...)
		cmd.Path = setpriv
		r := w.Finish(t, n.enter(cmd))
		return fmt.Sprintf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	cache := filepath.Join(volume, "cache")
	if got := run("--cache-dir", cache, "--verbose"); !strings.HasPrefix(got, "exit 0") || !strings.Contains(got, id) || strings.Count(got, "fsGroup") != 1 {
		t.Errorf("after the volume was mounted: %s", got)
	}
	if left := n.sh(t, "find "+cache+" -perm /077"); left != "" {
		t.Errorf("others may still use\n%s", left)
	}
	if got := run("--cache-dir", cache, "--verbose"); !strings.HasPrefix(got, "exit 0") || strings.Contains(got, "fsGroup") {
		t.Errorf("afterwards: %s", got)
	}
	n.sh(t, fmt.Sprintf(kubelet, w.Cache()))
	if got := run(); !strings.HasPrefix(got, fmt.Sprintf("exit %d", harness.ExitConfig)) || !strings.Contains(got, "chmod 700") {
		t.Errorf("the same modes without a volume: %s", got)
	}
}
