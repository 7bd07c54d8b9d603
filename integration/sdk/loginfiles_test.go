package sdk_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
	"github.com/sts-helper/sts-helper/internal/source/awslogin"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
)

const startURL = "https://d-1234567890.awsapps.com/start"

// expiresAt is the end that a login file gives for what it holds.
var expiresAt = regexp.MustCompile(`("expiresAt":\s*)"[^"]*"`)

// logins is a home with a login of IAM Identity Center and one of "aws login".
type logins struct {
	t          *testing.T
	sts        *emulator.Emulator
	home       string
	sso, login string                  // files
	refresh    map[string]func() error // where it has ended
	renew      map[string]func() error // in any case
	arns       map[string]*regexp.Regexp
}

func newLogins(t *testing.T) *logins {
	t.Helper()
	e := emulator.New(emulator.World{IdentityCenter: &emulator.IdentityCenter{StartURL: startURL, Region: region,
		Users: []emulator.DirectoryUser{{Name: "alice", Assignments: []emulator.Assignment{{Account: account, PermissionSet: "Admin"}}}}}})
	carol := e.AddUser(account, "carol")
	harness.Must(t, e.Start())
	t.Cleanup(e.Close)
	session := identitycenter.Session{Name: "corp", StartURL: startURL, Region: region}
	tokens := e.SignInConsole("carol")
	home := t.TempDir()
	l := &logins{t: t, sts: e, home: home,
		sso:   filepath.Join(home, ".aws", "sso", "cache", session.TokenFile()),
		login: filepath.Join(home, ".aws", "login", "cache", awslogin.FileName(carol.ARN)),
		arns: map[string]*regexp.Regexp{
			"sso":   regexp.MustCompile(`^arn:aws:sts::` + account + `:assumed-role/AWSReservedSSO_Admin_[0-9a-f]{16}/alice$`),
			"login": regexp.MustCompile("^" + carol.ARN + "$"),
		}}
	config := "[sso-session corp]\nsso_start_url = " + startURL + "\nsso_region = " + region + "\nsso_registration_scopes = sso:account:access\n" +
		"[profile sso]\nsso_session = corp\nsso_account_id = " + account + "\nsso_role_name = Admin\nregion = " + region + "\n" +
		"[profile login]\nlogin_session = " + carol.ARN + "\nregion = " + region + "\n"
	for name, data := range map[string][]byte{
		filepath.Join(home, ".aws", "config"): []byte(config),
		l.sso:                                 withForeign(e.SignInSSO("alice").File(startURL, region)),
		l.login:                               withForeign(tokens.File()),
	} {
		harness.Must(t, os.MkdirAll(filepath.Dir(name), 0o700))
		harness.Must(t, os.WriteFile(name, data, 0o600))
	}
	transport := &http.Transport{DisableKeepAlives: true}
	refresh := func(left time.Duration) map[string]func() error {
		return map[string]func() error{
			"sso": func() error {
				_, _, err := identitycenter.Refresh(context.Background(), identitycenter.Service{Transport: transport, Portal: e.URL(), OIDC: e.URL()}, l.sso, left)
				return err
			},
			"login": func() error {
				_, _, err := awslogin.Refresh(context.Background(), awslogin.Service{Transport: transport, Region: region,
					Endpoint: func(string) string { return e.URL() }}, l.login, left)
				return err
			},
		}
	}
	l.refresh, l.renew = refresh(time.Minute), refresh(24*time.Hour) // longer than any lasts
	return l
}

// foreign is a member of some other program.
var foreign = []byte(`, "foreign": {"b":1e0,  "a": [true]}`)

func withForeign(file []byte) []byte {
	return append(append(bytes.TrimSuffix(bytes.TrimSpace(file), []byte("}")), foreign...), '}')
}

func (l *logins) file(profile string) string {
	return map[string]string{"sso": l.sso, "login": l.login}[profile]
}

// age lets what a file holds end.
func (l *logins) age(profile string) {
	l.t.Helper()
	name := l.file(profile)
	b, err := os.ReadFile(name)
	harness.Must(l.t, err)
	b = expiresAt.ReplaceAll(b, []byte(`$1"2020-01-01T00:00:00Z"`))
	if !bytes.Contains(b, foreign) {
		b = withForeign(b)
	}
	harness.Must(l.t, os.WriteFile(name, b, 0o600))
}

// Our refreshes and those of other SDKs take turns on the same login files: each goes on from
// what the other wrote, no refresh token is spent twice, and ours keep a member of another program.
func TestLoginFilesAreShared(t *testing.T) {
	inside(t)
	for _, r := range rows() {
		if r.id != "boto3" && r.id != "js" {
			continue // the Go SDK damages the file of "aws login"
		}
		t.Run(r.id, func(t *testing.T) {
			for _, file := range append(r.needs, r.argv...) {
				if file != clockLibrary() { // the real time holds
					need(t, file)
				}
			}
			l := newLogins(t)
			for _, profile := range []string{"sso", "login"} {
				for round := range 3 {
					l.age(profile)
					l.asks(r, profile)
					l.age(profile) // and again what the SDK may have dropped
					if err := l.refresh[profile](); err != nil {
						t.Fatalf("%s, round %d, ours: %v", profile, round, err)
					}
					if b, err := os.ReadFile(l.file(profile)); err != nil || !bytes.Contains(b, foreign) {
						t.Errorf("%s, round %d: the other program's member is gone: %s, %v", profile, round, b, err)
					}
				}
			}
			if n := l.sts.SSOSessionsEnded() + l.sts.LoginsEnded(); n != 0 {
				t.Errorf("%d logins lost", n)
			}
			if a, b := l.sts.Succeeded("CreateToken"), l.sts.Succeeded("CreateOAuth2Token"); a != 6 || b != 6 {
				t.Errorf("%d and %d refreshes, want 6", a, b)
			}
		})
	}
}

// While we refresh a login again and again, other SDKs read its file; while they refresh it, we
// read it. No process ever finds half a file, or a login that is lost.
func TestLoginFilesInALoop(t *testing.T) {
	if testing.Short() {
		t.Skip("runs SDKs for a while")
	}
	for _, r := range rows() {
		if r.id != "boto3" && r.id != "js" && r.id != "awscli" {
			continue // the Go SDK damages the file of "aws login", and Debian's AWS CLI is older than that and than AWS_ENDPOINT_URL
		}
		t.Run(r.id, func(t *testing.T) {
			for _, file := range append(r.needs, r.argv...) {
				if file != clockLibrary() && filepath.IsAbs(file) { // the real time holds
					need(t, file)
				}
			}
			for _, profile := range []string{"sso", "login"} {
				l := newLogins(t)
				l.watch(profile)
				stop := make(chan struct{})
				done := make(chan int)
				go func() { // we refresh, without a pause
					n := 0
					for {
						select {
						case <-stop:
							done <- n
							return
						default:
						}
						if err := l.renew[profile](); err != nil {
							t.Errorf("%s: %v", profile, err)
						}
						n++
					}
				}()
				for range 3 {
					l.asks(r, profile)
				}
				close(stop)
				if n := <-done; n < 3 {
					t.Errorf("%s: %d refreshes", profile, n)
				}
				if b, err := os.ReadFile(l.file(profile)); err != nil || !bytes.Contains(b, foreign) {
					t.Errorf("%s: the other program's member is gone: %s, %v", profile, b, err)
				}
				for range 3 { // now they do
					l.age(profile)
					l.asks(r, profile)
				}
				if n := l.sts.SSOSessionsEnded() + l.sts.LoginsEnded(); n != 0 {
					t.Errorf("%s: %d logins lost", profile, n)
				}
			}
		})
	}
}

// asks runs an SDK on a profile, which must say who that is.
func (l *logins) asks(r *row, profile string) {
	l.t.Helper()
	cmd := exec.Command(r.argv[0], r.argv[1:]...)
	cmd.Env = append(os.Environ(), "HOME="+l.home, "AWS_PROFILE="+profile, "AWS_ENDPOINT_URL="+l.sts.URL(),
		"AWS_ENDPOINT_URL_STS="+l.sts.URL(), "AWS_ENDPOINT_URL_SSO="+l.sts.URL(), "AWS_ENDPOINT_URL_SSO_OIDC="+l.sts.URL(),
		"AWS_ENDPOINT_URL_SIGNIN="+l.sts.URL(), "AWS_EC2_METADATA_DISABLED=true",
		"HTTPS_PROXY=http://127.0.0.1:9", "NO_PROXY=127.0.0.1") // nothing else can be reached
	out, err := cmd.Output()
	var who struct{ ARN, Error string }
	if json.Unmarshal(out, &who) != nil || err != nil || !l.arns[profile].MatchString(who.ARN) {
		l.t.Fatalf("%s: %v, %s", profile, err, out)
	}
}

// watch reads a login's file as we do, all the time until the test ends.
func (l *logins) watch(profile string) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if _, err := loginfile.Read(l.file(profile)); err != nil {
				l.t.Errorf("%s: %v", profile, err)
			}
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done })
}
