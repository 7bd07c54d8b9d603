package emulator_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/logincreds"
	"github.com/aws/aws-sdk-go-v2/service/signin"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// The SDK's own provider refreshes a login of the emulator, until the session ends.
func TestLoginThroughTheSDK(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	ctx := context.Background()
	tokens := fullKey(e, alice.ARN)
	if tokens.LoginSession != alice.ARN {
		t.Errorf("login session %s", tokens.LoginSession)
	}
	expired := tokens
	expired.ExpiresAt = time.Now().Add(-time.Minute)
	file := filepath.Join(t.TempDir(), "login.json")
	if err := os.WriteFile(file, expired.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	api := signin.New(signin.Options{Region: "eu-west-1", BaseEndpoint: aws.String(e.URL()), Retryer: aws.NopRetryer{},
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
	creds, err := logincreds.New(api, file).Retrieve(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(creds.Expires); left > 15*time.Minute || left < 10*time.Minute {
		t.Errorf("expires in %s", left)
	}
	who, err := client(e, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken).GetCallerIdentity(ctx, nil)
	if err != nil || *who.Arn != alice.ARN || *who.UserId != alice.UserID {
		t.Errorf("%v %v", who, err)
	}
	_, err = client(e, creds.AccessKeyID, creds.SecretAccessKey, creds.SessionToken).GetSessionToken(ctx, nil)
	wantError(t, err, "AccessDenied")

	// The first refresh token again: the session ends for all.
	if err := os.WriteFile(file, expired.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := logincreds.New(api, file).Retrieve(ctx); err == nil || !strings.Contains(err.Error(), "login session has expired") {
		t.Errorf("got %v", err)
	}
	if e.LoginsEnded() != 1 {
		t.Errorf("%d sessions ended", e.LoginsEnded())
	}
}

// fullKey signs in with a key whose coordinates begin with no zero byte: the SDK
// shortens those, which the emulator refuses.
func fullKey(e *emulator.Emulator, name string) emulator.LoginTokens {
	for {
		tokens := e.SignInConsole(name)
		if p := point(parseKey(tokens.DPoPKey)); p[1] != 0 && p[33] != 0 {
			return tokens
		}
	}
}

func parseKey(text string) *ecdsa.PrivateKey {
	block, _ := pem.Decode([]byte(text))
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key
}

func point(key *ecdsa.PrivateKey) []byte {
	p, err := key.PublicKey.Bytes()
	if err != nil {
		panic(err)
	}
	return p
}

// loginCall is one request for tokens whose proof can be broken in one place.
type loginCall struct {
	key   *ecdsa.PrivateKey
	head  map[string]any    // added to the proof's header
	jwk   map[string]string // added to its key
	claim map[string]any    // added to its claims
	sig   func([]byte) []byte
	bare  bool // no proof
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (l loginCall) proof(e *emulator.Emulator) string {
	p := point(l.key)
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "x": b64(p[1:33]), "y": b64(p[33:])}
	maps.Copy(jwk, l.jwk)
	head := map[string]any{"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
	claims := map[string]any{"jti": rand.Text(), "htm": "POST", "htu": e.URL() + "/v1/token", "iat": e.Now().Unix()}
	maps.Copy(head, l.head)
	maps.Copy(claims, l.claim)
	h, _ := json.Marshal(head)
	c, _ := json.Marshal(claims)
	text := b64(h) + "." + b64(c)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, l.key, sum[:])
	if err != nil {
		panic(err)
	}
	sig := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	if l.sig != nil {
		sig = l.sig(sig)
	}
	return text + "." + b64(sig)
}

type loginAnswer struct {
	status       int
	Error        string
	Message      string
	AccessToken  struct{ AccessKeyID, SecretAccessKey, SessionToken string }
	RefreshToken string
	IDToken      string
	ExpiresIn    int
}

func (l loginCall) send(t testing.TB, e *emulator.Emulator, kv ...string) loginAnswer {
	t.Helper()
	body := map[string]string{"clientId": "arn:aws:signin:::devtools/same-device"}
	for i := 0; i < len(kv); i += 2 {
		body[kv[i]] = kv[i+1]
	}
	b, _ := json.Marshal(body)
	r, err := http.NewRequest("POST", e.URL()+"/v1/token", strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if !l.bare {
		r.Header.Set("DPoP", l.proof(e))
	}
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	a := loginAnswer{status: res.StatusCode}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestProofRefusals(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	tokens := e.SignInConsole("alice")
	key := parseKey(tokens.DPoPKey)
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := point(key)
	refresh := []string{"grantType", "refresh_token", "refreshToken", tokens.RefreshToken}
	for name, l := range map[string]loginCall{
		"no proof":      {key: key, bare: true},
		"typ":           {key: key, head: map[string]any{"typ": "JWT"}},
		"alg":           {key: key, head: map[string]any{"alg": "none"}},
		"no jwk":        {key: key, head: map[string]any{"jwk": nil}},
		"private jwk":   {key: key, jwk: map[string]string{"d": "AAAA"}},
		"short x":       {key: key, jwk: map[string]string{"x": b64(p[2:33])}},
		"another point": {key: key, jwk: map[string]string{"x": b64(p[33:]), "y": b64(p[1:33])}},
		"htm":           {key: key, claim: map[string]any{"htm": "GET"}},
		"htu":           {key: key, claim: map[string]any{"htu": e.URL() + "/v1/authorize"}},
		"old":           {key: key, claim: map[string]any{"iat": e.Now().Add(-6 * time.Minute).Unix()}},
		"no jti":        {key: key, claim: map[string]any{"jti": ""}},
		"signature":     {key: key, sig: func(b []byte) []byte { b[40] ^= 1; return b }},
		"ASN.1":         {key: key, sig: asn1Signature},
		"another key":   {key: stranger},
	} {
		if a := l.send(t, e, refresh...); a.status != 400 || a.Error != "INVALID_REQUEST" {
			t.Errorf("%s: %d %s %s", name, a.status, a.Error, a.Message)
		}
	}
	once := loginCall{key: key, claim: map[string]any{"jti": "once"}}
	a := once.send(t, e, refresh...)
	if a.status != 200 || a.ExpiresIn != 900 {
		t.Fatalf("%+v", a)
	}
	if !e.Owns(a.AccessToken.AccessKeyID, a.AccessToken.SecretAccessKey, a.AccessToken.SessionToken) {
		t.Error("the credentials are not the emulator's")
	}
	if a := once.send(t, e, "grantType", "refresh_token", "refreshToken", a.RefreshToken); a.Error != "INVALID_REQUEST" {
		t.Errorf("a proof sent twice: %+v", a)
	}
	fine := loginCall{key: key}
	if a := fine.send(t, e, "grantType", "password"); a.Error != "unsupported_grant_type" {
		t.Errorf("%+v", a)
	}
	if a := fine.send(t, e, "clientId", "x", "grantType", "refresh_token"); a.Error != "INVALID_REQUEST" {
		t.Errorf("%+v", a)
	}
	e.EndLogin(alice.ARN, "USER_CREDENTIALS_CHANGED")
	if a := fine.send(t, e, "grantType", "refresh_token", "refreshToken", a.RefreshToken); a.Error != "USER_CREDENTIALS_CHANGED" {
		t.Errorf("%+v", a)
	}
	tokens = e.SignInConsole("alice")
	e.SetUserPolicy(alice, "")
	if a := (loginCall{key: parseKey(tokens.DPoPKey)}).send(t, e, "grantType", "refresh_token", "refreshToken", tokens.RefreshToken); a.Error != "INSUFFICIENT_PERMISSIONS" {
		t.Errorf("%+v", a)
	}
}

func asn1Signature(b []byte) []byte {
	var out []byte
	for _, half := range [][]byte{b[:32], b[32:]} {
		n := new(big.Int).SetBytes(half).Bytes()
		if n[0] >= 0x80 {
			n = append([]byte{0}, n...)
		}
		out = append(append(out, 2, byte(len(n))), n...)
	}
	return append([]byte{0x30, byte(len(out))}, out...)
}

func TestConsolePages(t *testing.T) {
	e := start(t, emulator.World{})
	c := new(clock).set(e)
	alice := e.AddUser(account, "alice")
	role := e.AddRole(account, "Admin")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const redirect = "http://127.0.0.1:4711/oauth/callback"
	link := func(kv ...string) string {
		q := url.Values{"response_type": {"code"}, "client_id": {"arn:aws:signin:::devtools/same-device"}, "redirect_uri": {redirect},
			"state": {"s"}, "code_challenge_method": {"SHA-256"}, "code_challenge": {challenge}, "scope": {"openid"}}
		for i := 0; i < len(kv); i += 2 {
			q.Set(kv[i], kv[i+1])
		}
		return e.URL() + "/v1/authorize?" + q.Encode()
	}
	res, err := http.Get(link())
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(page), `value="`+alice.ARN+`"`) {
		t.Errorf("%s", page)
	}
	e.SetBrowserUser("arn:aws:sts::" + account + ":assumed-role/" + role.Name + "/carol")
	q := browse(t, link())
	l := loginCall{key: key}
	exchange := []string{"grantType", "authorization_code", "code", q.Get("code"), "redirectUri", redirect, "codeVerifier", verifier}
	if a := l.send(t, e, append(exchange, "codeVerifier", strings.Repeat("x", 43))...); a.Error != "INVALID_REQUEST" {
		t.Errorf("%+v", a)
	}
	a := l.send(t, e, exchange...)
	if a.status != 200 || strings.Count(a.IDToken, ".") != 2 {
		t.Fatalf("%+v", a)
	}
	who, err := client(e, a.AccessToken.AccessKeyID, a.AccessToken.SecretAccessKey, a.AccessToken.SessionToken).GetCallerIdentity(context.Background(), nil)
	if err != nil || *who.Arn != "arn:aws:sts::"+account+":assumed-role/Admin/carol" {
		t.Errorf("%v %v", who, err)
	}
	if a := l.send(t, e, exchange...); a.Error != "AUTHCODE_EXPIRED" {
		t.Errorf("%+v", a)
	}
	if a := l.send(t, e, "grantType", "refresh_token", "refreshToken", a.RefreshToken); a.Error != "TOKEN_EXPIRED" {
		t.Errorf("a code that was used twice left its session: %+v", a)
	}

	// On another device the code is shown, to be pasted.
	e.SetBrowserUser("alice")
	cross := []string{"client_id", "arn:aws:signin:::devtools/cross-device", "redirect_uri", e.URL() + "/v1/sessions/confirmation"}
	res, err = http.Get(link(cross...))
	if err != nil {
		t.Fatal(err)
	}
	page, _ = io.ReadAll(res.Body)
	res.Body.Close()
	_, text, _ := strings.Cut(string(page), "<code id=code>")
	text, _, _ = strings.Cut(text, "<")
	plain, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	q, _ = url.ParseQuery(string(plain))
	exchange = []string{"clientId", cross[1], "grantType", "authorization_code", "code", q.Get("code"), "redirectUri", cross[3], "codeVerifier", verifier}
	c.now = c.now.Add(10 * time.Minute)
	if a := l.send(t, e, exchange...); a.Error != "AUTHCODE_EXPIRED" {
		t.Errorf("%+v", a)
	}

	for _, l := range []string{link("client_id", "x"), link("redirect_uri", "http://example.com/oauth/callback"), link("code_challenge_method", "S256"),
		link("scope", "all"), link("state", ""), link("client_id", cross[1])} {
		res, err := plainClient.Get(l)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 400 {
			t.Errorf("%s: %d", l, res.StatusCode)
		}
	}
}

// A session of "aws login" lasts 12 hours, and its last credentials end with it.
func TestLoginSessionEnds(t *testing.T) {
	e := start(t, emulator.World{})
	c := new(clock).set(e)
	e.AddUser(account, "alice")
	tokens := e.SignInConsole("alice")
	l := loginCall{key: parseKey(tokens.DPoPKey)}
	c.now = c.now.Add(12*time.Hour - 5*time.Minute)
	a := l.send(t, e, "grantType", "refresh_token", "refreshToken", tokens.RefreshToken)
	if a.ExpiresIn != 300 {
		t.Errorf("%+v", a)
	}
	c.now = c.now.Add(5 * time.Minute)
	if a := l.send(t, e, "grantType", "refresh_token", "refreshToken", a.RefreshToken); a.Error != "TOKEN_EXPIRED" {
		t.Errorf("%+v", a)
	}
}
