package identitycenter_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

const (
	account  = "111122223333"
	startURL = "https://d-1234567890.awsapps.com/start"
	foreign  = `, "foreign": {"b":1e0,  "a":"\u00e9\/"}}`
)

var corp = identitycenter.Session{Name: "My Corp Ltd", StartURL: startURL, Region: "eu-central-1"}

type fixture struct {
	t    *testing.T
	e    *emulator.Emulator
	s    identitycenter.Service
	dir  string
	path string
}

func start(t *testing.T) *fixture {
	t.Helper()
	e := emulator.New(emulator.World{IdentityCenter: &emulator.IdentityCenter{StartURL: startURL, Region: "eu-central-1", PollSeconds: 1,
		Users: []emulator.DirectoryUser{{Name: "alice", Assignments: []emulator.Assignment{{Account: account, PermissionSet: "Admin"}}}}}})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := identitycenter.Service{Transport: &http.Transport{DisableKeepAlives: true}, Portal: e.URL(), OIDC: e.URL(), UserAgent: "test"}
	return &fixture{t, e, s, dir, filepath.Join(dir, corp.TokenFile())}
}

// signIn writes a token file with a member that is not ours.
func (f *fixture) signIn() emulator.SSOTokens {
	f.t.Helper()
	tokens := f.e.SignInSSO("alice")
	f.write(tokens)
	return tokens
}

func (f *fixture) write(tokens emulator.SSOTokens) {
	f.t.Helper()
	text := strings.TrimSuffix(string(tokens.File(startURL, "eu-central-1")), "}") + foreign
	if err := os.WriteFile(f.path, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) text() string {
	f.t.Helper()
	b, err := os.ReadFile(f.path)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// refresh asks for a token that lasts longer than any does, so that one is fetched.
func (f *fixture) refresh() (*identitycenter.Login, error) {
	l, usable, err := identitycenter.Refresh(context.Background(), f.s, f.path, 2*time.Hour)
	if !usable {
		return nil, err
	}
	return l, err
}

func (f *fixture) works(l *identitycenter.Login) {
	f.t.Helper()
	c, err := f.s.RoleCredentials(context.Background(), l.AccessToken, account, "Admin")
	if err != nil {
		f.t.Fatal(err)
	}
	if !f.e.Owns(c.AccessKeyID, c.SecretAccessKey, c.SessionToken) || time.Until(c.Expires) < 59*time.Minute || c.AccountID != account {
		f.t.Errorf("%v", c)
	}
}

func TestTokenFile(t *testing.T) {
	t.Parallel()
	const want = "0ad374308c5a4e22f723adf10145eafad7c4031c.json" // printf my-sso | sha1sum
	if got := (identitycenter.Session{Name: "my-sso", StartURL: startURL}).TokenFile(); got != want {
		t.Error(got)
	}
	byURL := identitycenter.Session{StartURL: startURL}.TokenFile()
	if named := (identitycenter.Session{Name: startURL}).TokenFile(); byURL != named {
		t.Errorf("%s, %s", byURL, named)
	}
}

func TestRefreshKeepsTheFileAWSs(t *testing.T) {
	t.Parallel()
	f := start(t)
	before := f.signIn()
	text := f.text()
	var l *identitycenter.Login
	for range 100 {
		var err error
		if l, err = f.refresh(); err != nil {
			t.Fatal(err)
		}
	}
	if n := f.e.Succeeded("CreateToken"); n != 100 {
		t.Errorf("%d refreshes", n)
	}
	if l.AccessToken == before.AccessToken || l.RefreshToken == before.RefreshToken {
		t.Error("the tokens did not change")
	}
	// With the old tokens put back, it is the text of before.
	got := f.text()
	got = strings.Replace(got, l.AccessToken, before.AccessToken, 1)
	got = strings.Replace(got, l.RefreshToken, before.RefreshToken, 1)
	got = strings.Replace(got, l.ExpiresAt.UTC().Format(time.RFC3339), before.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z"), 1)
	if got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if entries, _ := os.ReadDir(f.dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	f.works(l)
}

func TestRefreshOnlyWhereItMust(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.signIn()
	l, usable, err := identitycenter.Refresh(context.Background(), f.s, f.path, 5*time.Minute)
	if err != nil || !usable || f.e.Count("CreateToken") != 0 {
		t.Fatalf("%v, %d requests", err, f.e.Count("CreateToken"))
	}
	f.works(l)
}

func TestRefreshErrors(t *testing.T) {
	t.Parallel()
	f := start(t)
	if _, err := f.refresh(); !errors.Is(err, loginfile.ErrNotLoggedIn) {
		t.Error(err)
	}
	tokens := f.signIn()

	// A failure that may pass: the token is good still.
	f.e.Fault(emulator.Fault{Kind: emulator.ServiceUnavailable, Op: "CreateToken", Times: 1})
	l, err := f.refresh()
	if err == nil || l == nil || l.AccessToken != tokens.AccessToken {
		t.Errorf("%v %v", l, err)
	}
	f.works(l)

	// The session has ended.
	f.e.EndSSO("alice")
	expired := tokens
	expired.ExpiresAt = time.Now().Add(-time.Minute)
	f.write(expired)
	text := f.text()
	if l, err = f.refresh(); !errors.Is(err, loginfile.ErrEnded) || l != nil || oauth.CodeOf(err) != "InvalidGrantException" {
		t.Errorf("%v %v", l, err)
	}
	if f.text() != text {
		t.Error("a refusal changed the file")
	}
	if strings.Contains(err.Error(), "CANARY") {
		t.Errorf("a secret: %v", err)
	}
	if _, err = f.s.RoleCredentials(context.Background(), tokens.AccessToken, account, "Admin"); !errors.Is(err, loginfile.ErrEnded) {
		t.Error(err)
	}
	// It has ended, too, where the access token would last: a session that AWS has ended is not used up.
	f.write(tokens)
	if l, err = f.refresh(); !errors.Is(err, loginfile.ErrEnded) || l != nil {
		t.Errorf("%v %v", l, err)
	}
	f.signIn()
	if l, err = f.refresh(); err != nil {
		t.Fatal(err)
	}
	if _, err = f.s.RoleCredentials(context.Background(), l.AccessToken, account, "ReadOnly"); !errors.Is(err, identitycenter.ErrNoAccess) {
		t.Error(err)
	}

	// Without a refresh token nothing is asked.
	expired.RefreshToken = ""
	f.write(expired)
	f.e.ResetCounts()
	if _, err = f.refresh(); !errors.Is(err, loginfile.ErrEnded) || f.e.Count("") != 0 {
		t.Errorf("%v, %d requests", err, f.e.Count(""))
	}

	if err := os.WriteFile(f.path, []byte(`{"accessToken": "CANARY`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = f.refresh(); !errors.Is(err, loginfile.ErrDamaged) || strings.Contains(err.Error(), "CANARY") {
		t.Error(err)
	}
}

// Another program refreshed the login between our reading and our asking: its file counts,
// although our refresh token was refused.
func TestRefreshReadsAgainAfterARefusal(t *testing.T) {
	t.Parallel()
	f := start(t)
	old := f.signIn()
	expired := old
	expired.ExpiresAt = time.Now().Add(-time.Minute)
	f.write(expired)
	release := f.e.Gate("CreateToken")
	defer release()
	f.e.EndSSO("alice")
	done := make(chan error, 1)
	var l *identitycenter.Login
	go func() {
		var err error
		l, err = f.refresh()
		done <- err
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := f.e.WaitInFlight(ctx, "CreateToken", 1); err != nil {
		t.Fatal(err)
	}
	other := f.signIn() // the user logs in anew
	release()
	if err := <-done; err != nil || l.AccessToken != other.AccessToken {
		t.Errorf("%v", err)
	}
}

// Where the new token could not be written, the old one is not spent.
func TestRefreshIsNotBegunWithoutADisk(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.signIn()
	// A directory is where the file that tries it out would, also for root.
	probe := filepath.Join(f.dir, ".sts-helper-"+strings.TrimSuffix(corp.TokenFile(), ".json")+"-probe")
	if err := os.MkdirAll(filepath.Join(probe, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if l, err := f.refresh(); err == nil || l == nil || f.e.Count("CreateToken") != 0 {
		t.Errorf("%v %v, %d requests", l, err, f.e.Count("CreateToken"))
	}
}

func TestLogout(t *testing.T) {
	t.Parallel()
	f := start(t)
	tokens := f.signIn()
	ctx := context.Background()
	if err := identitycenter.Logout(ctx, f.s, f.path); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(f.dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := f.s.RoleCredentials(ctx, tokens.AccessToken, account, "Admin"); !errors.Is(err, loginfile.ErrEnded) {
		t.Error(err)
	}
	if err := identitycenter.Logout(ctx, f.s, f.path); err != nil {
		t.Error(err)
	}
	f.signIn()
	f.e.EndSSO("alice")
	if err := identitycenter.Logout(ctx, f.s, f.path); err != nil {
		t.Errorf("logged out elsewhere: %v", err)
	}
	f.signIn()
	f.e.Fault(emulator.Fault{Kind: emulator.ServiceUnavailable, Op: "Logout"})
	if err := identitycenter.Logout(ctx, f.s, f.path); err == nil {
		t.Error("the portal was not told, and nothing said so")
	}
	if _, err := identitycenter.Read(f.path); !errors.Is(err, loginfile.ErrNotLoggedIn) {
		t.Error(err)
	}
}

// The user logs in anew, or out, while a refresh is on its way that AWS grants: what the user did
// stays.
func TestRefreshYieldsToTheUser(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(f *fixture) (want string){
		"a new login": func(f *fixture) string { return f.signIn().AccessToken },
		"a logout": func(f *fixture) string {
			if err := os.Remove(f.path); err != nil {
				f.t.Fatal(err)
			}
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := start(t)
			expired := f.e.SignInSSO("alice")
			expired.ExpiresAt = time.Now().Add(-time.Minute)
			f.write(expired)
			release := f.e.Gate("CreateToken")
			defer release()
			done := make(chan error, 1)
			var l *identitycenter.Login
			go func() {
				var err error
				l, err = f.refresh()
				done <- err
			}()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := f.e.WaitInFlight(ctx, "CreateToken", 1); err != nil {
				t.Fatal(err)
			}
			want := do(f)
			release()
			err := <-done
			if f.e.Succeeded("CreateToken") != 1 {
				t.Error("AWS did not refresh it")
			}
			if want == "" {
				if entries, _ := os.ReadDir(f.dir); !errors.Is(err, loginfile.ErrNotLoggedIn) || len(entries) != 0 {
					t.Errorf("%v, %v", err, entries)
				}
				return
			}
			if err != nil || l.AccessToken != want || !strings.Contains(f.text(), want) {
				t.Errorf("%v, %s", err, f.text())
			}
		})
	}
}
