package awslogin_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/internal/source/awslogin"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

const (
	account = "111122223333"
	foreign = `, "signInRegion":"eu-west-3", "foreign": {"b":1e0,  "a":"\u00e9\/"}}`
)

type fixture struct {
	t       *testing.T
	e       *emulator.Emulator
	s       awslogin.Service
	dir     string
	path    string
	alice   *emulator.User
	regions []string
}

func start(t *testing.T) *fixture {
	t.Helper()
	e := emulator.New(emulator.World{})
	alice := e.AddUser(account, "alice")
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, e: e, dir: dir, path: filepath.Join(dir, awslogin.FileName(alice.ARN)), alice: alice}
	f.s = awslogin.Service{Transport: &http.Transport{DisableKeepAlives: true}, Region: "eu-west-1", UserAgent: "test",
		Endpoint: func(region string) string { f.regions = append(f.regions, region); return e.URL() }}
	return f
}

func (f *fixture) signIn() emulator.LoginTokens {
	f.t.Helper()
	tokens := f.e.SignInConsole("alice")
	f.write(tokens)
	return tokens
}

func (f *fixture) write(tokens emulator.LoginTokens) {
	f.t.Helper()
	text := strings.TrimSuffix(string(tokens.File()), "}") + foreign
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

// refresh asks for credentials that last longer than any do, so that some are fetched.
func (f *fixture) refresh() (*awslogin.Login, error) {
	l, usable, err := awslogin.Refresh(context.Background(), f.s, f.path, time.Hour)
	if !usable {
		return nil, err
	}
	return l, err
}

func (f *fixture) works(l *awslogin.Login) {
	f.t.Helper()
	c := l.Credentials
	id, _ := f.e.Lookup(c.AccessKeyID)
	if !f.e.Owns(c.AccessKeyID, c.SecretAccessKey, c.SessionToken) || id.ARN != f.alice.ARN || c.AccountID != account {
		f.t.Errorf("%v of %+v", c, id)
	}
}

// A hundred keys: one in 128 has a coordinate that begins with a zero byte, which must not be
// lost, and a refresh must not touch what is not its own.
func TestRefreshKeepsTheFileAWSs(t *testing.T) {
	f := start(t)
	for range 150 {
		f.signIn()
		if _, err := f.refresh(); err != nil {
			t.Fatal(err)
		}
	}
	before := f.signIn()
	text := f.text()
	var l *awslogin.Login
	for range 100 {
		var err error
		if l, err = f.refresh(); err != nil {
			t.Fatal(err)
		}
	}
	f.works(l)
	got := f.text()
	for now, then := range map[string]string{
		l.Credentials.AccessKeyID: before.AccessKeyID, l.Credentials.SecretAccessKey: before.SecretAccessKey,
		l.Credentials.SessionToken: before.SessionToken, l.RefreshToken: before.RefreshToken,
		l.Credentials.Expires.UTC().Format(time.RFC3339): before.ExpiresAt.UTC().Format("2006-01-02T15:04:05Z"),
	} {
		got = strings.Replace(got, now, then, 1)
	}
	if got != text {
		t.Errorf("got  %s\nwant %s", got, text)
	}
	if last := f.regions[len(f.regions)-1]; last != "eu-west-3" {
		t.Errorf("refreshed in %s", last)
	}
}

func TestRefreshErrors(t *testing.T) {
	f := start(t)
	if _, err := f.refresh(); !errors.Is(err, loginfile.ErrNotLoggedIn) {
		t.Error(err)
	}
	tokens := f.signIn()
	l, usable, err := awslogin.Refresh(context.Background(), f.s, f.path, 5*time.Minute)
	if err != nil || !usable || f.e.Count("CreateOAuth2Token") != 0 {
		t.Errorf("%v %v, %d requests", usable, err, f.e.Count("CreateOAuth2Token"))
	}
	f.works(l)

	f.e.Fault(emulator.Fault{Kind: emulator.ServiceUnavailable, Op: "CreateOAuth2Token", Times: 1})
	if l, err := f.refresh(); err == nil || l == nil || l.RefreshToken != tokens.RefreshToken {
		t.Errorf("%v %v", l, err)
	}

	f.e.SetUserPolicy(f.alice, "")
	if l, err := f.refresh(); !errors.Is(err, awslogin.ErrPermissions) || l == nil {
		t.Errorf("%v %v", l, err)
	}
	f.e.SetUserPolicy(f.alice, string(emulator.AllowAll))

	for _, why := range []string{"TOKEN_EXPIRED", "USER_CREDENTIALS_CHANGED"} {
		f.signIn()
		f.e.EndLogin(f.alice.ARN, why)
		text := f.text()
		l, err := f.refresh()
		if !errors.Is(err, loginfile.ErrEnded) || l != nil || !strings.Contains(err.Error(), why) || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%s: %v %v", why, l, err)
		}
		if f.text() != text {
			t.Error("a refusal changed the file")
		}
	}

	expired := f.e.SignInConsole("alice")
	expired.DPoPKey = "CANARY"
	f.write(expired)
	if _, err := f.refresh(); !errors.Is(err, loginfile.ErrEnded) {
		t.Error(err)
	}
	if err := os.WriteFile(f.path, []byte(`{"accessToken": {"accessKeyId": "CANARY"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.refresh(); !errors.Is(err, loginfile.ErrDamaged) || strings.Contains(err.Error(), "CANARY") {
		t.Error(err)
	}
}

func browse(t *testing.T, link string) string {
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(link)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

func (f *fixture) save(g *awslogin.Grant, err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
	if entries, _ := os.ReadDir(f.dir); len(entries) != 0 {
		f.t.Errorf("written before Save: %v", entries)
	}
	if g.LoginSession != f.alice.ARN {
		f.t.Errorf("logged in as %s", g.LoginSession)
	}
	l, err := g.Save(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	f.works(l)
	if l, err = f.refresh(); err != nil {
		f.t.Fatal(err)
	}
	f.works(l)
	if err := awslogin.Logout(f.path); err != nil {
		f.t.Error(err)
	}
	if entries, _ := os.ReadDir(f.dir); len(entries) != 0 {
		f.t.Errorf("left behind: %v", entries)
	}
	if err := awslogin.Logout(f.path); err != nil {
		f.t.Error(err)
	}
}

func TestLoginBrowser(t *testing.T) {
	f := start(t)
	f.e.SetBrowserUser("alice")
	pages := make(chan string, 1)
	open := func(link string) { go func() { pages <- browse(t, link) }() }
	f.save(f.s.LoginBrowser(context.Background(), open))
	if p := <-pages; !strings.Contains(p, "You are logged in") {
		t.Error(p)
	}
	f.e.SetBrowserUser("!refuse")
	if _, err := f.s.LoginBrowser(context.Background(), open); !errors.Is(err, oauth.ErrRefused) {
		t.Error(err)
	}
	<-pages
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := f.s.LoginBrowser(ctx, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestLoginPaste(t *testing.T) {
	f := start(t)
	f.e.SetBrowserUser("alice")
	paste := func(bend func(string) string) (*awslogin.Grant, error) {
		var page string
		return f.s.LoginPaste(context.Background(), func(link string) { page = browse(t, link) }, func(context.Context) (string, error) {
			m := regexp.MustCompile(`<code id=code>([^<]+)<`).FindStringSubmatch(page)
			if m == nil {
				t.Fatal(page)
			}
			return bend(m[1]), nil
		})
	}
	f.save(paste(func(s string) string { return " " + s + "\n" }))
	for _, bend := range []func(string) string{
		func(string) string { return "" },
		func(s string) string { return s[:len(s)/2] },
		func(string) string { return "c3RhdGU9eCZjb2RlPXk=" }, // state=x&code=y
	} {
		if _, err := paste(bend); !errors.Is(err, awslogin.ErrPasted) {
			t.Error(err)
		}
	}
	cause := errors.New("given up")
	if _, err := f.s.LoginPaste(context.Background(), func(string) {}, func(context.Context) (string, error) { return "", cause }); !errors.Is(err, cause) {
		t.Error(err)
	}
}

func TestEndpoint(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":     "https://eu-west-1.signin.aws.amazon.com",
		"cn-north-1":    "https://cn-north-1.signin.amazonaws.cn",
		"us-gov-west-1": "https://us-gov-west-1.signin.amazonaws-us-gov.com",
	} {
		if got := awslogin.Endpoint(region); got != want {
			t.Errorf("%s: %s", region, got)
		}
	}
}
