package serve_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// userManager is the systemd of a user without privileges, with the packaged units in a home of its own.
type userManager struct {
	dir, home, run string
	nsenter        []string // what runs a command as that user, beside the manager
}

// otherUID is a user that no machine has.
const otherUID = 54321

func newUserManager(t *testing.T, w *harness.World, conf string) *userManager {
	t.Helper()
	systemd := "/lib/systemd/systemd"
	if _, err := os.Stat(systemd); err != nil {
		harness.Need(t, "systemd")
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be a user whose manager this machine does not run")
	}
	dir, err := os.MkdirTemp("/tmp", "sts-helper-units-") // which the user can look into, as no other of these tests'
	harness.Must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &userManager{dir: dir, home: filepath.Join(dir, "home"), run: filepath.Join(dir, "run")}
	put := func(name, content string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		harness.Must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		harness.Must(t, os.WriteFile(path, []byte(content), mode))
	}
	for name, from := range map[string]string{"sts-helper": w.Bin, "whoami": harness.Program(t, "whoami")} {
		b, err := os.ReadFile(from)
		harness.Must(t, err)
		put("bin/"+name, string(b), 0o755)
	}
	for _, name := range []string{"sts-helper.service", "sts-helper.socket"} {
		b, err := os.ReadFile(filepath.Join("..", "..", "..", "packaging", "systemd", name))
		harness.Must(t, err)
		text := strings.ReplaceAll(string(b), "/usr/local/bin/sts-helper", filepath.Join(dir, "bin", "sts-helper"))
		put("home/.config/systemd/user/"+name, strings.ReplaceAll(text, "127.0.0.1:9911", harness.FreePort(t)), 0o600)
	}
	put("home/.config/systemd/user/basic.target", "[Unit]\n", 0o600) // without what the machine starts for each user
	put("home/.config/sts-helper/serve.conf", conf, 0o600)
	put("home/.aws/credentials", w.Read(t, ".aws/credentials"), 0o600)
	harness.Must(t, os.Mkdir(m.run, 0o700))
	var groups []string
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"} {
		if _, err := os.Stat(filepath.Join(root, "cgroup.procs")); err != nil {
			continue
		}
		group := filepath.Join(root, filepath.Base(dir))
		if err := os.Mkdir(group, 0o755); err != nil {
			t.Skipf("no control group can be made here: %v", err)
		}
		t.Cleanup(func() { harness.Await(t, "the end of the control group", func() bool { return endGroup(group) }) })
		groups = append(groups, group)
	}
	harness.Must(t, os.Chmod(dir, 0o755))
	for _, path := range append(groups, m.home, m.run) {
		if out, err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", otherUID, otherUID), path).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	as := []string{
		harness.Need(t, "setpriv"), fmt.Sprintf("--reuid=%d", otherUID), fmt.Sprintf("--regid=%d", otherUID), "--clear-groups",
		"env", "-i", "PATH=/usr/bin:/bin", "HOME=" + m.home, "XDG_RUNTIME_DIR=" + m.run, "AWS_ENDPOINT_URL_STS=" + w.STS.URL(), "AWS_EC2_METADATA_DISABLED=true",
	}
	script := "mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/system\n" // by which systemd knows that the machine runs it
	for _, group := range groups {
		script += "echo $$ >" + group + "/cgroup.procs\n"
	}
	cmd := exec.Command(harness.Need(t, "unshare"), "--mount", "--propagation", "private", "sh", "-euc", script+`exec "$@"`, "sh")
	cmd.Args = append(cmd.Args, append(as, "SYSTEMD_LOG_TARGET=console", systemd, "--user", "--unit=basic.target")...)
	var log harness.Output
	cmd.Stdout, cmd.Stderr = &log, &log
	harness.Must(t, cmd.Start())
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // what it has started ends with the control group
		<-ended
		if t.Failed() {
			t.Logf("%s", &log)
		}
	})
	m.nsenter = append([]string{harness.Need(t, "nsenter"), "--target", strconv.Itoa(cmd.Process.Pid), "--mount"}, as...)
	harness.Await(t, "the user's systemd", func() bool {
		select {
		case <-ended:
			t.Fatalf("it has ended:\n%s", &log)
		default:
		}
		_, err := os.Stat(filepath.Join(m.run, "systemd", "private"))
		return err == nil
	})
	return m
}

// endGroup ends what is left in a control group, and removes it.
func endGroup(group string) bool {
	_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == "cgroup.procs" {
			pids, _ := os.ReadFile(path)
			for _, pid := range strings.Fields(string(pids)) {
				if n, err := strconv.Atoi(pid); err == nil {
					if p, err := os.FindProcess(n); err == nil {
						_ = p.Kill()
					}
				}
			}
		}
		return nil
	})
	var dirs []string
	_ = filepath.WalkDir(group, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = os.Remove(dirs[i])
	}
	_, err := os.Stat(group)
	return err != nil
}

func (m *userManager) sh(t *testing.T, script string) (string, error) {
	t.Helper()
	args := append(append([]string{}, m.nsenter[1:]...), "sh", "-c", script)
	out, err := exec.CommandContext(harness.Context(t), m.nsenter[0], args...).CombinedOutput()
	return string(out), err
}

// A user's systemd starts the packaged service, which gives credentials to programs of that user; it reloads and stops. Where
// a file is wrong it is not started again, and a client's connection to the socket starts it.
func TestServeUnderAUsersSystemd(t *testing.T) {
	harness.Long(t, "starts a systemd")
	w := harness.NewWorld(t)
	m := newUserManager(t, w, "STS_HELPER_SERVE_PROFILE=base\n"+"AWS_ENDPOINT_URL_STS="+w.STS.URL()+"\nAWS_EC2_METADATA_DISABLED=true\nSTS_HELPER_SERVE_LISTEN=127.0.0.1:0\n")
	must := func(script string) string {
		t.Helper()
		out, err := m.sh(t, script)
		if err != nil {
			state, _ := m.sh(t, "systemctl --user status sts-helper.service")
			t.Fatalf("%s: %v\n%s%s", script, err, out, state)
		}
		return out
	}
	client := "export AWS_REGION=us-east-1; set -a; . $XDG_RUNTIME_DIR/sts-helper/aws.env; set +a; " + m.dir + "/bin/whoami"
	must("systemctl --user start sts-helper.service") // it is ready then
	if out := must(client); !strings.Contains(out, ":user/") {
		t.Errorf("a program of the user's is %s", out)
	}
	must("systemctl --user reload sts-helper.service")
	must(client)
	must("systemctl --user stop sts-helper.service")
	if out := must("systemctl --user show --property=Result,ExecMainStatus sts-helper.service"); out != "Result=success\nExecMainStatus=0\n" {
		t.Errorf("it ended: %s", out)
	}
	must("mv $HOME/.config/sts-helper/serve.conf $HOME/right; echo STS_HELPER_SERVE_LISTEN=nowhere >$HOME/.config/sts-helper/serve.conf")
	if out, err := m.sh(t, "systemctl --user start sts-helper.service"); err == nil {
		t.Errorf("with a wrong file it starts: %s", out)
	}
	if out := must("systemctl --user show --property=ActiveState,NRestarts,ExecMainStatus sts-helper.service"); out != "NRestarts=0\nExecMainStatus=2\nActiveState=failed\n" {
		t.Errorf("with a wrong file: %s", out)
	}
	must("grep -v LISTEN $HOME/right >$HOME/.config/sts-helper/serve.conf; systemctl --user reset-failed; systemctl --user start sts-helper.socket")
	address := strings.TrimSpace(must("systemctl --user show --property=Listen --value sts-helper.socket | cut -d' ' -f1"))
	if out, err := m.sh(t, "systemctl --user is-active sts-helper.service"); err == nil {
		t.Errorf("without a client it is %s", out)
	}
	must(m.dir + "/bin/sts-helper healthcheck " + address)
	must("systemctl --user start sts-helper.service") // it is being started; this waits until it is ready
	must(client)
	must("systemctl --user stop sts-helper.socket sts-helper.service")
}
