package daily_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// An SDK finds the endpoint, whatever else there is for it to find.
func TestExecServe(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy").ARN
	w.STS.AddUser(harness.Account, "other")
	harness.Must(t, w.Write(".aws/config", "[default]\nregion = us-west-1\ncredential_process = false\n"))
	cmd := w.Command(t, "exec", "dev", "--role-arn", role, "--role-session-name", "me", "--serve", "--", harness.Program(t, "whoami"))
	cmd.Env = append(cmd.Env, "AWS_ACCESS_KEY_ID=AKIAOTHER", "AWS_SECRET_ACCESS_KEY=CANARYother", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/other", "AWS_PROFILE=other")
	r := w.Finish(t, cmd)
	if r.Code != 0 || r.Stderr != "" || strings.TrimSpace(r.Stdout) != "arn:aws:sts::"+harness.Account+":assumed-role/deploy/me" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	// It gets no keys, and no child that is not its own.
	r = w.Run(t, "exec", "dev", "--serve", "--", "sh", "-c", "env | grep -c '^AWS_[AS][CE].*KEY'; env | grep -c '^AWS_CONTAINER'; read c < /proc/$$/task/$$/children; echo \"<$c>$PPID\"; exit 5")
	if r.Code != 5 || r.Stdout != fmt.Sprintf("0\n2\n<>%d\n", os.Getpid()) || r.Stderr != "" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := w.Run(t, "exec", "dev", "--serve", "--", "nosuch-command"); r.Code != 127 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// served is a command below exec --serve, and its endpoint.
type served struct {
	cmd        *exec.Cmd
	stdin      interface{ Close() error }
	url, token string
}

func startServed(t *testing.T, w *harness.World, args ...string) *served {
	t.Helper()
	s := &served{cmd: w.Command(t, append(append([]string{"exec", "--serve"}, args...), "--", "sh", "-c", "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN; exec cat")...)}
	in, err := s.cmd.StdinPipe()
	harness.Must(t, err)
	out, err := s.cmd.StdoutPipe()
	harness.Must(t, err)
	said := &harness.Output{} // not this process's: the endpoint holds it, and "go test" would wait for that
	s.cmd.Stderr = said
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(said)
		}
	})
	s.stdin = in
	harness.Must(t, harness.Begin(s.cmd))
	line, err := bufio.NewReader(out).ReadString('\n')
	harness.Must(t, err)
	fields := strings.Fields(line)
	if len(fields) != 2 {
		t.Fatalf("%q", line)
	}
	s.url, s.token = fields[0], fields[1]
	return s
}

// key asks the endpoint as a client does.
func (s *served) key(t *testing.T) string {
	t.Helper()
	a, err := harness.Request("GET", s.url, "Authorization", s.token)
	harness.Must(t, err)
	var d struct{ AccessKeyId string }
	if err := json.Unmarshal([]byte(a.Body), &d); err != nil || d.AccessKeyId == "" {
		t.Fatalf("%d %q", a.Status, a.Body)
	}
	return d.AccessKeyId
}

// endpoints are the processes that serve the one with that id.
func endpoints(pid int) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range all {
		b, _ := os.ReadFile(name)
		if args := strings.Split(string(b), "\x00"); len(args) > 2 && args[1] == "exec-endpoint" && args[2] == fmt.Sprint(pid) {
			found = append(found, filepath.Base(filepath.Dir(name)))
		}
	}
	return found
}

// The endpoint renews for as long as the command runs, and goes with it, however it ends.
func TestExecServeRenews(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	s := startServed(t, m.World, "--source-profile", "base", "--duration", "15m")
	first := s.key(t)
	if again := s.key(t); again != first {
		t.Errorf("%s, then %s", first, again)
	}
	if a, err := harness.Request("GET", s.url, "Authorization", "wrong"+s.token); err != nil || a.Status == 200 {
		t.Errorf("with another token: %d, %v", a.Status, err)
	}
	m.At(t, 14*time.Minute)
	harness.Await(t, "another key", func() bool { return s.key(t) != first })
	if n := len(endpoints(s.cmd.Process.Pid)); n != 1 {
		t.Errorf("%d endpoints", n)
	}
	harness.Must(t, s.stdin.Close())
	harness.Must(t, s.cmd.Wait())
	s.gone(t)
}

func TestExecServeGoesWithTheCommand(t *testing.T) {
	t.Parallel()
	w, _ := execWorld(t)
	s := startServed(t, w, "dev")
	s.key(t)
	harness.Must(t, s.cmd.Process.Kill())
	_ = s.cmd.Wait()
	s.gone(t)
}

func (s *served) gone(t *testing.T) {
	t.Helper()
	harness.Await(t, "the end of the endpoint", func() bool {
		_, err := harness.Request("GET", s.url, "Authorization", s.token)
		return err != nil && len(endpoints(s.cmd.Process.Pid)) == 0
	})
}
