package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The grants of CreateToken.
const (
	grantCode    = "authorization_code"
	grantRefresh = "refresh_token"
	grantDevice  = "urn:ietf:params:oauth:grant-type:device_code"
)

// accountAccess is the scope that lets a token ask for role credentials, and be refreshed.
const accountAccess = "sso:account:access"

const (
	registrationLife = 90 * 24 * time.Hour
	codeLife         = 10 * time.Minute
)

// oauthErrors are the error members that go with the exceptions of the token service.
var oauthErrors = map[string]string{
	"AccessDeniedException":          "access_denied",
	"AuthorizationPendingException":  "authorization_pending",
	"ExpiredTokenException":          "expired_token",
	"InternalServerException":        "server_error",
	"InvalidClientException":         "invalid_client",
	"InvalidClientMetadataException": "invalid_client_metadata",
	"InvalidGrantException":          "invalid_grant",
	"InvalidRedirectUriException":    "invalid_redirect_uri",
	"InvalidRequestException":        "invalid_request",
	"InvalidScopeException":          "invalid_scope",
	"SlowDownException":              "slow_down",
	"UnauthorizedClientException":    "unauthorized_client",
	"UnsupportedGrantTypeException":  "unsupported_grant_type",
}

func oauthError(code, format string, args ...any) *apiError {
	status := 400
	if code == "InvalidClientException" {
		status = 401
	}
	e := refuse(status, code, format, args...)
	e.detail = oauthErrors[code]
	return e
}

// ssoClient is a registered client.
type ssoClient struct {
	secret    string
	grants    []string
	redirects []string
	scopes    []string
	issuer    string
	issued    time.Time
}

func (c *ssoClient) expires() time.Time { return c.issued.Add(registrationLife) }

// refreshes says whether the client's tokens come with a refresh token.
func (c *ssoClient) refreshes() bool {
	return slices.Contains(c.scopes, accountAccess) && slices.Contains(c.grants, grantRefresh)
}

func (ic *identityCenter) register(c *ssoClient) (id string, _ *ssoClient) {
	id, c.secret = random64(22)+"LXNzbw", "eyJraWQi"+canary+random64(200)
	ic.clients[id] = c
	return id, c
}

func (e *Emulator) registerClient(c *call) (*result, *apiError) {
	if e.center == nil {
		return nil, oauthError("InvalidRequestException", "there is no instance of IAM Identity Center")
	}
	if c.form.Get("clientName") == "" || c.form.Get("clientType") != "public" {
		return nil, oauthError("InvalidClientMetadataException", "clientName is required, and clientType must be public")
	}
	cl := &ssoClient{grants: c.form["grantTypes"], redirects: c.form["redirectUris"], scopes: c.form["scopes"], issuer: c.form.Get("issuerUrl"), issued: c.now}
	for _, s := range cl.scopes {
		if s != accountAccess && s != "openid" && s != "aws" {
			return nil, oauthError("InvalidScopeException", "scope %q is not known", s)
		}
	}
	for _, g := range cl.grants {
		if g != grantCode && g != grantRefresh && g != grantDevice {
			return nil, oauthError("UnsupportedGrantTypeException", "grant type %q is not known", g)
		}
	}
	if cl.grants == nil {
		cl.grants = []string{grantDevice, grantRefresh}
	}
	if slices.Contains(cl.grants, grantCode) {
		if len(cl.redirects) == 0 || cl.issuer == "" {
			return nil, oauthError("InvalidClientMetadataException", "authorization_code needs redirectUris and issuerUrl")
		}
		if cl.issuer != e.center.StartURL {
			return nil, oauthError("InvalidRequestException", "issuerUrl is not that of an instance")
		}
	}
	for _, r := range cl.redirects {
		if _, ok := loopbackRedirect(r); !ok {
			return nil, oauthError("InvalidRedirectUriException", "redirect URI %q is not http on 127.0.0.1", r)
		}
	}
	id, _ := e.center.register(cl)
	doc := map[string]any{"clientId": id, "clientSecret": cl.secret, "clientIdIssuedAt": c.now.Unix(),
		"clientSecretExpiresAt": cl.expires().Unix()}
	return &result{json: func(*result) any { return doc }}, nil
}

// loopbackRedirect is a redirect URI on 127.0.0.1 without its port, which a client
// registers without and asks with (RFC 8252, section 7.3).
func loopbackRedirect(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() != "127.0.0.1" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", false
	}
	return "http://127.0.0.1" + u.Path, true
}

// client is the client that a request names, with the right secret and not ended.
func (e *Emulator) client(c *call) (*ssoClient, *apiError) {
	if e.center == nil {
		return nil, oauthError("InvalidClientException", "Invalid client provided")
	}
	cl := e.center.clients[c.form.Get("clientId")]
	if cl == nil || subtle.ConstantTimeCompare([]byte(cl.secret), []byte(c.form.Get("clientSecret"))) != 1 {
		return nil, oauthError("InvalidClientException", "Invalid client provided")
	}
	if !c.now.Before(cl.expires()) {
		return nil, oauthError("InvalidClientException", "Client registration has expired")
	}
	return cl, nil
}

// device is one authorization of a device, waiting for a user or decided by one.
type device struct {
	userCode string
	client   string
	ends     time.Time
	interval time.Duration
	asked    time.Time
	user     string // who approved
	denied   bool
	spent    bool
}

func (e *Emulator) startDeviceAuthorization(c *call) (*result, *apiError) {
	cl, err := e.client(c)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(cl.grants, grantDevice) {
		return nil, oauthError("UnauthorizedClientException", "the client is not registered for the device grant")
	}
	if c.form.Get("startUrl") != e.center.StartURL {
		return nil, oauthError("InvalidRequestException", "startUrl is not that of an instance")
	}
	d := &device{userCode: userCode(), client: c.form.Get("clientId"), ends: c.now.Add(codeLife), interval: time.Duration(e.center.PollSeconds) * time.Second}
	code := "device" + canary + random64(60)
	e.center.devices[code] = d
	doc := map[string]any{
		"deviceCode": code, "userCode": d.userCode, "expiresIn": int(codeLife / time.Second), "interval": e.center.PollSeconds,
		"verificationUri": e.url + "/device", "verificationUriComplete": e.url + "/device?user_code=" + d.userCode,
	}
	return &result{json: func(*result) any { return doc }}, nil
}

// userCode is eight letters that cannot be taken for one another, in two halves.
func userCode() string {
	const letters = "BCDFGHJKLMNPQRSTVWXZ"
	raw := random64(8)
	b := make([]byte, 0, 9)
	for i := range len(raw) {
		if i == 4 {
			b = append(b, '-')
		}
		b = append(b, letters[int(raw[i])%len(letters)])
	}
	return string(b)
}

func (e *Emulator) createToken(c *call) (*result, *apiError) {
	cl, err := e.client(c)
	if err != nil {
		return nil, err
	}
	grant := c.form.Get("grantType")
	run := map[string]func(*call, *ssoClient) (*result, *apiError){
		grantCode: e.tokenByCode, grantRefresh: e.tokenByRefresh, grantDevice: e.tokenByDevice,
	}[grant]
	if run == nil {
		return nil, oauthError("UnsupportedGrantTypeException", "grant type %q is not known", grant)
	}
	if !slices.Contains(cl.grants, grant) {
		return nil, oauthError("UnauthorizedClientException", "the client is not registered for this grant")
	}
	return run(c, cl)
}

// tokenByRefresh takes each refresh token once. One that was used before means that it
// was stolen or that two programs share it, and ends the session.
func (e *Emulator) tokenByRefresh(c *call, cl *ssoClient) (*result, *apiError) {
	token := c.form.Get("refreshToken")
	if token == "" {
		return nil, oauthError("InvalidRequestException", "refreshToken is required")
	}
	for _, s := range e.center.sessions {
		if s.used[token] {
			s.ended = true
		}
		if s.refresh != token || s.client != c.form.Get("clientId") {
			continue
		}
		if s.ended || !c.now.Before(s.ends) {
			break
		}
		return e.center.grant(s, c.now, true), nil
	}
	return nil, oauthError("InvalidGrantException", "Invalid refresh token provided")
}

func (e *Emulator) tokenByDevice(c *call, cl *ssoClient) (*result, *apiError) {
	d := e.center.devices[c.form.Get("deviceCode")]
	if d == nil || d.client != c.form.Get("clientId") || d.spent {
		return nil, oauthError("InvalidGrantException", "Invalid device code provided")
	}
	last := d.asked
	d.asked = c.now
	switch {
	case !c.now.Before(d.ends):
		return nil, oauthError("ExpiredTokenException", "Device code has expired")
	case !last.IsZero() && c.now.Sub(last) < d.interval-slack:
		d.interval += 5 * time.Second // RFC 8628, section 3.5
		return nil, oauthError("SlowDownException", "Polling too often")
	case d.denied:
		d.spent = true
		return nil, oauthError("AccessDeniedException", "The user refused")
	case d.user == "":
		return nil, oauthError("AuthorizationPendingException", "")
	}
	d.spent = true
	return e.center.grant(e.center.signIn(d.user, d.client, c.now), c.now, cl.refreshes()), nil
}

// slack is how much too early a timer may have gone off.
const slack = 50 * time.Millisecond

// authCode is an authorization code with what the browser asked for.
type authCode struct {
	client    string
	redirect  string
	challenge string
	user      string
	ends      time.Time
	session   *ssoSession // once spent
}

func (e *Emulator) tokenByCode(c *call, cl *ssoClient) (*result, *apiError) {
	a := e.center.codes[c.form.Get("code")]
	if a == nil || a.client != c.form.Get("clientId") {
		return nil, oauthError("InvalidGrantException", "Invalid authorization code provided")
	}
	if a.session != nil {
		a.session.ended = true // RFC 6749, section 4.1.2
		return nil, oauthError("InvalidGrantException", "Invalid authorization code provided")
	}
	switch {
	case !c.now.Before(a.ends):
		return nil, oauthError("ExpiredTokenException", "Authorization code has expired")
	case c.form.Get("redirectUri") != a.redirect:
		return nil, oauthError("InvalidGrantException", "redirectUri is not the one that was authorized")
	case !verifies(c.form.Get("codeVerifier"), a.challenge):
		return nil, oauthError("InvalidGrantException", "codeVerifier does not match the challenge")
	}
	a.session = e.center.signIn(a.user, a.client, c.now)
	return e.center.grant(a.session, c.now, cl.refreshes()), nil
}

// verifies says whether a PKCE verifier is well formed and fits its S256 challenge
// (RFC 7636).
func verifies(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, unreserved) != "" {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}

const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// isChallenge says whether a text can be an S256 challenge.
func isChallenge(s string) bool {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return err == nil && len(b) == sha256.Size
}

// hasPort says whether a redirect names the port where its client listens.
func hasPort(redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil {
		return false
	}
	_, port, err := net.SplitHostPort(u.Host)
	return err == nil && port != ""
}
