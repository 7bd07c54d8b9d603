package emulator_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

func refreshInput(s emulator.SSOTokens, token string) *ssooidc.CreateTokenInput {
	return &ssooidc.CreateTokenInput{ClientId: &s.ClientID, ClientSecret: &s.ClientSecret, GrantType: aws.String("refresh_token"), RefreshToken: &token}
}

// A refresh token works once. One that is used again ends the session, with every token
// that came from it.
func TestRefreshTokenIsSingleUse(t *testing.T) {
	e, portal, oidc := center(t)
	ctx := context.Background()
	s, bob := e.SignInSSO("alice"), e.SignInSSO("bob")
	first, err := oidc.CreateToken(ctx, refreshInput(s, s.RefreshToken))
	if err != nil {
		t.Fatal(err)
	}
	if first.ExpiresIn != 3600 || *first.TokenType != "Bearer" || *first.RefreshToken == s.RefreshToken {
		t.Errorf("%d %s", first.ExpiresIn, *first.TokenType)
	}
	second, err := oidc.CreateToken(ctx, refreshInput(s, *first.RefreshToken))
	if err != nil {
		t.Fatal(err)
	}
	_, err = oidc.CreateToken(ctx, refreshInput(s, *first.RefreshToken))
	wantError(t, err, "InvalidGrantException")
	_, err = oidc.CreateToken(ctx, refreshInput(s, *second.RefreshToken))
	wantError(t, err, "InvalidGrantException")
	_, err = portal.GetRoleCredentials(ctx, roleInput(*second.AccessToken, account, "Admin"))
	wantError(t, err, "UnauthorizedException")
	if n := e.SSOSessionsEnded(); n != 1 {
		t.Errorf("%d sessions ended", n)
	}
	if _, err := oidc.CreateToken(ctx, refreshInput(bob, bob.RefreshToken)); err != nil {
		t.Errorf("bob's session: %v", err)
	}
}

func TestRefreshRefusals(t *testing.T) {
	e, _, oidc := center(t)
	c := new(clock).set(e)
	ctx := context.Background()
	s, bob := e.SignInSSO("alice"), e.SignInSSO("bob")
	refresh := func(in *ssooidc.CreateTokenInput) error {
		_, err := oidc.CreateToken(ctx, in)
		return err
	}
	wrong := s
	wrong.ClientSecret = "wrong"
	wantError(t, refresh(refreshInput(wrong, s.RefreshToken)), "InvalidClientException")
	wantError(t, refresh(refreshInput(s, "unknown")), "InvalidGrantException")
	wantError(t, refresh(refreshInput(bob, s.RefreshToken)), "InvalidGrantException") // another client's
	in := refreshInput(s, s.RefreshToken)
	in.GrantType = aws.String("password")
	wantError(t, refresh(in), "UnsupportedGrantTypeException")
	in.GrantType = aws.String(deviceGrant)
	wantError(t, refresh(in), "UnauthorizedClientException")
	c.now = c.now.Add(8 * time.Hour) // the session's end
	wantError(t, refresh(refreshInput(s, s.RefreshToken)), "InvalidGrantException")
	c.now = c.now.Add(90 * 24 * time.Hour) // the registration's end
	wantError(t, refresh(refreshInput(s, s.RefreshToken)), "InvalidClientException")
}

func register(t testing.TB, oidc *ssooidc.Client, device bool) *ssooidc.RegisterClientOutput {
	t.Helper()
	in := &ssooidc.RegisterClientInput{ClientName: aws.String("test"), ClientType: aws.String("public"), Scopes: []string{"sso:account:access"}}
	if !device {
		in.GrantTypes, in.RedirectUris, in.IssuerUrl = []string{"authorization_code", "refresh_token"}, []string{callback}, aws.String(startURL)
	}
	out, err := oidc.RegisterClient(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestRegisterClientRefusals(t *testing.T) {
	_, _, oidc := center(t)
	code := []string{"authorization_code"}
	for _, tt := range []struct {
		want string
		in   ssooidc.RegisterClientInput
	}{
		{"InvalidClientMetadataException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("confidential")}},
		{"InvalidScopeException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("public"), Scopes: []string{"all"}}},
		{"UnsupportedGrantTypeException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("public"), GrantTypes: []string{"password"}}},
		{"InvalidClientMetadataException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("public"), GrantTypes: code}},
		{"InvalidRedirectUriException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("public"), GrantTypes: code,
			RedirectUris: []string{"http://example.com/"}, IssuerUrl: aws.String(startURL)}},
		{"InvalidRequestException", ssooidc.RegisterClientInput{ClientName: aws.String("x"), ClientType: aws.String("public"), GrantTypes: code,
			RedirectUris: []string{callback}, IssuerUrl: aws.String("https://other.awsapps.com/start")}},
	} {
		_, err := oidc.RegisterClient(context.Background(), &tt.in)
		wantError(t, err, tt.want)
	}
}

func TestDeviceLogin(t *testing.T) {
	e, portal, oidc := center(t)
	c := new(clock).set(e)
	ctx := context.Background()
	cl := register(t, oidc, true)
	begin := func() (*ssooidc.StartDeviceAuthorizationOutput, func() (*ssooidc.CreateTokenOutput, error)) {
		t.Helper()
		d, err := oidc.StartDeviceAuthorization(ctx, &ssooidc.StartDeviceAuthorizationInput{ClientId: cl.ClientId, ClientSecret: cl.ClientSecret, StartUrl: aws.String(startURL)})
		if err != nil {
			t.Fatal(err)
		}
		return d, func() (*ssooidc.CreateTokenOutput, error) {
			return oidc.CreateToken(ctx, &ssooidc.CreateTokenInput{ClientId: cl.ClientId, ClientSecret: cl.ClientSecret,
				GrantType: aws.String(deviceGrant), DeviceCode: d.DeviceCode})
		}
	}
	press := func(link, user string) string {
		t.Helper()
		res, err := http.PostForm(link, url.Values{"user": {user}})
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		return string(b)
	}

	d, poll := begin()
	if d.Interval != 5 || d.ExpiresIn != 600 || !strings.Contains(*d.VerificationUriComplete, *d.UserCode) {
		t.Errorf("%+v", d)
	}
	_, err := poll()
	wantError(t, err, "AuthorizationPendingException")
	c.now = c.now.Add(4 * time.Second)
	_, err = poll()
	wantError(t, err, "SlowDownException")
	c.now = c.now.Add(5 * time.Second) // the interval is 10 seconds now
	_, err = poll()
	wantError(t, err, "SlowDownException")
	if body := press(*d.VerificationUriComplete, "alice"); !strings.Contains(body, "approved") {
		t.Error(body)
	}
	c.now = c.now.Add(15 * time.Second)
	out, err := poll()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := portal.GetRoleCredentials(ctx, roleInput(*out.AccessToken, account, "ReadOnly")); err != nil || out.RefreshToken == nil {
		t.Error(err)
	}
	_, err = poll()
	wantError(t, err, "InvalidGrantException")

	d, poll = begin()
	if body := press(*d.VerificationUriComplete, "!refuse"); !strings.Contains(body, "refused") {
		t.Error(body)
	}
	_, err = poll()
	wantError(t, err, "AccessDeniedException")

	d, poll = begin()
	c.now = c.now.Add(10 * time.Minute)
	_, err = poll()
	wantError(t, err, "ExpiredTokenException")
	if body := press(*d.VerificationUriComplete, "alice"); !strings.Contains(body, "not valid") {
		t.Error(body)
	}
}

// browse follows a link as a browser does, up to the redirect to the program that
// waits, whose query it returns.
func browse(t testing.TB, link string) url.Values {
	t.Helper()
	res, err := plainClient.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	to, err := res.Location()
	if err != nil {
		b, _ := io.ReadAll(res.Body)
		t.Fatalf("status %d, %s", res.StatusCode, b)
	}
	return to.Query()
}

func TestBrowserLogin(t *testing.T) {
	e, portal, oidc := center(t)
	c := new(clock).set(e)
	ctx := context.Background()
	cl := register(t, oidc, false)
	const redirect = "http://127.0.0.1:4711/oauth/callback"
	link := func(kv ...string) string {
		q := url.Values{"response_type": {"code"}, "client_id": {*cl.ClientId}, "redirect_uri": {redirect}, "state": {"s"},
			"code_challenge_method": {"S256"}, "code_challenge": {challenge}, "scopes": {"sso:account:access"}}
		for i := 0; i < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return e.URL() + "/authorize?" + q.Encode()
	}
	token := func(code, uri, verifier string) (*ssooidc.CreateTokenOutput, error) {
		return oidc.CreateToken(ctx, &ssooidc.CreateTokenInput{ClientId: cl.ClientId, ClientSecret: cl.ClientSecret,
			GrantType: aws.String("authorization_code"), Code: &code, RedirectUri: &uri, CodeVerifier: &verifier})
	}

	// Without a signed-in user the page has a button for each user.
	res, err := http.Get(link())
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 200 || !strings.Contains(string(b), `id="allow-alice"`) || !strings.Contains(string(b), `id="allow-bob"`) {
		t.Fatalf("%d %s", res.StatusCode, b)
	}

	e.SetBrowserUser("alice")
	q := browse(t, link())
	if q.Get("state") != "s" || q.Get("code") == "" {
		t.Fatalf("%v", q)
	}
	_, err = token(q.Get("code"), redirect, strings.Repeat("x", 43))
	wantError(t, err, "InvalidGrantException")
	_, err = token(q.Get("code"), callback, verifier)
	wantError(t, err, "InvalidGrantException")
	out, err := token(q.Get("code"), redirect, verifier)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := portal.GetRoleCredentials(ctx, roleInput(*out.AccessToken, account, "Admin")); err != nil {
		t.Error(err)
	}
	_, err = token(q.Get("code"), redirect, verifier) // a code used twice takes its tokens with it
	wantError(t, err, "InvalidGrantException")
	_, err = portal.GetRoleCredentials(ctx, roleInput(*out.AccessToken, account, "Admin"))
	wantError(t, err, "UnauthorizedException")

	q = browse(t, link())
	c.now = c.now.Add(10 * time.Minute)
	_, err = token(q.Get("code"), redirect, verifier)
	wantError(t, err, "ExpiredTokenException")

	for want, l := range map[string]string{
		"invalid_scope":   link("scopes", "openid"),
		"invalid_request": link("code_challenge_method", "plain"),
	} {
		if q := browse(t, l); q.Get("error") != want || q.Get("state") != "s" {
			t.Errorf("%v, want %s", q, want)
		}
	}
	if q := browse(t, link("code_challenge", "short")); q.Get("error") != "invalid_request" {
		t.Error(q)
	}
	e.SetBrowserUser("!refuse")
	if q := browse(t, link()); q.Get("error") != "access_denied" {
		t.Error(q)
	}
	for _, l := range []string{link("client_id", "x"), link("redirect_uri", "http://127.0.0.1:1/other"), link("redirect_uri", "http://example.com/oauth/callback"), link("redirect_uri", callback)} {
		res, err := plainClient.Get(l)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 || res.Header.Get("Location") != "" {
			t.Errorf("%s: %d", l, res.StatusCode)
		}
	}
}

func TestJSONRequestsThatAreNone(t *testing.T) {
	e, _, _ := center(t)
	for _, tt := range []struct{ path, kind, body, want string }{
		{"/token", "application/x-www-form-urlencoded", "a=b", "InvalidRequestException"},
		{"/token", "application/json", `{"clientId":"a","clientId":"b"}`, "InvalidRequestException"},
		{"/token", "application/json", `{} {}`, "InvalidRequestException"},
		{"/token", "application/json", `[]`, "InvalidRequestException"},
		{"/token", "application/json", `{"clientId":{"a":"b"}}`, "InvalidRequestException"},
		{"/token", "application/json", `{}`, "InvalidClientException"},
		{"/token?clientId=a", "application/json", `{"clientId":"a"}`, "InvalidRequestException"},
	} {
		res, err := http.Post(e.URL()+tt.path, tt.kind, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("X-Amzn-Errortype"); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.path, tt.body, got, tt.want)
		}
	}
}

func TestFaultsOfJSONServices(t *testing.T) {
	e, portal, oidc := center(t)
	ctx := context.Background()
	s := e.SignInSSO("alice")
	e.Fault(emulator.Fault{Kind: emulator.Throttle, Op: "GetRoleCredentials", Times: 1})
	_, err := portal.GetRoleCredentials(ctx, roleInput(s.AccessToken, account, "Admin"))
	wantError(t, err, "TooManyRequestsException")
	e.Fault(emulator.Fault{Kind: emulator.InternalFailureLate, Op: "CreateToken", Times: 1})
	_, err = oidc.CreateToken(ctx, refreshInput(s, s.RefreshToken))
	wantError(t, err, "InternalServerException")
	_, err = oidc.CreateToken(ctx, refreshInput(s, s.RefreshToken)) // was spent for the lost answer
	wantError(t, err, "InvalidGrantException")
	s = e.SignInSSO("alice")
	e.Fault(emulator.Fault{Kind: emulator.NoSecret, Op: "GetRoleCredentials", Times: 1})
	out, err := portal.GetRoleCredentials(ctx, roleInput(s.AccessToken, account, "Admin"))
	if err != nil || *out.RoleCredentials.SecretAccessKey != "" {
		t.Errorf("%v %v", out, err)
	}
}
