package serve_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/harness"
)

// Every way leads to the same token: a process, a container client, an instance's client.
func TestServeSharesOneToken(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nregion = \"eu-central-1\"\n"))
	first := w.Creds(t, w.Run(t, "--profile", "dev"))
	s := w.Serve(t, "--profile", "dev", "--imds", "dev")
	d := s.Container(t, "dev").Document(t)
	if d.AccessKeyId != first.AccessKeyId || d.Token != first.SessionToken || d.Expiration != first.Expiration || d.AccountId != harness.Account || d.RoleArn != "" || d.Code != "" {
		t.Errorf("the container path gives %s of %q until %s", d.AccessKeyId, d.AccountId, d.Expiration)
	}
	session := s.Session(t)
	if a := s.Metadata(t, session, harness.RolePath); a.Body != "dev" {
		t.Errorf("the role listing is %q", a.Body)
	}
	if d := s.Metadata(t, session, harness.RolePath+"dev").Document(t); d.Code != "Success" || d.AccessKeyId != first.AccessKeyId || d.Token != first.SessionToken {
		t.Errorf("the metadata path gives %s", d.AccessKeyId)
	}
	if a := s.Metadata(t, session, "meta-data/placement/region"); a.Body != "eu-central-1" {
		t.Errorf("the region is %q", a.Body)
	}
	if a := s.Do(t, "GET", s.Base+"/healthz"); a.Status != 200 || a.Body != "ready\n" {
		t.Errorf("healthz: %d %q", a.Status, a.Body)
	}
	// The AWS SDK itself, once told by each pair of variables alone.
	for _, names := range [][2]string{
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_V1_DISABLED"},
	} {
		r := runSDK(t, w, "whoami", names[0]+"="+s.Env[names[0]], names[1]+"="+s.Env[names[1]])
		if strings.TrimSpace(r.Stdout) != w.User.ARN {
			t.Errorf("%s: exit %d, %q, %q", names[0], r.Code, r.Stdout, r.Stderr)
		}
	}
	if n := w.STS.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
}

// Settings by flag are served as "default", a role with its ARN; a second process needs no call.
func TestServeOfARoleByFlags(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	role := w.STS.AddRole(harness.Account, "deploy").ARN
	s := w.Serve(t, "--source-profile", "base", "--role-arn", role, "--role-session-name", "me")
	d := s.Container(t, "default").Document(t)
	if d.RoleArn != role || d.AccountId != harness.Account || !w.STS.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Errorf("got %s of %s, %s", d.AccessKeyId, d.AccountId, d.RoleArn)
	}
	if p := w.Creds(t, w.Run(t, "--source-profile", "base", "--role-arn", role, "--role-session-name", "me")); p.AccessKeyId != d.AccessKeyId {
		t.Error("the process got another token")
	}
	if _, ok := s.Env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]; ok {
		t.Error("metadata is offered without --imds")
	}
	if a := s.Do(t, "PUT", s.Base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"); a.Status != 404 {
		t.Errorf("metadata without --imds: %d", a.Status)
	}
}

// The files: what is in them, who may read them, and what becomes of them.
func TestServeFiles(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base", "--imds", "default")
	tokenFile := filepath.Join(w.Dir, "run", "sts-helper", "default.token")
	want := "# Container credentials. The token is in a file, which is read anew when it changes.\n" +
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.Base + "/credentials/default\n" +
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + tokenFile + "\n" +
		"# EC2 instance metadata, version 2. Older botocore needs the slash at the end.\n" +
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.Base + "/\n" +
		"AWS_EC2_METADATA_V1_DISABLED=true\n"
	got, err := os.ReadFile(s.EnvFile)
	harness.Must(t, err)
	if string(got) != want || !strings.HasPrefix(s.Base, "http://127.0.0.1:") {
		t.Errorf("the env-file is\n%s, want\n%s", got, want)
	}
	for path, mode := range map[string]os.FileMode{
		s.EnvFile: 0o600, tokenFile: 0o600, filepath.Dir(tokenFile): 0o700 | os.ModeDir,
		filepath.Join(w.Cache(), "imds.key"): 0o600,
	} {
		info, err := os.Stat(path)
		harness.Must(t, err)
		if info.Mode() != mode {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), mode)
		}
	}
	token := s.Bearer(t)
	if strings.ContainsAny(token, "\r\n ") || len(token) < 43 {
		t.Errorf("the token file holds %q", token)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.EnvFile), ".*"))
	more, _ := filepath.Glob(filepath.Join(filepath.Dir(tokenFile), ".*"))
	if len(left)+len(more) != 0 {
		t.Errorf("temporary files were left: %q %q", left, more)
	}
	if code := s.Stop(t); code != 0 {
		t.Errorf("exit %d after SIGTERM", code)
	}
	if _, err := os.Stat(s.EnvFile); !os.IsNotExist(err) {
		t.Errorf("the env-file is still there: %v", err)
	}
	// The token is the clients': they live on when the server comes back.
	if again := w.Serve(t, "--source-profile", "base", "--imds", "default"); again.Bearer(t) != token {
		t.Error("a restart made another token")
	}
}

// A restart strands no client that holds a session token, and a later identity gets none by it.
func TestServeRestartKeepsSessions(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n"))
	s := w.Serve(t, "--profile", "dev", "--imds", "dev")
	session := s.Session(t)
	address := strings.TrimPrefix(s.Base, "http://")
	s.Stop(t)
	s = w.Serve(t, "--profile", "dev", "--imds", "dev", "--listen", address)
	if a := s.Metadata(t, session, harness.RolePath+"dev"); a.Status != 200 {
		t.Errorf("the session token from before the restart: %d", a.Status)
	}
	s.Stop(t)
	role := w.STS.AddRole(harness.Account, "other").ARN
	harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nrole_arn = \""+role+"\"\n"))
	s = w.Serve(t, "--profile", "dev", "--imds", "dev", "--listen", address)
	if a := s.Metadata(t, session, harness.RolePath+"dev"); a.Status != 401 {
		t.Errorf("the session token of another identity: %d, want 401", a.Status)
	}
}

// SIGHUP reads config.toml again; what is wrong there changes nothing.
func TestServeReload(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	config := func(duration string) {
		harness.Must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nduration = \""+duration+"\"\n"))
	}
	config("12h")
	s := w.Serve(t, "--profile", "dev")
	first := s.Creds(t, "dev")
	config("nonsense")
	harness.Must(t, s.Cmd.Process.Signal(syscall.SIGHUP))
	harness.Await(t, "the complaint", func() bool { return strings.Contains(s.Log.String(), "level=ERROR") })
	if s.Creds(t, "dev") != first {
		t.Error("settings that are wrong changed the credentials")
	}
	config("2h")
	harness.Must(t, s.Cmd.Process.Signal(syscall.SIGHUP))
	harness.Await(t, "the new settings", func() bool { return s.Creds(t, "dev") != first })
	if id, _ := w.STS.Lookup(s.Creds(t, "dev")); id.Expiration.Sub(id.Issued).Round(time.Second) != 2*time.Hour {
		t.Errorf("the new life is %s", id.Expiration.Sub(id.Issued))
	}
}

// A rotated key needs no restart and no signal.
func TestServeSeesRotatedKey(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base")
	first := s.Creds(t, "default")
	id, secret := w.STS.AddKey(w.User)
	harness.Must(t, w.Write(".aws/credentials", "[base]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n"))
	harness.Await(t, "a token of the new key", func() bool { return s.Creds(t, "default") != first })
	if got, _ := w.STS.Lookup(s.Creds(t, "default")); got.IssuedTo != id {
		t.Errorf("the token was issued to %s", got.IssuedTo)
	}
}

// A cache that is removed under the server is made anew: the next process shares it.
func TestServeOutlivesItsCache(t *testing.T) {
	t.Parallel()
	w := harness.NewWorld(t)
	s := w.Serve(t, "--source-profile", "base")
	first := s.Creds(t, "default")
	harness.Must(t, os.RemoveAll(w.Cache()))
	s.Creds(t, "default")
	harness.Await(t, "a new token in a new cache", func() bool { return s.Creds(t, "default") != first })
	calls := w.STS.Count("GetSessionToken")
	if d := w.Creds(t, w.Run(t, "--source-profile", "base")); d.AccessKeyId != s.Creds(t, "default") || w.STS.Count("GetSessionToken") != calls {
		t.Error("the process does not share the server's token")
	}
}

// SIGTERM lets an answer under way finish, takes nothing new, and ends with 0.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	m := harness.NewMovableWorld(t)
	s := m.Serve(t, "--source-profile", "base", "--duration", "1h")
	m.At(t, harness.Afterward) // so the next answer has to wait for STS
	release := m.STS.Gate("GetSessionToken")
	defer release()
	got := make(chan harness.Answer, 1)
	bearer := s.Bearer(t)
	go func() {
		a, _ := harness.Request("GET", s.Base+"/credentials/default", "Authorization", bearer)
		got <- a
	}()
	harness.Must(t, m.STS.WaitInFlight(harness.Context(t), "GetSessionToken", 1))
	harness.Must(t, s.Cmd.Process.Signal(syscall.SIGTERM))
	harness.Await(t, "no new connections", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.Base, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	release()
	if a := <-got; a.Status != 200 {
		t.Errorf("the answer under way: %d %.80s", a.Status, a.Body)
	}
	harness.Await(t, "the end", func() bool {
		select {
		case <-s.Ended:
			return true
		default:
			return false
		}
	})
	if code := s.Cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
