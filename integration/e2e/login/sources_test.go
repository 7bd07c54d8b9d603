package login_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// sources is a world in which every other source has its role "host" or "ci".
type sources struct {
	*world
	job    *emulator.GitHubJob
	anchor *emulator.TrustAnchor
	host   string // ARN of the certificate's role
	ci     string // ARN of the role for CI
}

func newSources(t *testing.T) *sources {
	t.Helper()
	w := newWorld(t)
	s := &sources{world: w}
	host := w.STS.AddRole(harness.Account, "host", emulator.Trust("rolesanywhere.amazonaws.com"))
	oidc := w.STS.AddOIDCProvider(harness.Account, emulator.GitHubIssuer, "sts.amazonaws.com")
	s.host, s.ci = host.ARN, w.STS.AddRole(harness.Account, "ci", emulator.Trust(oidc.ARN)).ARN
	s.anchor = w.STS.AddTrustAnchor(harness.Account, "eu-west-1", host.ARN)
	s.job = w.STS.AddGitHubJob("octo/app")
	w.Env["ACTIONS_ID_TOKEN_REQUEST_URL"], w.Env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = s.job.RequestURL, s.job.RequestToken
	w.Env["AWS_ENDPOINT_URL_ROLESANYWHERE"] = w.STS.URL()
	s.certificate(t, s.anchor, time.Now().Add(time.Hour))
	return s
}

// certificate writes the host's certificate and key.
func (s *sources) certificate(t *testing.T, anchor *emulator.TrustAnchor, notAfter time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	harness.Must(t, err)
	der, err := x509.MarshalECPrivateKey(key)
	harness.Must(t, err)
	cert, _ := anchor.Issue("host", key.Public(), notAfter, false)
	harness.Must(t, s.Write("cert.pem", string(cert)))
	harness.Must(t, s.Write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))))
}

func (s *sources) x509() []string {
	return []string{"--certificate", filepath.Join(s.Dir, "cert.pem"), "--private-key", filepath.Join(s.Dir, "key.pem"), "--trust-anchor-arn", s.anchor.ARN,
		"--anywhere-profile-arn", s.anchor.ProfileARN, "--anywhere-role-arn", s.host, "--role-arn", s.app()}
}

func (s *sources) app() string { return "arn:aws:iam::" + harness.Account + ":role/app" }

func (s *sources) command(line string) []string {
	return []string{"--source-command", line, "--role-arn", s.app()}
}

func (s *sources) script(t *testing.T, text string) string {
	t.Helper()
	harness.Must(t, s.Write("script", "#!/bin/sh\n"+text+"\n"))
	path := filepath.Join(s.Dir, "script")
	harness.Must(t, os.Chmod(path, 0o700))
	return path
}

func (s *sources) refuse(op string, kind emulator.Kind) {
	s.STS.Fault(emulator.Fault{Kind: kind, Op: op, Times: 100})
}

// Each source, and each way in which it fails: the exit code, and what the one line says to do.
func TestSources(t *testing.T) {
	t.Parallel()
	const corp, console = "; run: sts-helper login corp\n", "; run: sts-helper login console\n"
	byCorp, byConsole := []string{"--profile", "app"}, []string{"--profile", "app-console"}
	for name, tc := range map[string]struct {
		do   func(t *testing.T, s *sources) []string
		code int
		says []string // on stderr, "" that it is silent
	}{
		"Identity Center": {func(t *testing.T, s *sources) []string { s.signIn(t, "alice"); return byCorp }, 0, nil},
		"Identity Center, refreshed": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			harness.EndsIn(t, s.sso, -time.Hour)
			return byCorp
		}, 0, nil},
		"Identity Center, throttled": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			s.STS.Fault(emulator.Fault{Kind: emulator.Refuse, Status: 429, Code: "TooManyRequestsException", Op: "GetRoleCredentials", Times: 3})
			return byCorp
		}, 0, nil},
		"Identity Center, not logged in": {func(*testing.T, *sources) []string { return byCorp }, harness.ExitInteraction,
			[]string{`AWS profile "corp" is not logged in to IAM Identity Center`, "aws sso login --profile corp", corp}},
		"Identity Center, old form, not logged in": {func(*testing.T, *sources) []string { return []string{"--profile", "app-old"} }, harness.ExitInteraction,
			[]string{"aws sso login --profile old", "; run: sts-helper login old\n"}},
		"Identity Center, ended for good": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			harness.EndsIn(t, s.sso, -time.Hour)
			s.STS.EndSSO("alice")
			return byCorp
		}, harness.ExitInteraction, []string{"has ended", corp}},
		"Identity Center, ended at AWS": {func(t *testing.T, s *sources) []string { s.signIn(t, "alice"); s.STS.EndSSO("alice"); return byCorp }, harness.ExitInteraction, []string{"has ended", corp}},
		"Identity Center, damaged": {func(t *testing.T, s *sources) []string {
			harness.WritePrivate(t, s.sso, []byte(`{"accessToken":"CANARY`))
			return byCorp
		}, harness.ExitInteraction, []string{"is damaged", corp}},
		"Identity Center, no assignment": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			s.STS.Unassign("alice", harness.Account, "Admin")
			return byCorp
		}, harness.ExitDenied, []string{"ForbiddenException", "sso_role_name"}},
		"Identity Center, away": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			s.Env["AWS_ENDPOINT_URL_SSO"] = "http://127.0.0.1:9"
			return byCorp
		}, harness.ExitUnreachable, []string{"refused"}},
		"Identity Center, refresh away": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			harness.EndsIn(t, s.sso, -time.Hour)
			s.refuse("CreateToken", emulator.ServiceUnavailable)
			return byCorp
		}, harness.ExitUnreachable, []string{"HTTP 503"}},
		"Identity Center, another host": {func(t *testing.T, s *sources) []string {
			s.signIn(t, "alice")
			s.Env["AWS_ENDPOINT_URL_SSO"] = "http://sso.example.com"
			return byCorp
		}, harness.ExitConfig, []string{"AWS_ENDPOINT_URL_SSO", "unencrypted"}},

		"aws login": {func(t *testing.T, s *sources) []string { s.signInConsole(t); return byConsole }, 0, nil},
		"aws login, refreshed": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, -time.Hour)
			return byConsole
		}, 0, nil},
		"aws login, refresh away, valid still": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, 4*time.Minute)
			s.refuse("CreateOAuth2Token", emulator.ServiceUnavailable)
			return byConsole
		}, 0, nil},
		"aws login, in its own directory": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			s.Env["AWS_LOGIN_CACHE_DIRECTORY"] = filepath.Join(s.Dir, "elsewhere")
			harness.Must(t, os.Rename(filepath.Dir(s.cons), filepath.Join(s.Dir, "elsewhere")))
			return byConsole
		}, 0, nil},
		"aws login, not logged in": {func(*testing.T, *sources) []string { return byConsole }, harness.ExitInteraction,
			[]string{`AWS profile "console" is not logged in to AWS`, "aws login --profile console", console}},
		"aws login, ended for good": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, -time.Hour)
			s.STS.EndLogin(s.arn, "TOKEN_EXPIRED")
			return byConsole
		}, harness.ExitInteraction, []string{"has ended", console}},
		"aws login, password changed": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, -time.Hour)
			s.STS.EndLogin(s.arn, "USER_CREDENTIALS_CHANGED")
			return byConsole
		}, harness.ExitInteraction, []string{"has ended", console}},
		"aws login, no permission": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, -time.Hour)
			s.STS.EndLogin(s.arn, "INSUFFICIENT_PERMISSIONS")
			return byConsole
		}, harness.ExitDenied, []string{"signin:CreateOAuth2Token", "SignInLocalDevelopmentAccess"}},
		"aws login, away": {func(t *testing.T, s *sources) []string {
			s.signInConsole(t)
			harness.EndsIn(t, s.cons, -time.Hour)
			s.Env["AWS_ENDPOINT_URL_SIGNIN"] = "http://127.0.0.1:9"
			return byConsole
		}, harness.ExitUnreachable, []string{"refused"}},

		"command, document": {func(t *testing.T, s *sources) []string {
			return s.command(s.script(t, fmt.Sprintf(`echo '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"%s"}'`, s.User.AccessKeyID, s.User.SecretAccessKey)))
		}, 0, nil},
		"command, lines": {func(t *testing.T, s *sources) []string {
			return s.command(s.script(t, fmt.Sprintf("echo aws_access_key_id = %s; echo 'aws_secret_access_key = %s'", s.User.AccessKeyID, s.User.SecretAccessKey)))
		}, 0, nil},
		"command, variables": {func(t *testing.T, s *sources) []string {
			return s.command(s.script(t, fmt.Sprintf("echo export AWS_ACCESS_KEY_ID=%s; echo 'AWS_SECRET_ACCESS_KEY=%s'", s.User.AccessKeyID, s.User.SecretAccessKey)))
		}, 0, nil},
		"command, missing": {func(t *testing.T, s *sources) []string { return s.command("/nowhere/vault read") }, harness.ExitSource, []string{`"/nowhere/vault" could not be run`}},
		"command, failed":  {func(t *testing.T, s *sources) []string { return s.command(s.script(t, "echo sealed >&2; exit 2")) }, harness.ExitSource, []string{"exit status 2: sealed"}},
		"command, junk":    {func(t *testing.T, s *sources) []string { return s.command(s.script(t, "echo CANARY")) }, harness.ExitSource, []string{"no usable credentials", "NAME=value"}},
		"command and profile": {func(t *testing.T, s *sources) []string { return append(s.command("x"), "--source-profile", "base") }, harness.ExitUsage,
			[]string{"does not go with --source-command", "remove one"}},

		"certificate": {func(t *testing.T, s *sources) []string { return s.x509() }, 0, nil},
		"certificate, missing": {func(t *testing.T, s *sources) []string {
			harness.Must(t, os.Remove(filepath.Join(s.Dir, "cert.pem")))
			return s.x509()
		}, harness.ExitSource, []string{"cert.pem", "no such file"}},
		"certificate, ended": {func(t *testing.T, s *sources) []string {
			s.certificate(t, s.anchor, time.Now().Add(-time.Minute))
			return s.x509()
		}, harness.ExitSource, []string{"cert.pem", "ended", "renewed"}},
		"certificate, another's key": {func(t *testing.T, s *sources) []string {
			harness.Must(t, os.Rename(filepath.Join(s.Dir, "key.pem"), filepath.Join(s.Dir, "old.pem")))
			s.certificate(t, s.anchor, time.Now().Add(time.Hour))
			harness.Must(t, os.Rename(filepath.Join(s.Dir, "old.pem"), filepath.Join(s.Dir, "key.pem")))
			return s.x509()
		}, harness.ExitSource, []string{"is not the key of the certificate"}},
		"certificate, not trusted": {func(t *testing.T, s *sources) []string {
			s.certificate(t, s.STS.AddTrustAnchor(harness.Account, "eu-west-1", s.host), time.Now().Add(time.Hour))
			return s.x509()
		}, harness.ExitDenied, []string{"Untrusted signing certificate", "trust anchor"}},
		"certificate, away": {func(t *testing.T, s *sources) []string {
			s.Env["AWS_ENDPOINT_URL_ROLESANYWHERE"] = "http://127.0.0.1:9"
			return s.x509()
		}, harness.ExitUnreachable, []string{"refused"}},
		"certificate, half": {func(t *testing.T, s *sources) []string { return []string{"--certificate", "x"} }, harness.ExitUsage, []string{"add --private-key, --trust-anchor-arn"}},

		"GitHub": {func(t *testing.T, s *sources) []string {
			return []string{"--web-identity", "github", "--role-arn", s.ci}
		}, 0, nil},
		"GitHub, no job": {func(t *testing.T, s *sources) []string {
			delete(s.Env, "ACTIONS_ID_TOKEN_REQUEST_TOKEN")
			return []string{"--web-identity", "github", "--role-arn", s.ci}
		}, harness.ExitSource, []string{"id-token: write"}},
		"GitHub, job ended": {func(t *testing.T, s *sources) []string {
			s.STS.EndGitHubJob(s.job)
			return []string{"--web-identity", "github", "--role-arn", s.ci}
		}, harness.ExitSource, []string{"GitHub Actions refused", "ends with the job"}},
		"GitHub, away": {func(t *testing.T, s *sources) []string {
			s.Env["ACTIONS_ID_TOKEN_REQUEST_URL"] = "http://127.0.0.1:9/?api-version=2.0"
			return []string{"--web-identity", "github", "--role-arn", s.ci}
		}, harness.ExitUnreachable, []string{"GitHub Actions gave no web identity token"}},
		"GitHub, misspelled": {func(t *testing.T, s *sources) []string {
			return []string{"--web-identity", "gitlab", "--role-arn", s.ci}
		}, harness.ExitUsage, []string{"write github"}},

		"token command, junk":    {func(t *testing.T, s *sources) []string { return s.token(s.script(t, "echo not a token")) }, harness.ExitSource, []string{"printed no token"}},
		"token command, failed":  {func(t *testing.T, s *sources) []string { return s.token(s.script(t, "echo locked >&2; exit 1")) }, harness.ExitSource, []string{"exit status 1: locked"}},
		"token command, refused": {func(t *testing.T, s *sources) []string { return s.token(s.script(t, "echo a.b.c")) }, harness.ExitSource, []string{"InvalidIdentityToken", "audience"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSources(t)
			args := tc.do(t, s)
			r := s.Run(t, args...)
			if tc.code == 0 {
				s.Creds(t, r)
				return
			}
			if r.Code != tc.code || r.Stdout != "" || strings.Count(r.Stderr, "\n") != 1 || !strings.HasPrefix(r.Stderr, "sts-helper: ") {
				t.Errorf("exit %d, want %d; %q, %q", r.Code, tc.code, r.Stdout, r.Stderr)
			}
			for _, want := range tc.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("%q lacks %q", r.Stderr, want)
				}
			}
		})
	}
}

func (s *sources) token(line string) []string {
	return []string{"--web-identity-token-command", line, "--role-arn", s.ci}
}

// What a web identity token command prints is what AWS is shown, and the next job on a machine
// does not get the token of the one before.
func TestCITokens(t *testing.T) {
	t.Parallel()
	s := newSources(t)
	args := []string{"--web-identity", "github", "--role-arn", s.ci}
	first := s.Creds(t, s.Run(t, args...))
	if again := s.Creds(t, s.Run(t, args...)); again != first {
		t.Error("the same job got another token")
	}
	other := s.STS.AddGitHubJob("octo/other")
	s.Env["ACTIONS_ID_TOKEN_REQUEST_URL"], s.Env["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = other.RequestURL, other.RequestToken
	if d := s.Creds(t, s.Run(t, args...)); d.AccessKeyId == first.AccessKeyId {
		t.Error("a job got another one's token")
	}
	harness.Need(t, "curl")
	script := s.script(t, `curl -sS -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" | sed 's/.*"value":"\([^"]*\)".*/\1/'`)
	s.Creds(t, s.Run(t, s.token(script)...))
}

// What they give is narrowed as any other temporary credentials: for a while, and to look at images.
func TestNarrowedSources(t *testing.T) {
	t.Parallel()
	s := newSources(t)
	x509 := s.x509()
	for name, args := range map[string][]string{
		"certificate": x509[:len(x509)-2], // without the role on top
		"GitHub":      {"--web-identity", "github", "--role-arn", s.ci},
	} {
		d := s.Creds(t, s.Run(t, append(args, "--allow", "ec2:DescribeImages", "--duration", "5m")...))
		id, _ := s.STS.Lookup(d.AccessKeyId)
		if id.Operation != "GetScopedCredentials" || id.Expiration.Sub(id.Issued) > 5*time.Minute || s.EC2(t, d, "DescribeImages") != 200 || s.EC2(t, d, "DescribeAvailabilityZones") != 403 {
			t.Errorf("%s: %+v", name, id)
		}
	}
}
