// Package audit_test tests the log of who got which credentials, on every way on which they are handed out.
package audit_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/audit"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }

const table = "[audit]\nfile = \"~/audit.log\"\n"

func newWorld(t *testing.T, config string) *harness.World {
	t.Helper()
	w := harness.NewWorld(t)
	w.STS.AddRole(harness.Account, "deploy")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", config+"[profile.ops]\nsource_profile = \"base\"\nrole_arn = \"arn:aws:iam::111122223333:role/deploy\"\n"))
	return w
}

// lines are those of the log, whose chain must be whole.
func lines(t *testing.T, w *harness.World) (all []audit.Line) {
	t.Helper()
	path := filepath.Join(w.Dir, "audit.log")
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	harness.Must(t, err)
	if strings.Contains(string(b), harness.Canary) {
		t.Error("a secret in the log")
	}
	for line := range strings.Lines(string(b)) {
		var l audit.Line
		harness.Must(t, json.Unmarshal([]byte(line), &l))
		all = append(all, l)
	}
	if r, err := audit.Verify(path); err != nil || len(r.Wrong) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	return all
}

// What another user is given has its line, and so has what that user has printed; what could not be printed has none.
func TestGrants(t *testing.T) {
	t.Parallel()
	w := newWorld(t, table)
	granted := w.Run(t, "grant", "Visitor", "--source-profile", "base", "--allow", "ec2:DescribeImages", "--plain")
	if granted.Code != 0 {
		t.Fatal(granted.Stderr)
	}
	harness.Must(t, w.Write("token", granted.Stdout))
	if r := w.Run(t, "accept", filepath.Join(w.Dir, "token"), "--plain", "--format", "dotenv"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	all := lines(t, w)
	if len(all) != 2 {
		t.Fatalf("%+v", all)
	}
	for i, way := range []string{audit.Grant, audit.Environment} {
		if l := all[i]; l.Way != way || l.Profile != "Visitor" || !strings.HasSuffix(l.Identity, ":federated-user/Visitor") || l.AccessKeyID != all[0].AccessKeyID {
			t.Errorf("%s: %+v", way, l)
		}
	}
	if uid := all[0].UID; uid != -1 {
		t.Errorf("uid %d got what was granted", uid)
	}
	program := w.Command(t, "env", "ops", "--format", "dotenv")
	closed := exec.Command("sh", append([]string{"-c", `exec "$@" >&-`, "sh"}, program.Args...)...)
	closed.Env, closed.Dir = program.Env, program.Dir
	if out, err := closed.CombinedOutput(); err == nil || !strings.Contains(string(out), "standard output is closed") {
		t.Errorf("%v: %s", err, out)
	}
	if n := len(lines(t, w)); n != 2 {
		t.Errorf("%d lines after a call that could print nothing, want 2", n)
	}
}

// Each way has its line: what was given to whom.
func TestEveryWay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, table)
	var want []audit.Line
	expect := func(way, key string, pid int, program string) {
		t.Helper()
		all := lines(t, w)
		if len(all) != len(want)+1 {
			t.Fatalf("%s: %d lines, want %d", way, len(all), len(want)+1)
		}
		l := all[len(all)-1]
		if l.Way != way || l.Profile != "ops" || l.AccessKeyID != key || !strings.Contains(l.Identity, ":assumed-role/deploy/") || l.UID != os.Getuid() || l.SecondsLeft <= 0 ||
			pid != 0 && l.PID != pid || program != "" && filepath.Base(l.Program) != program {
			t.Errorf("%s: %+v, pid %d, program %s", way, l, pid, program)
		}
		want = all
	}
	harness.OnlyLinux(t, "the program that asked is known")
	self, err := os.Executable()
	harness.Must(t, err)
	// The ordinary way, then the direct one.
	for range 3 {
		key := w.Creds(t, w.Run(t, "--profile", "ops")).AccessKeyId
		expect(audit.Process, key, os.Getpid(), filepath.Base(self))
	}
	key := w.Creds(t, w.Run(t, "process", "--profile", "ops")).AccessKeyId
	expect(audit.Process, key, os.Getpid(), "")
	if r := w.Run(t, "env", "ops", "--format", "dotenv"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	expect(audit.Environment, key, os.Getpid(), "")
	if r := w.Run(t, "process", "--profile", "ops", "--format", "fish"); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	expect(audit.Environment, key, 0, "")
	cmd := w.Command(t, "exec", "ops", "--", "true")
	if r := w.Finish(t, cmd); r.Code != 0 {
		t.Fatal(r.Stderr)
	}
	expect(audit.Exec, key, cmd.Process.Pid, "true")
	s := w.Serve(t, "--profile", "ops", "--imds", "ops")
	s.Creds(t, "ops")
	expect(audit.Container, key, 0, "")
	if a := s.Metadata(t, s.Session(t), "meta-data/iam/security-credentials/ops"); a.Status != 200 {
		t.Fatal(a.Status)
	}
	expect(audit.IMDS, key, 0, "")
	s.Metadata(t, s.Session(t), "meta-data/iam/security-credentials/")
	s.Container(t, "nosuch")
	if n := len(lines(t, w)); n != len(want) {
		t.Errorf("%d lines, want %d: what hands out nothing has no line", n, len(want))
	}
	if r := w.Run(t, "audit", "verify"); r.Code != 0 || !strings.Contains(r.Stdout, "the chain is whole") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
	log := w.Read(t, "audit.log")
	harness.Must(t, w.Write("audit.log", strings.Replace(log, `"env"`, `"exec"`, 1)))
	if r := w.Run(t, "audit", "verify", "--output", "json"); r.Code != harness.ExitConfig || !strings.Contains(r.Stdout, `"lines": `) || !strings.Contains(r.Stdout, "audit.log:6: ") {
		t.Errorf("exit %d: %s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// Without the table there is no log; the table turns a direct answer into one with a line, and what is wrong
// with it is an error.
func TestOffAndOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	for range 3 {
		w.Creds(t, w.Run(t, "--profile", "ops"))
	}
	if all := lines(t, w); all != nil {
		t.Errorf("%d lines", len(all))
	}
	if r := w.Run(t, "audit", "verify"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "[audit]") {
		t.Errorf("exit %d: %s", r.Code, r.Stderr)
	}
	config := w.Read(t, ".config/sts-helper/config.toml")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", table+config))
	for n := range 3 {
		w.Creds(t, w.Run(t, "--profile", "ops"))
		if all := lines(t, w); len(all) != n+1 {
			t.Errorf("%d lines, want %d", len(all), n+1)
		}
	}
	for _, wrong := range []string{"[audit]\nfil = \"x\"\n", "[audit]\nfile = 1\n", "[audit]\njournald = \"yes\"\n", "[audit.x]\n", "[audit]\nfile = \"a\"\nfile = \"b\"\n"} {
		harness.Must(t, w.Write(".config/sts-helper/config.toml", wrong+config))
		if r := w.Run(t, "--profile", "ops"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "config.toml:") {
			t.Errorf("%q: exit %d: %s", wrong, r.Code, r.Stderr)
		}
	}
}

// A log that cannot be written keeps no caller from credentials, and is said where a user sees it.
func TestLogThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"~/none/audit.log", "/dev/full", "~/open.log"} {
		w := newWorld(t, "[audit]\nfile = \""+file+"\"\n")
		harness.Must(t, os.WriteFile(filepath.Join(w.Dir, "open.log"), nil, 0o644))
		for range 2 {
			if _, said := w.Warned(t, w.Command(t, "--profile", "ops")); !strings.Contains(said, "audit log") || strings.Count(said, "\n") != 1 {
				t.Errorf("%s: %q", file, said)
			}
		}
	}
}

// A full disk as well.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root for a disk of its own")
	}
	w := newWorld(t, "[audit]\nfile = \"~/disk/audit.log\"\n")
	harness.Must(t, os.Mkdir(filepath.Join(w.Dir, "disk"), 0o700))
	line := `{"v":1,"break":"` + "\"}\n"
	harness.Must(t, w.Write("full.log", strings.Replace(line, `""`, `"`+strings.Repeat("x", 4096-len(line))+`"`, 1))) // a page
	cmd := exec.CommandContext(t.Context(), harness.Need(t, "unshare"), "-m", "sh", "-c",
		`cd "$HOME" && mount -t tmpfs -o size=64k,mode=700 none disk && cp -p full.log disk/audit.log && ! cat /dev/zero 2>/dev/null >disk/rest; "$0" --profile ops && wc -c <disk/audit.log`, w.Bin)
	cmd.Env = w.Environ()
	r := w.Finish(t, cmd)
	if document, rest, _ := strings.Cut(r.Stdout, "\n"); r.Code != 0 || !strings.Contains(document, "AccessKeyId") || strings.TrimSpace(rest) != "4096" {
		t.Errorf("exit %d: %s, %s", r.Code, rest, r.Stderr)
	}
}
