package integration_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every way leads to the same token: a process, a container client, an instance's client.
func TestServeSharesOneToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nregion = \"eu-central-1\"\n"))
	first := w.creds(t, w.run(t, "--profile", "dev"))
	s := w.serve(t, "--profile", "dev", "--imds", "dev")
	d := s.container(t, "dev").document(t)
	if d.AccessKeyId != first.AccessKeyId || d.Token != first.SessionToken || d.Expiration != first.Expiration || d.AccountId != account || d.RoleArn != "" || d.Code != "" {
		t.Errorf("the container path gives %s of %q until %s", d.AccessKeyId, d.AccountId, d.Expiration)
	}
	session := s.session(t)
	if a := s.metadata(t, session, rolePath); a.body != "dev" {
		t.Errorf("the role listing is %q", a.body)
	}
	if d := s.metadata(t, session, rolePath+"dev").document(t); d.Code != "Success" || d.AccessKeyId != first.AccessKeyId || d.Token != first.SessionToken {
		t.Errorf("the metadata path gives %s", d.AccessKeyId)
	}
	if a := s.metadata(t, session, "meta-data/placement/region"); a.body != "eu-central-1" {
		t.Errorf("the region is %q", a.body)
	}
	if a := s.do(t, "GET", s.base+"/healthz"); a.status != 200 || a.body != "ready\n" {
		t.Errorf("healthz: %d %q", a.status, a.body)
	}
	// The AWS SDK itself, once told by each pair of variables alone.
	for _, names := range [][2]string{
		{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"},
		{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_V1_DISABLED"},
	} {
		r := w.runSDK(t, "whoami", names[0]+"="+s.env[names[0]], names[1]+"="+s.env[names[1]])
		if strings.TrimSpace(r.Stdout) != w.user.ARN {
			t.Errorf("%s: exit %d, %q, %q", names[0], r.Code, r.Stdout, r.Stderr)
		}
	}
	if n := w.sts.Count("GetSessionToken"); n != 1 {
		t.Errorf("%d calls of STS, want 1", n)
	}
}

// Settings by flag are served as "default", a role with its ARN; a second process needs no call.
func TestServeOfARoleByFlags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	role := w.sts.AddRole(account, "deploy").ARN
	s := w.serve(t, "--source-profile", "base", "--role-arn", role, "--role-session-name", "me")
	d := s.container(t, "default").document(t)
	if d.RoleArn != role || d.AccountId != account || !w.sts.Owns(d.AccessKeyId, d.SecretAccessKey, d.Token) {
		t.Errorf("got %s of %s, %s", d.AccessKeyId, d.AccountId, d.RoleArn)
	}
	if p := w.creds(t, w.run(t, "--source-profile", "base", "--role-arn", role, "--role-session-name", "me")); p.AccessKeyId != d.AccessKeyId {
		t.Error("the process got another token")
	}
	if _, ok := s.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"]; ok {
		t.Error("metadata is offered without --imds")
	}
	if a := s.do(t, "PUT", s.base+"/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "60"); a.status != 404 {
		t.Errorf("metadata without --imds: %d", a.status)
	}
}

// The files: what is in them, who may read them, and what becomes of them.
func TestServeFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serve(t, "--source-profile", "base", "--imds", "default")
	tokenFile := filepath.Join(w.Dir, "run", "sts-helper", "default.token")
	want := "AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.base + "/credentials/default\n" +
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + tokenFile + "\n" +
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.base + "\n" +
		"AWS_EC2_METADATA_V1_DISABLED=true\n"
	got, err := os.ReadFile(s.envFile)
	must(t, err)
	if string(got) != want || !strings.HasPrefix(s.base, "http://127.0.0.1:") {
		t.Errorf("the env-file is\n%s, want\n%s", got, want)
	}
	for path, mode := range map[string]os.FileMode{
		s.envFile: 0o600, tokenFile: 0o600, filepath.Dir(tokenFile): 0o700 | os.ModeDir,
		filepath.Join(w.Cache(), "imds.key"): 0o600,
	} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode() != mode {
			t.Errorf("%s has mode %s, want %s", path, info.Mode(), mode)
		}
	}
	token := s.bearer(t)
	if strings.ContainsAny(token, "\r\n ") || len(token) < 43 {
		t.Errorf("the token file holds %q", token)
	}
	left, _ := filepath.Glob(filepath.Join(filepath.Dir(s.envFile), ".*"))
	more, _ := filepath.Glob(filepath.Join(filepath.Dir(tokenFile), ".*"))
	if len(left)+len(more) != 0 {
		t.Errorf("temporary files were left: %q %q", left, more)
	}
	if code := s.stop(t); code != 0 {
		t.Errorf("exit %d after SIGTERM", code)
	}
	if _, err := os.Stat(s.envFile); !os.IsNotExist(err) {
		t.Errorf("the env-file is still there: %v", err)
	}
	// The token is the clients': they live on when the server comes back.
	if again := w.serve(t, "--source-profile", "base", "--imds", "default"); again.bearer(t) != token {
		t.Error("a restart made another token")
	}
}

// A restart strands nobody who holds a session token, and a later identity gets none by it.
func TestServeRestartKeepsSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\n"))
	s := w.serve(t, "--profile", "dev", "--imds", "dev")
	session := s.session(t)
	address := strings.TrimPrefix(s.base, "http://")
	s.stop(t)
	s = w.serve(t, "--profile", "dev", "--imds", "dev", "--listen", address)
	if a := s.metadata(t, session, rolePath+"dev"); a.status != 200 {
		t.Errorf("the session token from before the restart: %d", a.status)
	}
	s.stop(t)
	role := w.sts.AddRole(account, "other").ARN
	must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nrole_arn = \""+role+"\"\n"))
	s = w.serve(t, "--profile", "dev", "--imds", "dev", "--listen", address)
	if a := s.metadata(t, session, rolePath+"dev"); a.status != 401 {
		t.Errorf("the session token of another identity: %d, want 401", a.status)
	}
}

// SIGHUP reads config.toml again; what is wrong there changes nothing.
func TestServeReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	config := func(duration string) {
		must(t, w.Write(".config/sts-helper/config.toml", "[profile.dev]\nsource_profile = \"base\"\nduration = \""+duration+"\"\n"))
	}
	config("12h")
	s := w.serve(t, "--profile", "dev")
	first := s.creds(t, "dev")
	config("nonsense")
	must(t, s.cmd.Process.Signal(syscall.SIGHUP))
	within(t, 5*time.Second, "the complaint", func() bool { return strings.Contains(s.log.String(), "level=ERROR") })
	if s.creds(t, "dev") != first {
		t.Error("settings that are wrong changed the credentials")
	}
	config("2h")
	must(t, s.cmd.Process.Signal(syscall.SIGHUP))
	within(t, 5*time.Second, "the new settings", func() bool { return s.creds(t, "dev") != first })
	if id, _ := w.sts.Lookup(s.creds(t, "dev")); id.Expiration.Sub(id.Issued).Round(time.Second) != 2*time.Hour {
		t.Errorf("the new life is %s", id.Expiration.Sub(id.Issued))
	}
}

// A rotated key needs no restart and no signal.
func TestServeSeesRotatedKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serve(t, "--source-profile", "base")
	first := s.creds(t, "default")
	id, secret := w.sts.AddKey(w.user)
	must(t, w.Write(".aws/credentials", "[base]\naws_access_key_id = "+id+"\naws_secret_access_key = "+secret+"\n"))
	within(t, 5*time.Second, "a token of the new key", func() bool { return s.creds(t, "default") != first })
	if got, _ := w.sts.Lookup(s.creds(t, "default")); got.IssuedTo != id {
		t.Errorf("the token was issued to %s", got.IssuedTo)
	}
}

// A cache that is removed under the server is made anew: the next process shares it.
func TestServeOutlivesItsCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.serve(t, "--source-profile", "base")
	first := s.creds(t, "default")
	must(t, os.RemoveAll(w.Cache()))
	s.creds(t, "default")
	within(t, 5*time.Second, "a new token in a new cache", func() bool { return s.creds(t, "default") != first })
	calls := w.sts.Count("GetSessionToken")
	if d := w.creds(t, w.run(t, "--source-profile", "base")); d.AccessKeyId != s.creds(t, "default") || w.sts.Count("GetSessionToken") != calls {
		t.Error("the process does not share the server's token")
	}
}

// SIGTERM lets an answer under way finish, takes nothing new, and ends with 0.
func TestServeDrains(t *testing.T) {
	t.Parallel()
	m := newTimeMachine(t)
	s := m.serve(t, "--source-profile", "base", "--duration", "1h")
	m.at(t, afterward) // so the next answer has to wait for STS
	release := m.sts.Gate("GetSessionToken")
	defer release()
	got := make(chan answer, 1)
	bearer := s.bearer(t)
	go func() {
		a, _ := request("GET", s.base+"/credentials/default", "Authorization", bearer)
		got <- a
	}()
	must(t, m.sts.WaitInFlight(t.Context(), "GetSessionToken", 1))
	must(t, s.cmd.Process.Signal(syscall.SIGTERM))
	within(t, 2*time.Second, "no new connections", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	release()
	if a := <-got; a.status != 200 {
		t.Errorf("the answer under way: %d %.80s", a.status, a.body)
	}
	within(t, 5*time.Second, "the end", func() bool {
		select {
		case <-s.ended:
			return true
		default:
			return false
		}
	})
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d", code)
	}
}
