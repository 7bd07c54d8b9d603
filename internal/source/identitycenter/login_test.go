package identitycenter_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/identitycenter"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// browse is a browser: it follows redirects until the login's page says that it is done.
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

func TestLoginBrowser(t *testing.T) {
	t.Parallel()
	f := start(t)
	f.e.SetBrowserUser("alice")
	ctx := context.Background()
	pages := make(chan string, 1)
	open := func(link string) { go func() { pages <- browse(t, link) }() }
	g, err := f.s.LoginBrowser(ctx, f.dir, corp, open)
	if err != nil {
		t.Fatal(err)
	}
	if p := <-pages; !strings.Contains(p, "You are logged in") {
		t.Error(p)
	}
	if entries, _ := os.ReadDir(f.dir); len(entries) != 0 {
		t.Errorf("written before Save: %v", entries)
	}
	l, err := g.Save(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.works(l)
	if l, err = f.refresh(); err != nil {
		t.Fatal(err)
	}
	f.works(l)

	// The registration is used again.
	if _, err := f.s.LoginBrowser(ctx, f.dir, corp, open); err != nil {
		t.Fatal(err)
	}
	<-pages
	if n := f.e.Count("RegisterClient"); n != 1 {
		t.Errorf("registered %d times", n)
	}

	f.e.SetBrowserUser("!refuse")
	if _, err := f.s.LoginBrowser(ctx, f.dir, corp, open); !errors.Is(err, oauth.ErrRefused) {
		t.Error(err)
	}
	<-pages

	canceled, cancel := context.WithCancel(ctx)
	before := f.text()
	if _, err := f.s.LoginBrowser(canceled, f.dir, corp, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if f.text() != before {
		t.Error("a login that was given up changed the file")
	}
}

func TestLoginDevice(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits between the questions whether the user has answered")
	}
	t.Parallel()
	f := start(t)
	f.e.SetBrowserUser("alice")
	ctx := context.Background()
	shown := 0
	g, err := f.s.LoginDevice(ctx, f.dir, corp, func(p identitycenter.Prompt) {
		shown++
		if p.UserCode == "" || !strings.Contains(p.FullURL, p.UserCode) || time.Until(p.Expires) < 9*time.Minute {
			t.Errorf("%+v", p)
		}
		browse(t, p.FullURL)
	})
	if err != nil || shown != 1 {
		t.Fatal(err, shown)
	}
	l, err := g.Save(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	f.works(l)
	f.e.SetBrowserUser("!refuse")
	if _, err := f.s.LoginDevice(ctx, f.dir, corp, func(p identitycenter.Prompt) { browse(t, p.FullURL) }); !errors.Is(err, oauth.ErrRefused) {
		t.Error(err)
	}
	if n := f.e.Count("RegisterClient"); n != 1 {
		t.Errorf("registered %d times", n)
	}
}

// A registration that the service has forgotten is made anew.
func TestLoginDeviceRegistersAnew(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits between the questions whether the user has answered")
	}
	t.Parallel()
	f := start(t)
	f.e.SetBrowserUser("alice")
	show := func(p identitycenter.Prompt) { browse(t, p.FullURL) }
	g, err := f.s.LoginDevice(context.Background(), f.dir, corp, show)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Save(f.dir); err != nil {
		t.Fatal(err)
	}
	other := start(t) // knows no client
	other.e.SetBrowserUser("alice")
	if _, err := other.s.LoginDevice(context.Background(), f.dir, corp, show); err != nil {
		t.Fatal(err)
	}
}

// script answers CreateToken in turn.
type script struct {
	answers []string
	asked   []time.Duration // since the start
	began   time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	status, body := 200, ""
	switch r.URL.Path {
	case "/client/register":
		body = `{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":9999999999}`
	case "/device_authorization":
		body = `{"deviceCode":"d","userCode":"u","verificationUri":"https://v","expiresIn":60,"interval":5}`
	default:
		s.asked = append(s.asked, time.Since(s.began))
		next := s.answers[0]
		if len(s.answers) > 1 {
			s.answers = s.answers[1:]
		}
		if next == "reset" {
			return nil, errors.New("connection reset")
		}
		if status, body = 400, `{"__type":"`+next+`"}`; next == "ok" {
			status, body = 200, `{"accessToken":"a","expiresIn":3600}`
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestPolling(t *testing.T) {
	const pending, slow = "AuthorizationPendingException", "SlowDownException"
	for name, tt := range map[string]struct {
		answers []string
		asked   []int // seconds
		err     error
	}{
		"at once":         {[]string{"ok"}, []int{5}, nil},
		"pending":         {[]string{pending, pending, "ok"}, []int{5, 10, 15}, nil},
		"slow down":       {[]string{slow, pending, slow, "ok"}, []int{5, 15, 25, 40}, nil},
		"a lost request":  {[]string{"reset", "ok"}, []int{5, 10}, nil},
		"ended":           {[]string{pending, "ExpiredTokenException"}, []int{5, 10}, identitycenter.ErrTimeout},
		"refused":         {[]string{"AccessDeniedException"}, []int{5}, oauth.ErrRefused},
		"never answered":  {[]string{pending}, []int{5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60}, identitycenter.ErrTimeout},
		"never connected": {[]string{"reset"}, []int{5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60}, identitycenter.ErrTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: tt.answers, began: time.Now()}
				_, err := identitycenter.Service{Transport: s}.LoginDevice(t.Context(), dir, corp, func(identitycenter.Prompt) {})
				if !errors.Is(err, tt.err) {
					t.Errorf("%v", err)
				}
				if len(s.asked) != len(tt.asked) {
					t.Fatalf("asked at %v", s.asked)
				}
				for i, at := range s.asked {
					if at != time.Duration(tt.asked[i])*time.Second {
						t.Errorf("asked at %v", s.asked)
					}
				}
			})
		})
	}
}

func TestPollingIsGivenUp(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		s := &script{answers: []string{"AuthorizationPendingException"}, began: time.Now()}
		_, err := identitycenter.Service{Transport: s}.LoginDevice(ctx, dir, corp, func(identitycenter.Prompt) {})
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(s.began) != 12*time.Second {
			t.Errorf("%v after %s", err, time.Since(s.began))
		}
	})
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("written: %v", entries)
	}
}
