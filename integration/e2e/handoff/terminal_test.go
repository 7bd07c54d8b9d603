package handoff_test

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// console is a terminal that a helper runs at. What the helper writes to its own standard
// streams does not go there.
type console struct {
	t      testing.TB
	master *os.File
	tty    *os.File

	mu    sync.Mutex
	shown bytes.Buffer
}

func newConsole(t testing.TB) *console {
	t.Helper()
	master, tty, err := pty.Open()
	harness.Must(t, err)
	c := &console{t: t, master: master, tty: tty}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			c.mu.Lock()
			c.shown.Write(buf[:n])
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { _ = tty.Close(); _ = master.Close() })
	return c
}

func (c *console) screen() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.shown.String()
}

// echoes reports whether the terminal shows what is typed.
func (c *console) echoes() bool {
	c.t.Helper()
	state, err := unix.IoctlGetTermios(int(c.tty.Fd()), unix.TCGETS)
	harness.Must(c.t, err)
	return state.Lflag&unix.ECHO != 0
}

// await waits until a prompt stands there, the nth time, and typing is not shown.
func (c *console) await(prompt string, n int) {
	c.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if strings.Count(c.screen(), prompt) >= n && !c.echoes() {
			return
		}
	}
	c.t.Fatalf("no %q on the terminal: %q", prompt, c.screen())
}

func (c *console) answer(prompt, text string) {
	c.t.Helper()
	c.await(prompt, 1)
	_, err := c.master.WriteString(text)
	harness.Must(c.t, err)
}

// run runs a command at the terminal while act types.
func (c *console) run(w *harness.World, act func(), args ...string) harness.Result {
	c.t.Helper()
	cmd := w.Command(c.t, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = c.tty, &out, &errs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	harness.Must(c.t, cmd.Start())
	act()
	err := cmd.Wait()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		c.t.Fatal(err)
	}
	r := harness.Result{Stdout: out.String(), Stderr: errs.String(), Code: cmd.ProcessState.ExitCode()}
	if err := r.Leaks(); err != nil {
		c.t.Error(err)
	}
	return r
}

const (
	newPrompt   = "Passphrase to seal under"
	againPrompt = "The same again: "
	openPrompt  = "Passphrase of the sealed token: "
	secretWords = "CANARY correct horse"
)

// A passphrase is typed at a terminal, on both sides, and never shown.
func TestPassphrase(t *testing.T) {
	p := newPair(t)
	c := newConsole(t)
	grant := []string{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--region", "eu-west-1", "--passphrase"}
	sealed := c.run(p.World, func() {
		c.answer(newPrompt, secretWords+"\r")
		c.answer(againPrompt, secretWords+"\r")
	}, grant...)
	if sealed.Code != 0 || !strings.Contains(sealed.Stdout, "BEGIN AGE") {
		t.Fatalf("exit %d, %q", sealed.Code, sealed.Stderr)
	}
	harness.Must(t, p.bob.Write("sealed", sealed.Stdout))

	bobs := newConsole(t)
	wrong := bobs.run(p.bob, func() { bobs.answer(openPrompt, "CANARY wrong\r") }, "accept", "sealed")
	if wrong.Code != harness.ExitHuman || wrong.Stdout != "" || !strings.Contains(wrong.Stderr, "the passphrase is wrong") || records(t, p.bob) != nil {
		t.Errorf("exit %d, %q, %q", wrong.Code, wrong.Stderr, records(t, p.bob))
	}
	if r := p.bob.Run(t, "accept", "sealed"); r.Code != harness.ExitHuman || !strings.Contains(r.Stderr, "no terminal") {
		t.Errorf("without a terminal: exit %d, %q", r.Code, r.Stderr)
	}
	bobs = newConsole(t)
	opened := bobs.run(p.bob, func() { bobs.answer(openPrompt, secretWords+"\r") }, "accept", "sealed")
	if opened.Code != 0 {
		t.Fatalf("exit %d, %q", opened.Code, opened.Stderr)
	}
	harness.Must(t, p.bob.Write(".aws/config", opened.Stdout))
	if r := p.use(t, "TemporaryUser", "DescribeAvailabilityZones"); r.Code != 0 {
		t.Errorf("%q", r.Stderr)
	}
	if s := c.screen() + bobs.screen(); strings.Contains(s, harness.Canary) {
		t.Errorf("the terminal shows what was typed: %q", s)
	}
}

func TestPassphraseThatWillNotDo(t *testing.T) {
	p := newPair(t)
	grant := []string{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase"}
	for _, tc := range []struct {
		name, first, second string
		code                int
		says                string
	}{
		{"typed differently", "CANARY-one-1", "CANARY-two-2", harness.ExitHuman, "differ"},
		{"too short", "CANARY1", "CANARY1", harness.ExitUsage, "at least 8"},
	} {
		c := newConsole(t)
		r := c.run(p.World, func() { c.answer(newPrompt, tc.first+"\r"); c.answer(againPrompt, tc.second+"\r") }, grant...)
		if r.Code != tc.code || r.Stdout != "" || !strings.Contains(r.Stderr, tc.says) {
			t.Errorf("%s: exit %d, %q", tc.name, r.Code, r.Stderr)
		}
	}
	if n := p.STS.Count(""); n != 0 {
		t.Errorf("%d calls of STS", n)
	}
}

// The first Ctrl-C ends a prompt, and leaves the terminal as it was.
func TestInterruptedPassphrase(t *testing.T) {
	p := newPair(t)
	c := newConsole(t)
	for _, args := range [][]string{
		{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase"},
		{"accept"}, // the sealed token is typed, too
	} {
		prompt := newPrompt
		r := c.run(p.World, func() {
			if args[0] == "accept" {
				time.Sleep(500 * time.Millisecond) // it reads, and says so on its own standard error
			} else {
				c.await(prompt, 1)
			}
			_, err := c.master.WriteString("\x03")
			harness.Must(t, err)
		}, args...)
		if r.Code != 128+int(syscall.SIGINT) || r.Stdout != "" || !strings.Contains(r.Stderr, "stopped by a signal") {
			t.Errorf("%s: exit %d, %q", args[0], r.Code, r.Stderr)
		}
		if !c.echoes() {
			t.Errorf("%s leaves a terminal that does not show what is typed", args[0])
		}
	}
}

// An SSH key under a passphrase is asked for only where it fits.
func TestLockedKey(t *testing.T) {
	keygen := harness.Need(t, "ssh-keygen")
	p := newPair(t)
	harness.Must(t, p.bob.Write(".ssh/keep", ""))
	file := p.bob.Dir + "/.ssh/id_ed25519"
	if out, err := exec.Command(keygen, "-q", "-t", "ed25519", "-N", secretWords, "-C", "bob", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public, err := os.ReadFile(file + ".pub")
	harness.Must(t, err)
	harness.Must(t, p.Write("bob.keys", "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNuG5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg=\n"+string(public)))
	sealed := p.grant(t, "--allow", "ec2:*", "--to-github-keys", p.Dir+"/bob.keys")
	if !strings.Contains(sealed.Stderr, "1 of the keys") {
		t.Errorf("%q", sealed.Stderr)
	}
	harness.Must(t, p.bob.Write("sealed", sealed.Stdout))
	c := newConsole(t)
	if r := c.run(p.bob, func() { c.answer("id_ed25519: ", "CANARY wrong\r") }, "accept", "sealed"); r.Code != harness.ExitHuman || !strings.Contains(r.Stderr, "passphrase is wrong for the SSH key") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	c = newConsole(t)
	if r := c.run(p.bob, func() { c.answer("id_ed25519: ", secretWords+"\r") }, "accept", "sealed"); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	// One that is for another key needs no passphrase to be refused.
	harness.Must(t, p.bob.Write("other", p.grant(t, "--allow", "ec2:*", "--to", p.keys(t)["ssh.key"]).Stdout))
	if r := p.bob.Run(t, "accept", "other"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "not sealed for this key") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// A person at a terminal is warned of a policy that nearly fills AWS's limit, once.
func TestLargePolicyOnATerminal(t *testing.T) {
	w := harness.NewWorld(t)
	c := newConsole(t)
	args := []string{"--source-profile", "base", "--federation-name", "big"}
	for _, action := range strings.Fields(`acm:ImportCertificate athena:StartQueryExecution autoscaling:SuspendProcesses cloudtrail:LookupEvents
		codebuild:BatchGetBuilds dynamodb:UpdateTimeToLive ecr:PutLifecyclePolicy ecs:RunTask eks:TagResource elasticache:RebootCacheCluster
		events:PutTargets firehose:PutRecordBatch glue:SearchTables guardduty:ArchiveFindings inspector2:Enable`) {
		args = append(args, "--allow", action)
	}
	for range 2 {
		cmd := w.Command(t, args...)
		cmd.Stderr = c.tty
		w.Creds(t, harness.Finish(cmd))
	}
	// What was written may still be on its way through the terminal.
	for deadline := time.Now().Add(5 * time.Second); !strings.Contains(c.screen(), "\n") && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	if s := c.screen(); strings.Count(s, "policies and tags take") != 1 || strings.Count(s, "\n") != 1 {
		t.Errorf("the terminal shows %q", s)
	}
}
