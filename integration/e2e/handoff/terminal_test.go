package handoff_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// at runs a command at a terminal, which is its standard input as well, while act types.
func at(t *testing.T, tt *harness.Terminal, w *harness.World, act func(*harness.Job), args ...string) harness.Result {
	t.Helper()
	cmd := w.Command(t, args...)
	cmd.Stdin = tt.Line
	j := harness.Start(t, tt, cmd)
	act(j)
	return j.Result(t)
}

// answer types a text once a prompt asks for it.
func answer(tt *harness.Terminal, prompt, text string) {
	tt.AwaitHidden(prompt)
	tt.Type(text)
}

const (
	newPrompt   = "Passphrase to seal under"
	againPrompt = "The same again: "
	openPrompt  = "Passphrase of the sealed token: "
	secretWords = "CANARY correct horse"
)

// A passphrase is typed at a terminal, on both sides, and never shown.
func TestPassphrase(t *testing.T) {
	harness.Long(t, "makes keys of passphrases, slow on purpose")
	p := newPair(t)
	c := harness.NewTerminal(t)
	grant := []string{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--region", "eu-west-1", "--passphrase"}
	sealed := at(t, c, p.World, func(*harness.Job) {
		answer(c, newPrompt, secretWords+"\r")
		answer(c, againPrompt, secretWords+"\r")
	}, grant...)
	if sealed.Code != 0 || !strings.Contains(sealed.Stdout, "BEGIN AGE") {
		t.Fatalf("exit %d, %q", sealed.Code, sealed.Stderr)
	}
	harness.Must(t, p.bob.Write("sealed", sealed.Stdout))

	bobs := harness.NewTerminal(t)
	wrong := at(t, bobs, p.bob, func(*harness.Job) { answer(bobs, openPrompt, "CANARY wrong\r") }, "accept", "sealed")
	if wrong.Code != harness.ExitInteraction || wrong.Stdout != "" || !strings.Contains(wrong.Stderr, "the passphrase is wrong") || records(t, p.bob) != nil {
		t.Errorf("exit %d, %q, %q", wrong.Code, wrong.Stderr, records(t, p.bob))
	}
	if r := p.bob.Run(t, "accept", "sealed"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "no terminal") {
		t.Errorf("without a terminal: exit %d, %q", r.Code, r.Stderr)
	}
	bobs = harness.NewTerminal(t)
	opened := at(t, bobs, p.bob, func(*harness.Job) { answer(bobs, openPrompt, secretWords+"\r") }, "accept", "sealed")
	if opened.Code != 0 {
		t.Fatalf("exit %d, %q", opened.Code, opened.Stderr)
	}
	harness.Must(t, p.bob.Write(".aws/config", opened.Stdout))
	if r := p.use(t, "TemporaryUser", "DescribeAvailabilityZones"); r.Code != 0 {
		t.Errorf("%q", r.Stderr)
	}
	if s := c.Screen() + bobs.Screen(); strings.Contains(s, harness.Canary) {
		t.Errorf("the terminal shows what was typed: %q", s)
	}
}

func TestPassphraseThatWillNotDo(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	grant := []string{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase"}
	for _, tc := range []struct {
		name, first, second string
		code                int
		says                string
	}{
		{"typed differently", "CANARY-one-1", "CANARY-two-2", harness.ExitInteraction, "differ"},
		{"too short", "CANARY1", "CANARY1", harness.ExitUsage, "at least 8"},
	} {
		c := harness.NewTerminal(t)
		r := at(t, c, p.World, func(*harness.Job) { answer(c, newPrompt, tc.first+"\r"); answer(c, againPrompt, tc.second+"\r") }, grant...)
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
	t.Parallel()
	p := newPair(t)
	c := harness.NewTerminal(t)
	for _, args := range [][]string{
		{"grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase"},
		{"accept"}, // the sealed token is typed, too
	} {
		r := at(t, c, p.World, func(j *harness.Job) {
			if args[0] == "accept" {
				harness.Await(t, "a request to paste the token", func() bool { return j.Stderr.String() != "" })
			} else {
				c.AwaitHidden(newPrompt)
			}
			c.Type("\x03")
		}, args...)
		if r.Code != 128+int(syscall.SIGINT) || r.Stdout != "" || !strings.Contains(r.Stderr, "stopped by a signal") {
			t.Errorf("%s: exit %d, %q", args[0], r.Code, r.Stderr)
		}
		if !c.Echoes() {
			t.Errorf("%s leaves a terminal that does not show what is typed", args[0])
		}
	}
}

// Half a passphrase, typed before another program ended the prompt, is not left for the shell to show.
func TestHalfAPassphrase(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	c := harness.NewTerminal(t)
	r := at(t, c, p.World, func(j *harness.Job) {
		c.AwaitHidden(newPrompt)
		c.Type("half of it")
		harness.Must(t, j.Cmd.Process.Signal(syscall.SIGTERM))
	}, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase")
	if r.Code != 128+int(syscall.SIGTERM) || !c.Echoes() {
		t.Errorf("exit %d, %q, echo %v", r.Code, r.Stderr, c.Echoes())
	}
	c.Type("next\r")
	b := make([]byte, 100)
	n, err := c.Line.Read(b)
	harness.Must(t, err)
	if got := string(b[:n]); got != "next\n" {
		t.Errorf("the next program reads %q", got)
	}
}

// Ctrl-Z gives the terminal back as it was, and the prompt is there again when the program goes on.
func TestSuspendedPassphrase(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	c := harness.NewTerminal(t)
	r := at(t, c, p.World, func(j *harness.Job) {
		c.AwaitHidden(newPrompt)
		c.Type("half of it\x1a")
		harness.Await(t, "a stopped process", func() bool {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", j.Cmd.Process.Pid))
			_, state, _ := strings.Cut(string(stat), ") ")
			return strings.HasPrefix(state, "T")
		})
		harness.Await(t, "a terminal that shows what is typed", c.Echoes)
		harness.Must(t, j.Cmd.Process.Signal(syscall.SIGCONT))
		c.Await(newPrompt, 2)
		c.AwaitHidden(newPrompt)
		c.Type("long enough a phrase\r")
		c.AwaitHidden("The same again: ")
		c.Type("long enough a phrase\r")
	}, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--passphrase")
	if r.Code != 0 || !c.Echoes() || !strings.Contains(r.Stdout, "AGE ENCRYPTED FILE") {
		t.Errorf("exit %d, %q, echo %v", r.Code, r.Stderr, c.Echoes())
	}
}

// An SSH key under a passphrase is asked for only where it fits.
func TestLockedKey(t *testing.T) {
	t.Parallel()
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
	c := harness.NewTerminal(t)
	if r := at(t, c, p.bob, func(*harness.Job) { answer(c, "id_ed25519: ", "CANARY wrong\r") }, "accept", "sealed"); r.Code != harness.ExitInteraction || !strings.Contains(r.Stderr, "passphrase is wrong for the SSH key") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	c = harness.NewTerminal(t)
	if r := at(t, c, p.bob, func(*harness.Job) { answer(c, "id_ed25519: ", secretWords+"\r") }, "accept", "sealed"); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	// One that is for another key needs no passphrase to be refused.
	harness.Must(t, p.bob.Write("other", p.grant(t, "--allow", "ec2:*", "--to", p.keys(t)["ssh.key"]).Stdout))
	if r := p.bob.Run(t, "accept", "other"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "not sealed for this key") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// A user at a terminal is warned of a policy that nearly fills AWS's limit, once.
func TestLargePolicyOnATerminal(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	c := harness.NewTerminal(t)
	args := []string{"--source-profile", "base", "--federation-name", "big"}
	for action := range strings.FieldsSeq(`acm:ImportCertificate athena:StartQueryExecution autoscaling:SuspendProcesses cloudtrail:LookupEvents
		codebuild:BatchGetBuilds dynamodb:UpdateTimeToLive ecr:PutLifecyclePolicy ecs:RunTask eks:TagResource elasticache:RebootCacheCluster
		events:PutTargets firehose:PutRecordBatch glue:SearchTables guardduty:ArchiveFindings inspector2:Enable`) {
		args = append(args, "--allow", action)
	}
	for range 2 {
		cmd := w.Command(t, args...)
		cmd.Stderr = c.Line
		w.Creds(t, harness.Finish(cmd))
	}
	// What was written may still be on its way through the terminal.
	c.Await("\n", 1)
	if s := c.Screen(); strings.Count(s, "policies and tags take") != 1 || strings.Count(s, "\n") != 1 {
		t.Errorf("the terminal shows %q", s)
	}
}
