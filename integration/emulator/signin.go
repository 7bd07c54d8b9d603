package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The clients that AWS Sign-In knows for "aws login".
const (
	sameDevice  = "arn:aws:signin:::devtools/same-device"
	crossDevice = "arn:aws:signin:::devtools/cross-device"
)

const (
	loginAccess  = 15 * time.Minute
	loginSession = 12 * time.Hour
	confirmation = "/v1/sessions/confirmation"
)

// signin is AWS Sign-In with what became of it.
type signin struct {
	logins []*login
	codes  map[string]*loginCode
	proofs map[string]bool // by jti
}

// login is a console session that "aws login" brought to a program.
type login struct {
	principal  consolePrincipal
	client     string
	thumbprint string // of the DPoP key
	refresh    string
	used       map[string]bool
	ends       time.Time
	ended      string // the error that says why; "" while it lives
}

// loginCode is an authorization code of AWS Sign-In.
type loginCode struct {
	authCode
	principal consolePrincipal
	login     *login // once spent
}

// consolePrincipal is who is signed in to the console: an IAM user, root, or a role.
type consolePrincipal struct {
	arn, userID, account string
	user                 *User
	role                 *Role
}

func signinError(status int, code, detail, format string, args ...any) *apiError {
	e := refuse(status, code, format, args...)
	e.detail = detail
	return e
}

func loginDenied(detail string) *apiError {
	return signinError(400, "AccessDeniedException", detail, "%s", "Access denied: "+detail)
}

// console finds who an ARN or a user's name is.
func (e *Emulator) console(name string) (consolePrincipal, bool) {
	for _, u := range e.users {
		if u.ARN == name || !u.Root && u.Name == name {
			return consolePrincipal{u.ARN, u.UserID, u.Account, u, nil}, true
		}
	}
	a, ok := parseARN(name)
	kind := strings.Split(a.resource, "/")
	if !ok || a.service != "sts" || len(kind) != 3 || kind[0] != "assumed-role" {
		return consolePrincipal{}, false
	}
	for _, r := range e.roles {
		if r.Account == a.account && r.Name == kind[1] {
			return consolePrincipal{name, r.RoleID + ":" + kind[2], r.Account, nil, r}, true
		}
	}
	return consolePrincipal{}, false
}

func (e *Emulator) createOAuth2Token(c *call) (*result, *apiError) {
	client, grant := c.form.Get("clientId"), c.form.Get("grantType")
	if client != sameDevice && client != crossDevice {
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "clientId is not known")
	}
	if isSigned(c.http) {
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "this operation is called without a signature")
	}
	scheme := "http://"
	if c.http.TLS != nil {
		scheme = "https://"
	}
	p, err := readProof(c, scheme+c.http.Host+"/v1/token")
	if err != nil {
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "%s", err.Error())
	}
	if e.signin.proofs[p.jti] {
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "this DPoP proof was used before")
	}
	e.signin.proofs[p.jti] = true
	switch grant {
	case grantRefresh:
		return e.loginByRefresh(c, p)
	case grantCode:
		return e.loginByCode(c, p)
	}
	return nil, signinError(400, "ValidationException", "unsupported_grant_type", "grantType must be authorization_code or refresh_token")
}

func (e *Emulator) loginByCode(c *call, p proof) (*result, *apiError) {
	code := e.signin.codes[c.form.Get("code")]
	if code == nil || code.client != c.form.Get("clientId") {
		return nil, loginDenied("AUTHCODE_EXPIRED")
	}
	if code.login != nil {
		code.login.ended = "TOKEN_EXPIRED"
		return nil, loginDenied("AUTHCODE_EXPIRED")
	}
	switch {
	case !c.now.Before(code.ends):
		return nil, loginDenied("AUTHCODE_EXPIRED")
	case c.form.Get("redirectUri") != code.redirect:
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "redirectUri is not the one that was authorized")
	case !verifies(c.form.Get("codeVerifier"), code.challenge):
		return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "codeVerifier does not match the challenge")
	}
	code.login = e.startLogin(code.principal, code.client, p.thumbprint)
	return e.continueLogin(c, code.login, true)
}

// loginByRefresh takes each refresh token once, with the key that the session began with.
func (e *Emulator) loginByRefresh(c *call, p proof) (*result, *apiError) {
	token := c.form.Get("refreshToken")
	for _, l := range e.signin.logins {
		if l.used[token] {
			l.ended = "TOKEN_EXPIRED"
		}
		if token == "" || l.refresh != token {
			continue
		}
		switch {
		case l.thumbprint != p.thumbprint:
			return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "the DPoP key is not that of the session")
		case l.client != c.form.Get("clientId"):
			return nil, signinError(400, "ValidationException", "INVALID_REQUEST", "clientId is not that of the session")
		case l.ended != "":
			return nil, loginDenied(l.ended)
		case !c.now.Before(l.ends):
			return nil, loginDenied("TOKEN_EXPIRED")
		}
		return e.continueLogin(c, l, false)
	}
	return nil, loginDenied("TOKEN_EXPIRED")
}

func (e *Emulator) startLogin(p consolePrincipal, client, thumbprint string) *login {
	l := &login{principal: p, client: client, thumbprint: thumbprint, used: map[string]bool{}, ends: e.Now().Add(loginSession)}
	e.signin.logins = append(e.signin.logins, l)
	return l
}

// continueLogin gives out the next credentials and the next refresh token.
func (e *Emulator) continueLogin(c *call, l *login, first bool) (*result, *apiError) {
	p := l.principal
	caller := principal{user: p.user}
	if p.role != nil {
		caller = principal{session: &session{role: p.role}}
	}
	if e.permission(caller, "signin:CreateOAuth2Token", "*") != allowed {
		return nil, loginDenied("INSUFFICIENT_PERMISSIONS")
	}
	if l.refresh != "" {
		l.used[l.refresh] = true
	}
	l.refresh = "ASOR" + canary + random64(400)
	life := min(loginAccess, l.ends.Sub(c.now)).Truncate(time.Second)
	id := Identity{Account: p.account, ARN: p.arn, UserID: p.userID}
	if p.role != nil {
		id.RoleARN, id.RoleSessionName = p.role.ARN, p.arn[strings.LastIndex(p.arn, "/")+1:]
	} else {
		id.User = p.user.Name
	}
	s := e.issue(c, &session{Identity: id, user: p.user, role: p.role}, life)
	doc := map[string]any{"expiresIn": int(life / time.Second), "refreshToken": l.refresh, "tokenType": "aws_sigv4"}
	if first {
		doc["idToken"] = idToken(p.arn, l.client, c.now)
	}
	return &result{Credentials: s.credentials(), json: func(r *result) any {
		if cr := r.Credentials; cr != nil {
			doc["accessToken"] = map[string]string{"accessKeyId": cr.AccessKeyId, "secretAccessKey": cr.SecretAccessKey, "sessionToken": cr.SessionToken}
		}
		return doc
	}}, nil
}

func idToken(sub, aud string, now time.Time) string {
	return signJWT(`{"alg":"RS256","kid":"emulator","typ":"JWT"}`, jsonText(map[string]any{
		"iss": "https://signin.aws.amazon.com/signin", "sub": sub, "aud": aud, "iat": now.Unix(), "exp": now.Add(loginAccess).Unix(), "jti": canary + newRequestID()}))
}

// pageConsole is the page of "aws login". The user is chosen by name or by ARN.
func (e *Emulator) pageConsole(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	redirect, client := q.Get("redirect_uri"), q.Get("client_id")
	_, loopback := loopbackRedirect(redirect)
	ok := client == sameDevice && loopback && hasPort(redirect) || client == crossDevice && redirect == e.url+confirmation
	if !ok || q.Get("response_type") != "code" || q.Get("state") == "" || q.Get("scope") != "openid" ||
		q.Get("code_challenge_method") != "SHA-256" || !isChallenge(q.Get("code_challenge")) {
		sendPage(w, http.StatusBadRequest, "<p>The request is not valid.</p>")
		return
	}
	back := url.Values{"state": {q.Get("state")}}
	switch user := e.choice(r); user {
	case "":
		var names []string
		for _, u := range e.users {
			names = append(names, u.ARN)
		}
		sendPage(w, http.StatusOK, buttons("Continue with your session?", names))
		return
	case refuseUser:
		back.Set("error", "access_denied")
	default:
		p, ok := e.console(user)
		if !ok {
			sendPage(w, http.StatusBadRequest, "<p>There is no such user.</p>")
			return
		}
		code := "code" + canary + random64(60)
		e.signin.codes[code] = &loginCode{principal: p, authCode: authCode{client: client, redirect: redirect,
			challenge: q.Get("code_challenge"), ends: e.Now().Add(codeLife)}}
		back.Set("code", code)
	}
	http.Redirect(w, r, redirect+"?"+back.Encode(), http.StatusFound)
}

// pageConfirmation shows the code that is pasted into a program on another device.
func (e *Emulator) pageConfirmation(w http.ResponseWriter, r *http.Request) {
	q := url.Values{"state": {r.Form.Get("state")}, "code": {r.Form.Get("code")}}
	if r.Form.Get("code") == "" {
		sendPage(w, http.StatusOK, "<p id=done>Request refused.</p>")
		return
	}
	sendPage(w, http.StatusOK, "<p>Copy this code: <code id=code>"+html.EscapeString(base64.StdEncoding.EncodeToString([]byte(q.Encode())))+"</code></p>")
}

// EndLogin ends the sessions of "aws login" of a principal, by ARN, with the error
// TOKEN_EXPIRED or, as after a new password, USER_CREDENTIALS_CHANGED.
func (e *Emulator) EndLogin(arn, why string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.signin.logins {
		if l.principal.arn == arn {
			l.ended = why
		}
	}
}

func (e *Emulator) adminLoginEnd(r *http.Request) (any, error) {
	q := r.URL.Query()
	if why := q.Get("why"); why != "TOKEN_EXPIRED" && why != "USER_CREDENTIALS_CHANGED" {
		return nil, fmt.Errorf("why must be TOKEN_EXPIRED or USER_CREDENTIALS_CHANGED")
	}
	e.EndLogin(q.Get("arn"), q.Get("why"))
	return done, nil
}

// LoginsEnded is how many sessions of "aws login" ended before their time.
func (e *Emulator) LoginsEnded() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, l := range e.signin.logins {
		if l.ended != "" {
			n++
		}
	}
	return n
}

// LoginTokens are what "aws login" keeps of a session.
type LoginTokens struct {
	LoginSession                               string // the principal's ARN
	AccessKeyID, SecretAccessKey, SessionToken string
	AccountID                                  string
	ExpiresAt                                  time.Time
	ClientID, RefreshToken, IDToken            string
	DPoPKey                                    string // SEC1, PEM
}

// SignInConsole signs a user in, by name or ARN, or a role session, by ARN, without any
// page, and gives the tokens that "aws login" would have.
func (e *Emulator) SignInConsole(name string) LoginTokens {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		panic("emulator: " + err.Error())
	}
	enc := base64.RawURLEncoding
	_, thumbprint, err := readJWK(map[string]string{"kty": "EC", "crv": "P-256", "x": enc.EncodeToString(point[1:33]), "y": enc.EncodeToString(point[33:])})
	if err != nil {
		panic("emulator: " + err.Error())
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	p, ok := e.console(name)
	if !ok {
		panic("emulator: no console user is called " + name)
	}
	l := e.startLogin(p, sameDevice, thumbprint)
	res, apiErr := e.continueLogin(&call{op: "CreateOAuth2Token", now: e.Now()}, l, true)
	if apiErr != nil {
		panic("emulator: " + apiErr.Error())
	}
	cr := res.Credentials
	return LoginTokens{
		LoginSession: p.arn, AccessKeyID: cr.AccessKeyId, SecretAccessKey: cr.SecretAccessKey, SessionToken: cr.SessionToken,
		AccountID: p.account, ExpiresAt: e.sessions[cr.AccessKeyId].Expiration, ClientID: l.client, RefreshToken: l.refresh,
		IDToken: res.json(res).(map[string]any)["idToken"].(string),
		DPoPKey: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
	}
}

// File is the file that "aws login" writes, as the AWS CLI formats it.
func (t LoginTokens) File() []byte {
	const stamp = "2006-01-02T15:04:05Z"
	return fmt.Appendf(nil, `{"accessToken": {"accessKeyId": %q, "secretAccessKey": %q, "sessionToken": %q, "accountId": %q, "expiresAt": %q}, `+
		`"tokenType": "aws_sigv4", "clientId": %q, "refreshToken": %q, "idToken": %q, "dpopKey": %q}`,
		t.AccessKeyID, t.SecretAccessKey, t.SessionToken, t.AccountID, t.ExpiresAt.UTC().Format(stamp),
		t.ClientID, t.RefreshToken, t.IDToken, t.DPoPKey)
}

// File is the token file of an Identity Center session, as the AWS CLI formats it.
func (t SSOTokens) File(startURL, region string) []byte {
	const stamp = "2006-01-02T15:04:05Z"
	return fmt.Appendf(nil, `{"startUrl": %q, "region": %q, "accessToken": %q, "expiresAt": %q, "clientId": %q, "clientSecret": %q, `+
		`"registrationExpiresAt": %q, "refreshToken": %q}`,
		startURL, region, t.AccessToken, t.ExpiresAt.UTC().Format(stamp), t.ClientID, t.ClientSecret,
		t.RegistrationExpiresAt.UTC().Format(stamp), t.RefreshToken)
}

// isUsers says whether a session is the user's own, with all that the user may do: made
// by GetSessionToken or by a sign-in to the console.
func (s *session) isUsers() bool {
	return s.issuedBy() == "GetSessionToken" || s.issuedBy() == "CreateOAuth2Token"
}
