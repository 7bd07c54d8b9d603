package oauth_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

func TestPKCE(t *testing.T) {
	// RFC 7636, appendix B.
	p := oauth.PKCE{Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
	if p.Challenge() != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Error(p.Challenge())
	}
	if a, b := oauth.NewPKCE(), oauth.NewPKCE(); a == b || len(a.Verifier) != 43 {
		t.Error(a, b)
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(b)
}

func TestCallback(t *testing.T) {
	c, err := oauth.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Whatever does not bring the state changes nothing.
	for _, q := range []string{"?code=x", "?code=x&state=wrong", "?error=access_denied", "?error=access_denied&state="} {
		if status, _ := get(t, c.Redirect()+q); status != 400 {
			t.Errorf("%s: %d", q, status)
		}
	}
	base := strings.TrimSuffix(c.Redirect(), oauth.CallbackPath)
	if status, _ := get(t, base+"/?state="+c.State+"&code=x"); status != 404 {
		t.Error(status)
	}
	rebound := strings.Replace(c.Redirect(), "127.0.0.1", "localhost", 1) // another name for this address
	if status, _ := get(t, rebound+"?state="+c.State+"&code=x"); status != 404 {
		t.Error(status)
	}
	if status, body := get(t, c.Redirect()+"?state="+c.State+"&code=right"); status != 200 || !strings.Contains(body, "logged in") {
		t.Error(status, body)
	}
	get(t, c.Redirect()+"?state="+c.State+"&code=again")
	if code, err := c.Wait(context.Background()); code != "right" || err != nil {
		t.Errorf("%q %v", code, err)
	}
}

func TestCallbackErrors(t *testing.T) {
	for query, want := range map[string]string{
		"error=access_denied":  "refused in the browser",
		"error=a%1b%5b31m%0ab": "without a code",
		"nothing":              "without a code",
	} {
		c, err := oauth.Listen()
		if err != nil {
			t.Fatal(err)
		}
		get(t, c.Redirect()+"?state="+c.State+"&"+query)
		code, err := c.Wait(context.Background())
		if code != "" || err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %q %v", query, code, err)
		}
		c.Close()
	}
}

type canned struct {
	status int
	header http.Header
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: c.status, Header: c.header, Body: io.NopCloser(strings.NewReader(c.body)), Request: r}, nil
}

func TestAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		c    canned
		want string // of the error
		code string
	}{
		"fine":           {canned{status: 200, body: `{"a":"b"}`}, "", ""},
		"by type":        {canned{status: 400, body: `{"__type":"aws.x#SlowDownException:http://y","error":"slow_down"}`}, "HTTP 400 SlowDownException (slow_down)", "SlowDownException"},
		"by header":      {canned{status: 401, header: http.Header{"X-Amzn-Errortype": {"UnauthorizedException:"}}, body: `{"message":"no\u001b[31m\nway"}`}, `HTTP 401 UnauthorizedException: no`, "UnauthorizedException"},
		"no JSON":        {canned{status: 502, body: "<html>CANARY"}, "HTTP 502 Bad Gateway", ""},
		"captive portal": {canned{status: 200, body: "<html>CANARY"}, "captive portal", ""},
		"redirect":       {canned{status: 302, header: http.Header{"Location": {"http://elsewhere/"}}}, "HTTP 302 Found", ""},
		"huge":           {canned{status: 200, body: strings.Repeat(" ", 1<<20) + `{}`}, "larger than 1 MiB", ""},
	} {
		var out struct{ A string }
		err := oauth.Request{URL: "http://127.0.0.1/", Body: map[string]string{"secret": "CANARY"}}.Do(context.Background(), tt.c, &out)
		if tt.want == "" {
			if err != nil || out.A != "b" {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY") || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %v", name, err)
		}
		if got := oauth.CodeOf(err); got != tt.code {
			t.Errorf("%s: code %q", name, got)
		}
	}
	if !oauth.Spent(errors.New("reset")) || !oauth.Spent(&oauth.Error{Status: 500}) || oauth.Spent(&oauth.Error{Status: 400}) {
		t.Error("Spent")
	}
}
