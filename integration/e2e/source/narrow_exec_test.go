package source_test

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// A narrowed session of exec is a token in the cache like any other.
func TestExecNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.work]\nsource_profile = \"corp\"\n"))
	key := func(args ...string) string {
		t.Helper()
		r := w.Run(t, append(append([]string{"exec"}, args...), "--", "sh", "-c", "echo $AWS_ACCESS_KEY_ID")...)
		if r.Code != 0 || r.Stderr != "" {
			t.Fatalf("exit %d, %q", r.Code, r.Stderr)
		}
		return strings.TrimSpace(r.Stdout)
	}
	first := key("--read-only", "work")
	if again := key("work", "--read-only"); again != first {
		t.Error("the second run has another session")
	}
	if d := w.Creds(t, w.Run(t, "--profile", "work", "--read-only")); d.AccessKeyId != first || w.EC2(t, d, "DescribeImages") != 200 || w.S3(t, d, "GET", "/bucket/key") == 403 || w.S3(t, d, "PUT", "/bucket/key") != 403 {
		t.Error("process has another session, or it may do something else")
	}
	if whole := key("work"); whole == first {
		t.Error("the whole session is the narrowed one")
	}
	if other := key("work", "--allow", "ec2:DescribeImages"); other == first {
		t.Error("another policy, the same session")
	}
	if n := w.STS.Count("GetScopedCredentials"); n != 2 {
		t.Errorf("%d requests to narrow", n)
	}
}

// With --serve a run has a narrowed session of its own: described by the run, kept nowhere, and gone
// with it.
func TestExecServeNarrowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	const ask = `curl -sS -H "Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN" "$AWS_CONTAINER_CREDENTIALS_FULL_URI"`
	const client = ask + " >/dev/null; " + ask
	harness.Need(t, "curl")
	run := func(args ...string) emulator.Identity {
		t.Helper()
		r := w.Finish(t, w.Command(t, append(append([]string{"exec", "--serve", "--source-profile", "corp", "--read-only"}, args...), "--", "sh", "-c", client+` | sed 's/.*"AccessKeyId":"\([A-Z0-9]*\)".*/\1/'`)...))
		if r.Code != 0 || r.Stderr != "" {
			t.Fatalf("exit %d, %q", r.Code, r.Stderr)
		}
		id, ok := w.STS.Lookup(strings.TrimSpace(r.Stdout))
		if !ok {
			t.Fatalf("%q", r.Stdout)
		}
		return id
	}
	first := run()
	second := run("--description", "the nightly report")
	if first.AccessKeyID == second.AccessKeyID || first.Operation != "GetScopedCredentials" {
		t.Errorf("%+v, %+v", first, second)
	}
	if !strings.HasPrefix(first.Description, "sts-helper exec, run ") || !strings.HasSuffix(first.Description, " of sh") || !strings.HasPrefix(second.Description, "the nightly report; sts-helper exec, run ") {
		t.Errorf("described as %q and %q", first.Description, second.Description)
	}
	if n := w.STS.Count("GetScopedCredentials"); n != 2 {
		t.Errorf("%d requests to narrow for two runs", n)
	}
	if first.IssuedTo != second.IssuedTo || w.STS.Count("GetRoleCredentials") != 1 {
		t.Error("the runs do not share what their sessions are made from")
	}
	// Nothing of them is on the disk.
	r := w.Run(t, "status", "--output", "json")
	if strings.Contains(r.Stdout, "GetScopedCredentials") || strings.Contains(r.Stdout, first.AccessKeyID) {
		t.Errorf("status knows it: %s", r.Stdout)
	}
	harness.Must(t, filepath.Walk(w.Dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), first.AccessKeyID) || strings.Contains(string(b), second.AccessKeyID) {
			t.Errorf("%s has it", path)
		}
		return err
	}))
	// What cannot be narrowed starts no command.
	w.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Op: "GetScopedCredentials", Status: 400, Code: "PackedPolicyTooLarge", Message: "too large"})
	r = w.Run(t, "exec", "--serve", "--source-profile", "corp", "--read-only", "--", "sh", "-c", "echo ran")
	if r.Code != harness.ExitDenied || r.Stdout != "" || !strings.Contains(r.Stderr, "PackedPolicyTooLarge") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
}

// The session of a run is never that of who was logged in before.
func TestExecServeSwitched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signIn(t, "alice")
	cmd := w.Command(t, "exec", "--serve", "--source-profile", "corp", "--read-only", "--", "sh", "-c", "echo $AWS_CONTAINER_CREDENTIALS_FULL_URI $AWS_CONTAINER_AUTHORIZATION_TOKEN; exec cat")
	in, err := cmd.StdinPipe()
	harness.Must(t, err)
	out, err := cmd.StdoutPipe()
	harness.Must(t, err)
	harness.Must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	harness.Must(t, err)
	url, token, _ := strings.Cut(strings.TrimSpace(line), " ")
	who := func() string {
		a, err := harness.Request("GET", url, "Authorization", token)
		harness.Must(t, err)
		if a.Status != 200 {
			return ""
		}
		id, _ := w.STS.Lookup(a.Document(t).AccessKeyId)
		if id.Operation != "GetScopedCredentials" {
			t.Errorf("%+v", id)
		}
		return id.ARN[strings.LastIndexByte(id.ARN, '/')+1:]
	}
	if got := who(); got != "alice" {
		t.Errorf("got what is %s's", got)
	}
	w.signIn(t, "bob")
	harness.Await(t, "what is bob's", func() bool { return who() == "bob" })
	harness.Must(t, in.Close())
	_ = cmd.Wait()
}
