package handoff_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// records are the tokens in a home's cache.
func records(t testing.TB, w *harness.World) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(w.Cache(), "v1", "*.cred"))
	harness.Must(t, err)
	return found
}

// sealFor seals any text for a key, as a user might who does not use our program.
func sealFor(t testing.TB, publicKey, text string) string {
	t.Helper()
	to, err := age.ParseX25519Recipient(publicKey)
	harness.Must(t, err)
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, to)
	harness.Must(t, err)
	_, err = w.Write([]byte(text))
	harness.Must(t, err)
	harness.Must(t, w.Close())
	harness.Must(t, armored.Close())
	return out.String()
}

// What cannot be used is refused, each with its own words, and nothing of it is kept.
func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	sealed := p.grant(t, "--allow", "ec2:*", "--to", key).Stdout
	plain := p.Run(t, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--plain").Stdout
	other, err := age.GenerateX25519Identity()
	harness.Must(t, err)
	harness.Must(t, p.bob.Write("other.key", other.String()+"\n"))
	lines := strings.Split(sealed, "\n")
	flipped := []byte(sealed)
	if i := len(flipped) / 2; flipped[i] == 'A' {
		flipped[i] = 'B'
	} else {
		flipped[i] = 'A'
	}
	harness.Must(t, p.bob.Write("public.key", key+"\n"))

	for _, tc := range []struct {
		name, content string
		args          []string
		code          int
		says          string
	}{
		{"tampered with", string(flipped), nil, harness.ExitConfig, "damaged or altered"},
		{"cut in the middle", sealed[:len(sealed)/2], nil, harness.ExitConfig, "cut short"},
		{"without its end line", strings.Join(lines[:len(lines)-2], "\n"), nil, harness.ExitConfig, "cut short"},
		{"for another user", sealed, []string{"-i", "other.key"}, harness.ExitConfig, "not sealed for this key"},
		{"without a key", sealed, []string{}, harness.ExitConfig, "--identity"},
		{"of a newer version", sealFor(t, key, strings.Replace(plain, `"Version":1`, `"Version":2`, 1)), nil, harness.ExitConfig, "newer sts-helper"},
		{"without a field", sealFor(t, key, strings.Replace(plain, `"SessionToken"`, `"Sessiontoken"`, 1)), nil, harness.ExitConfig, "not a complete token"},
		{"something else", sealFor(t, key, `{"hello":"CANARY"}`), nil, harness.ExitConfig, "something else"},
		{"not sealed", "Hello Bob\n", nil, harness.ExitConfig, "no sealed token here"},
		{"plain", plain, nil, harness.ExitConfig, "--plain"},
		{"sealed where plain is expected", sealed, []string{"--plain"}, harness.ExitConfig, "sealed"},
		{"two at once", sealed + sealed, nil, harness.ExitConfig, "more than one"},
		{"nothing", "", nil, harness.ExitConfig, "no sealed token here"},
		{"huge", strings.Repeat("x", 2<<20), nil, harness.ExitConfig, "longer than any"},
		{"a public key", sealed, []string{"-i", "public.key"}, harness.ExitUsage, "public key"},
		{"no such key", sealed, []string{"-i", "missing.key"}, harness.ExitUsage, "missing.key: no such file"},
		{"a name that is none", sealed, []string{"-i", "age.key", "--name", "a b"}, harness.ExitUsage, "--name"},
		{"a form that is none", sealed, []string{"-i", "age.key", "--format", "yaml"}, harness.ExitUsage, "there is no format"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			harness.Must(t, p.bob.Write("sealed", tc.content))
			args := tc.args
			if args == nil {
				args = []string{"-i", "age.key"}
			}
			r := p.bob.Run(t, append([]string{"accept", "sealed"}, args...)...)
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, tc.says) {
				t.Errorf("exit %d, want %d; %q, %q, want %q", r.Code, tc.code, r.Stdout, r.Stderr, tc.says)
			}
			if kept := records(t, p.bob); kept != nil {
				t.Errorf("%q", kept)
			}
		})
	}
}

// The sender of a token chooses its name: it takes the place of no other's without being told
// to, and then it is said. What the sender wrote is marked as that.
func TestAcceptReplaces(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	plain := p.Run(t, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--note", "hello", "--plain").Stdout
	harness.Must(t, p.bob.Write("first", plain))
	harness.Must(t, p.bob.Write("second", strings.NewReplacer("federated-user/TemporaryUser", "federated-user/Administrator", "AWS profile base", "mallory").Replace(plain)))
	r := p.bob.Run(t, "accept", "--plain", "first")
	if r.Code != 0 || strings.Contains(r.Stderr, "replaced") {
		t.Fatalf("exit %d, %q", r.Code, r.Stderr)
	}
	for _, line := range strings.Split(strings.Split(r.Stderr, "\n\n")[0], "\n") {
		if !strings.HasPrefix(line, "until:") && !strings.HasSuffix(line, " (unverified)") {
			t.Errorf("the sender's word is not marked: %q", line)
		}
	}
	before := p.bob.Run(t, "--granted", "TemporaryUser")
	p.bob.Creds(t, before)
	if r := p.bob.Run(t, "accept", "--plain", "second"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "--replace") || r.Stdout != "" {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if r := p.bob.Run(t, "--granted", "TemporaryUser"); r.Stdout != before.Stdout {
		t.Error("the token was replaced")
	}
	if r := p.bob.Run(t, "accept", "--plain", "second", "--replace"); r.Code != 0 || !strings.Contains(r.Stderr, "replaced: arn:aws:sts::"+harness.Account+":federated-user/TemporaryUser, key ") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// A FIFO without a writer ends with an error; one with a writer is read.
func TestAcceptFromFIFO(t *testing.T) {
	harness.Long(t, "waits for who does not come")
	p := newPair(t)
	fifo := filepath.Join(p.bob.Dir, "fifo")
	harness.Must(t, syscall.Mkfifo(fifo, 0o600))
	var all sync.WaitGroup
	for _, args := range [][]string{{"accept", fifo}, {"accept", "-i", fifo}, {"policy", "check", fifo}} {
		cmd := p.bob.Command(t, args...)
		all.Go(func() {
			if r := p.bob.Finish(t, cmd); r.Code != harness.ExitUsage || !strings.Contains(r.Stderr, "no program writes to") {
				t.Errorf("%q: exit %d, %q", args, r.Code, r.Stderr)
			}
		})
	}
	all.Wait()
	cmd := p.bob.Command(t, "policy", "check", fifo)
	written := make(chan error, 1)
	go func() {
		w, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.WriteString(p.Run(t, "policy").Stdout)
			_ = w.Close()
		}
		written <- err
	}()
	if r := p.bob.Finish(t, cmd); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	select {
	case err := <-written:
		harness.Must(t, err)
	case <-time.After(harness.Patience):
		t.Fatal("the writer was never read from")
	}
}

// A token that has ended is not accepted; one that ends later says whom to ask for another.
func TestGrantedTokenEnds(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	p.bob.Bin = harness.ClockBinary(t)
	clock, err := p.bob.NewClock()
	harness.Must(t, err)
	harness.Must(t, p.bob.Write("sealed", p.grant(t, "--allow", "ec2:*", "--duration", "15m", "--to", key).Stdout))
	accept := []string{"accept", "sealed", "-i", "age.key"}
	if r := p.bob.Run(t, accept...); r.Code != 0 {
		t.Fatalf("%q", r.Stderr)
	}
	first := p.bob.Run(t, "--granted", "TemporaryUser")
	p.bob.Creds(t, first)
	harness.Must(t, clock.Set(14*time.Minute+30*time.Second))
	if r := p.bob.Run(t, "--granted", "TemporaryUser"); r.Stdout != first.Stdout {
		t.Errorf("with half a minute left: exit %d, %q", r.Code, r.Stderr)
	}
	harness.Must(t, clock.Set(15*time.Minute))
	r := p.bob.Run(t, "--granted", "TemporaryUser")
	if r.Code != harness.ExitInteraction || r.Stdout != "" || !strings.Contains(r.Stderr, `"TemporaryUser" ended`) || !strings.Contains(r.Stderr, "AWS profile base") || strings.Count(r.Stderr, "\n") != 1 {
		t.Errorf("at the end: exit %d, %q", r.Code, r.Stderr)
	}
	if r := p.bob.Run(t, accept...); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "expired") || !strings.Contains(r.Stderr, "AWS profile base") {
		t.Errorf("accepted at the end: exit %d, %q", r.Code, r.Stderr)
	}
	if r := p.bob.Run(t, "--granted", "nobody"); r.Code != harness.ExitConfig || !strings.Contains(r.Stderr, "sts-helper accept") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	if n := p.STS.Count(""); n != 1 {
		t.Errorf("%d calls of STS: a granted token cannot be renewed", n)
	}
}

// What is wrong with a grant is said before STS is asked, and nothing is printed.
func TestGrantRefuses(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	keys := p.keys(t)
	role := p.STS.AddRole(harness.Account, "deploy")
	harness.Must(t, p.Write("none.keys", "Not Found\n"))
	harness.Must(t, p.Write(".config/sts-helper/config.toml", fmt.Sprintf("[profile.root]\nsource_profile = \"base\"\ntarget_principal = %q\ntask_policy_arn = \"arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials\"\n"+
		"[profile.theirs]\ngranted = \"x\"\n[profile.role]\nsource_profile = \"base\"\nrole_arn = %q\n", partner, role.ARN)))
	to := []string{"--to", keys["age.key"]}
	private, err := os.ReadFile(filepath.Join(p.bob.Dir, "ssh.key"))
	harness.Must(t, err)
	for _, tc := range []struct {
		name string
		code int
		args []string
		says string
	}{
		{"no recipient", harness.ExitUsage, []string{"--allow", "ec2:*"}, "--to KEY"},
		{"sealed and plain", harness.ExitUsage, append([]string{"--allow", "ec2:*", "--plain"}, to...), "one of"},
		{"a private key", harness.ExitUsage, []string{"--allow", "ec2:*", "--to", string(private)}, "private key"},
		{"no key", harness.ExitUsage, []string{"--allow", "ec2:*", "--to", "bob"}, "not a recipient's key"},
		{"no keys of that user", harness.ExitUsage, []string{"--allow", "ec2:*", "--to-github-keys", filepath.Join(p.Dir, "none.keys")}, "none.keys"},
		{"a file that is not there", harness.ExitUsage, []string{"--allow", "ec2:*", "--to-github-keys", "missing.keys"}, "missing.keys: no such file"},
		{"a note that is too long", harness.ExitUsage, append([]string{"--allow", "ec2:*", "--note", strings.Repeat("n", 2049)}, to...), "--note"},
		{"a note that plays tricks", harness.ExitUsage, append([]string{"--allow", "ec2:*", "--note", "\x1b[2J"}, to...), "--note"},
		{"no policy", harness.ExitUsage, to, "may do nothing at all"},
		{"a root task", harness.ExitUsage, append([]string{"--profile", "root", "--allow", "ec2:*"}, to...), "target_principal"},
		{"a granted token", harness.ExitUsage, append([]string{"--profile", "theirs", "--allow", "ec2:*"}, to...), "granted"},
		{"an external id without a role", harness.ExitUsage, append([]string{"--allow", "ec2:*", "--external-id", "42"}, to...), "NAME without --role-arn"},
		{"longer than 36 hours", harness.ExitUsage, append([]string{"--allow", "ec2:*", "--duration", "37h"}, to...), "36h"},
		{"a passphrase without a terminal", harness.ExitInteraction, []string{"--allow", "ec2:*", "--passphrase"}, "no terminal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := p.Run(t, append([]string{"grant", "TemporaryUser", "--source-profile", "base"}, tc.args...)...)
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, tc.says) {
				t.Errorf("exit %d, want %d; %q, %q, want %q", r.Code, tc.code, r.Stdout, r.Stderr, tc.says)
			}
			if n := p.STS.Count(""); n != 0 {
				t.Errorf("%d calls of STS", n)
			}
		})
	}
	for name, args := range map[string][]string{"no name": {"grant"}, "two names": {"grant", "a1", "b2"}, "its own name": {"grant", "a1", "--federation-name", "b2"}} {
		if r := p.Run(t, append(args, to...)...); r.Code != harness.ExitUsage || r.Stdout != "" {
			t.Errorf("%s: exit %d, %q", name, r.Code, r.Stderr)
		}
	}
	// Whatever is in the config file, what is granted is a federation token or a role's session.
	if r := p.Run(t, append([]string{"grant", "Guest", "--profile", "role"}, to...)...); r.Code != 0 || p.STS.Count("AssumeRole") != 1 || p.STS.Count("") != 1 {
		t.Errorf("exit %d, %q, %d calls", r.Code, r.Stderr, p.STS.Count(""))
	}
}

// A large policy is warned of, and one that is too large is an error that says so.
func TestGrantWarnsOfLargePolicies(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	actions := strings.Fields(`acm:ImportCertificate athena:StartQueryExecution autoscaling:SuspendProcesses cloudtrail:LookupEvents
		codebuild:BatchGetBuilds dynamodb:UpdateTimeToLive ecr:PutLifecyclePolicy ecs:RunTask eks:TagResource elasticache:RebootCacheCluster
		events:PutTargets firehose:PutRecordBatch glue:SearchTables guardduty:ArchiveFindings inspector2:Enable kinesis:MergeShards`)
	var args []string
	warned := false
	for i, action := range actions {
		args = append(args, "--allow", action)
		if i < 4 || i%2 == 0 && i < len(actions)-1 {
			continue
		}
		r := p.grant(t, append(args, "--to", key)...)
		_, after, ok := strings.Cut(r.Stderr, "size:")
		var percent int
		if _, err := fmt.Sscan(after, &percent); err != nil || !ok {
			t.Fatalf("%q", r.Stderr)
		}
		says := strings.Contains(r.Stderr, "over 100 %")
		if says != (percent >= 80) {
			t.Errorf("at %d %% it warns: %v", percent, says)
		}
		warned = warned || says
		// For programs that read both streams as one it stays silent; -v says it.
		process := append([]string{"--source-profile", "base", "--federation-name", "big"}, args...)
		if r := p.Run(t, process...); r.Code != 0 || r.Stderr != "" {
			t.Errorf("exit %d, %q", r.Code, r.Stderr)
		}
		if r := p.Run(t, append(process, "-v")...); strings.Contains(r.Stderr, "over 100 %") != says {
			t.Errorf("-v: %q", r.Stderr)
		}
	}
	if !warned {
		t.Error("no policy was large enough to be warned of")
	}
	p.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Code: "PackedPolicyTooLarge", Message: "Packed policy consumes 118% of allotted space, please use smaller policy.", Status: 400})
	r := p.Run(t, "grant", "TemporaryUser", "--source-profile", "base", "--allow", "ec2:*", "--to", key)
	if r.Code != harness.ExitDenied || r.Stdout != "" || !strings.Contains(r.Stderr, "118%") || !strings.Contains(r.Stderr, "make the policy shorter") {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
}

// The fields singly, for tools that read no process document.
func TestAcceptFormats(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	granted := p.grant(t, "--allow", "ec2:*", "--region", "eu-west-1", "--to", key)
	harness.Must(t, p.bob.Write("sealed", granted.Stdout))
	id := p.LastRequest(t, "GetFederationToken").Issued
	r := p.bob.Run(t, "accept", "sealed", "-i", "age.key", "--format", "env")
	for _, want := range []string{"AWS_ACCESS_KEY_ID=" + id + "\n", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "AWS_CREDENTIAL_EXPIRATION=20", "AWS_ACCOUNT_ID=" + harness.Account, "AWS_REGION=eu-west-1\n"} {
		if !strings.Contains(r.Stdout, want) {
			t.Errorf("no %q", want)
		}
	}
	// A shell makes of them what an SDK finds.
	script := p.bob.Command(t)
	script.Path, script.Args = harness.Need(t, "sh"), []string{"sh", "-c", `set -a; eval "$(sts-helper accept sealed -i age.key --format env)"; exec "$0" DescribeAvailabilityZones`, harness.Program(t, "zones")}
	script.Env = append(script.Env, "AWS_ENDPOINT_URL_EC2="+p.STS.URL())
	if r := harness.Finish(script); r.Code != 0 || !strings.Contains(r.Stdout, "eu-west-1a") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	if kept := records(t, p.bob); kept != nil {
		t.Errorf("--format kept %q", kept)
	}
	// Standard input is as good as a file, and another cache is said where it is used.
	in := p.bob.Command(t, "accept", "-i", "age.key", "--cache-dir", "my cache")
	in.Stdin = strings.NewReader(granted.Stdout)
	r = p.bob.Finish(t, in)
	if r.Code != 0 || !strings.Contains(r.Stdout, "credential_process = sts-helper --granted TemporaryUser --cache-dir '"+filepath.Join(p.bob.Dir, "my cache")+"'\n") {
		t.Errorf("exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
	}
	harness.Must(t, p.bob.Write(".aws/config", r.Stdout))
	if r := p.use(t, "TemporaryUser", "DescribeAvailabilityZones"); r.Code != 0 {
		t.Errorf("exit %d, %q", r.Code, r.Stderr)
	}
	// What asks STS for other tokens is no obstacle.
	harness.Must(t, p.bob.Write(".config/sts-helper/config.toml", "[profile.default]\nsource_profile = \"none\"\nduration = \"1h\"\ncache_dir = "+fmt.Sprintf("%q", filepath.Join(p.bob.Dir, "my cache"))+"\n"))
	p.bob.Creds(t, p.bob.Run(t, "--granted", "TemporaryUser"))
}
