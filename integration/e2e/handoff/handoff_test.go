package handoff_test

import (
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

const partner = "444455556666"

// pair is a world with a granter, alice, and a second home whose owner has no AWS account.
type pair struct {
	*harness.World // alice's
	bob            *harness.World
}

func newPair(t testing.TB) *pair {
	t.Helper()
	p := &pair{World: harness.NewWorld(t)}
	h, err := harness.NewHome(filepath.Join(t.TempDir(), "bob"), harness.Binary(t), p.STS.URL())
	harness.Must(t, err)
	p.bob = &harness.World{Home: h, STS: p.STS}
	return p
}

// keys gives bob a key of each kind and returns the public halves by the private ones' files.
func (p *pair) keys(t testing.TB) map[string]string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	harness.Must(t, err)
	public, private, err := ed25519.GenerateKey(nil)
	harness.Must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "bob CANARY")
	harness.Must(t, err)
	sshPublic, err := ssh.NewPublicKey(public)
	harness.Must(t, err)
	harness.Must(t, p.bob.Write("age.key", "# CANARY\n"+id.String()+"\n"))
	harness.Must(t, p.bob.Write("ssh.key", string(pem.EncodeToMemory(block))))
	return map[string]string{
		"age.key": id.Recipient().String(),
		"ssh.key": strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPublic))),
	}
}

// grant grants and gives what was printed, once it is sure that nothing secret shows.
func (p *pair) grant(t testing.TB, args ...string) harness.Result {
	t.Helper()
	r := p.Run(t, append([]string{"grant", "TemporaryUser", "--source-profile", "base"}, args...)...)
	if r.Code != 0 || strings.Contains(r.Stdout, harness.Canary) {
		t.Fatalf("exit %d, %q, a secret shows: %v", r.Code, r.Stderr, strings.Contains(r.Stdout, harness.Canary))
	}
	return r
}

// use runs zones, a program that knows the AWS SDK and nothing of us, in bob's home.
func (p *pair) use(t testing.TB, profile, action string) harness.Result {
	t.Helper()
	cmd := exec.Command(harness.Program(t, "zones"), action)
	cmd.Env = p.bob.Environ("AWS_PROFILE="+profile, "AWS_ENDPOINT_URL_EC2="+p.STS.URL())
	return harness.Finish(cmd)
}

// secretsIn is every file below dir that has something of a token in it.
func secretsIn(t testing.TB, dir string, secrets ...string) (found []string) {
	t.Helper()
	harness.Must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, s := range secrets {
			if strings.Contains(string(data), s) {
				found = append(found, path)
				break
			}
		}
		return err
	}))
	return found
}

// A token that is narrowed further is granted and accepted like any other: for five minutes, and to read.
func TestNarrowedGrant(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for file, key := range p.keys(t) {
		granted := p.grant(t, "--allow", "ec2:*", "--read-only", "--duration", "5m", "--to", key)
		made := p.LastRequest(t, "GetScopedCredentials")
		id, _ := p.STS.Lookup(made.Issued)
		for _, want := range []string{"federated-user/TemporaryUser", "may do at most ec2:*", "and then: may do at most ", "ec2:Describe*", "attach to the IAM user"} {
			if !strings.Contains(granted.Stderr, want) {
				t.Errorf("grant does not say %q: %q", want, granted.Stderr)
			}
		}
		if id.Expiration.Sub(id.Issued) > 5*time.Minute || !strings.HasSuffix(id.ARN, "federated-user/TemporaryUser") {
			t.Errorf("%+v", id)
		}
		harness.Must(t, p.bob.Write("mail", granted.Stdout))
		accepted := p.bob.Run(t, "accept", "mail", "--identity", file, "--name", "guest", "--replace")
		if accepted.Code != 0 || !strings.Contains(accepted.Stderr, "federated-user/TemporaryUser") {
			t.Fatalf("exit %d, %q", accepted.Code, accepted.Stderr)
		}
		d := p.bob.Creds(t, p.bob.Run(t, "--granted", "guest"))
		if d.AccessKeyId != id.AccessKeyID || p.EC2(t, d, "DescribeImages") != 200 {
			t.Errorf("received %s", d.AccessKeyId)
		}
	}
}

// The whole story: a user without an AWS account may look at zones for three hours.
func TestTokenForAnotherUser(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for file, key := range p.keys(t) {
		t.Run(file, func(t *testing.T) {
			granted := p.grant(t, "--allow", "ec2:Describe*", "--deny", "ec2:describe_images", "--duration", "3h", "--region", "eu-west-1", "--note", "for Tuesday", "--to", key)
			id, _ := p.STS.Lookup(p.LastRequest(t, "GetFederationToken").Issued)
			for _, want := range []string{"arn:aws:sts::" + harness.Account + ":federated-user/TemporaryUser", "may do at most ec2:Describe* on *", "may not do ec2:DescribeImages on *", "(3h0m0s)", "revoke:", "size:"} {
				if !strings.Contains(granted.Stderr, want) {
					t.Errorf("grant does not say %q: %q", want, granted.Stderr)
				}
			}
			if id.ARN != "arn:aws:sts::"+harness.Account+":federated-user/TemporaryUser" || id.Expiration.Sub(id.Issued).Round(time.Minute) != 3*time.Hour {
				t.Errorf("%+v", id)
			}

			// It travels as a file, with a greeting around it.
			harness.Must(t, p.bob.Write("mail", "Hello Bob,\n\n"+granted.Stdout+"\nBye\n"))
			fields := p.bob.Run(t, "accept", "mail", "--identity", file, "--format", "json")
			var sent harness.Document
			harness.Must(t, json.Unmarshal([]byte(fields.Stdout), &sent))
			accepted := p.bob.Run(t, "accept", "mail", "--identity", file, "--name", "guest")
			if accepted.Code != 0 || accepted.Stdout != "[profile guest]\ncredential_process = sts-helper --granted guest\nregion = eu-west-1\n" {
				t.Fatalf("exit %d, %q, %q", accepted.Code, accepted.Stdout, accepted.Stderr)
			}
			for _, want := range []string{"AWS profile base", "federated-user/TemporaryUser", "may not do ec2:DescribeImages", "for Tuesday", "cannot be renewed"} {
				if !strings.Contains(accepted.Stderr, want) {
					t.Errorf("accept does not say %q: %q", want, accepted.Stderr)
				}
			}
			harness.Must(t, p.bob.Write(".aws/config", accepted.Stdout))
			got := p.bob.Creds(t, p.bob.Run(t, "--granted", "guest"))
			if got != sent || got.AccessKeyId != id.AccessKeyID || got.AccountId != harness.Account || got.Expiration != id.Expiration.UTC().Format(time.RFC3339) {
				t.Errorf("sent %s until %s, received %s until %s", id.AccessKeyID, id.Expiration, got.AccessKeyId, got.Expiration)
			}

			// The SDK uses it, and may do what the policy says.
			if r := p.use(t, "guest", "DescribeAvailabilityZones"); r.Code != 0 || !strings.Contains(r.Stdout, "eu-west-1a eu-west-1b") {
				t.Errorf("zones: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}
			if r := p.use(t, "guest", "DescribeImages"); r.Code == 0 || !strings.Contains(r.Stderr, "UnauthorizedOperation") || !strings.Contains(r.Stderr, "explicit deny") {
				t.Errorf("images: exit %d, %q, %q", r.Code, r.Stdout, r.Stderr)
			}

			// Alice keeps nothing of it; Bob keeps it in one place.
			if found := secretsIn(t, p.Dir, got.SessionToken, got.SecretAccessKey, got.AccessKeyId); found != nil {
				t.Errorf("alice keeps the token in %q", found)
			}
			if found := secretsIn(t, p.bob.Dir, got.SessionToken, got.SecretAccessKey); len(found) != 1 || !strings.HasPrefix(found[0], p.bob.Cache()) {
				t.Errorf("bob keeps the token in %q", found)
			}
		})
	}
	if n := p.STS.Count("GetFederationToken"); n != 2 || p.STS.Count("GetSessionToken") != 0 {
		t.Errorf("%d calls for two grants", n)
	}
}

// A policy that allows nothing, which is what a builder starts from, gives a token that may
// do nothing; the default of a federation token without a policy is the same.
func TestDefaultPolicyDeniesAll(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	built := p.Run(t, "policy")
	harness.Must(t, p.Write("nothing.json", built.Stdout))
	for name, args := range map[string][]string{
		"built":     {"--policy", filepath.Join(p.Dir, "nothing.json")},
		"no-policy": {"--no-policy"},
	} {
		sealed := p.grant(t, append(args, "--to", key)...)
		harness.Must(t, p.bob.Write("sealed", sealed.Stdout))
		r := p.bob.Run(t, "accept", "sealed", "-i", "age.key", "--name", name)
		harness.Must(t, p.bob.Write(".aws/config", r.Stdout+"region = eu-west-1\n"))
		if r := p.use(t, name, "DescribeAvailabilityZones"); r.Code == 0 || !strings.Contains(r.Stderr, "UnauthorizedOperation") {
			t.Errorf("%s: exit %d, %q, %q", name, r.Code, r.Stdout, r.Stderr)
		}
	}
}

// A session of a role can be granted too, whichever way the role is set.
func TestGrantedRole(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	role := p.STS.AddRole(partner, "shared", emulator.Trust(harness.Account))
	harness.Must(t, p.Write(".config/sts-helper/config.toml", fmt.Sprintf("[profile.share]\nsource_profile = \"base\"\nrole_arn = %q\nallow = [\"ec2:DescribeAvailabilityZones\"]\n", role.ARN)))
	for _, args := range [][]string{{"--role-arn", role.ARN, "--allow", "ec2:DescribeAvailabilityZones"}, {"--profile", "share"}} {
		sealed := p.grant(t, append(args, "--to", key)...)
		if !strings.Contains(sealed.Stderr, "assumed-role/shared/TemporaryUser") || !strings.Contains(sealed.Stderr, "active sessions of the role") {
			t.Errorf("%q", sealed.Stderr)
		}
		harness.Must(t, p.bob.Write("sealed", sealed.Stdout))
		harness.Must(t, p.bob.Write(".aws/config", p.bob.Run(t, "accept", "sealed", "-i", "age.key", "--name", "shared").Stdout+"region = eu-west-1\n"))
		if r := p.use(t, "shared", "DescribeAvailabilityZones"); r.Code != 0 {
			t.Errorf("%q", r.Stderr)
		}
		if r := p.use(t, "shared", "DescribeImages"); !strings.Contains(r.Stderr, "UnauthorizedOperation") {
			t.Errorf("%q, %q", r.Stdout, r.Stderr)
		}
	}
	// Without a policy it says how much is given away.
	if r := p.grant(t, "--role-arn", role.ARN, "--to", key); !strings.Contains(r.Stderr, "everything that "+role.ARN+" may do") {
		t.Errorf("%q", r.Stderr)
	}
}

// An accepted token is answered directly, and another one accepted under its name takes its
// place.
func TestGrantedIsAnsweredDirectly(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	key := p.keys(t)["age.key"]
	before := ""
	for range 2 {
		harness.Must(t, p.bob.Write("sealed", p.grant(t, "--allow", "ec2:Describe*", "--to", key).Stdout))
		if r := p.bob.Run(t, "accept", "sealed", "-i", "age.key", "--name", "guest"); r.Code != 0 {
			t.Fatal(r.Stderr)
		}
		first := p.bob.Run(t, "--granted", "guest")
		again, direct := p.bob.Directly(t, p.bob.Command(t, "--granted", "guest"))
		if p.bob.Creds(t, first); !direct || again.Stdout != first.Stdout {
			t.Errorf("direct %v, exit %d, %q; the same document: %v", direct, again.Code, again.Stderr, again.Stdout == first.Stdout)
		}
		if first.Stdout == before {
			t.Error("the older token is answered")
		}
		before = first.Stdout
	}
}
