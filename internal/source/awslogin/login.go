package awslogin

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/sts-helper/sts-helper/internal/awsname"
	"github.com/sts-helper/sts-helper/internal/source/loginfile"
	"github.com/sts-helper/sts-helper/internal/source/oauth"
)

// The clients that AWS Sign-In knows.
const (
	sameDevice  = "arn:aws:signin:::devtools/same-device"
	crossDevice = "arn:aws:signin:::devtools/cross-device"
)

// Grant is a login that is not on disk yet.
type Grant struct {
	// LoginSession is who logged in, an ARN, which is the profile's login_session. A profile
	// that names another one was logged in to as another user.
	LoginSession string

	account string
	client  string
	region  string
	key     *ecdsa.PrivateKey
	answer  answer
}

// Save writes the login's file into dir. The caller holds the file's lock.
func (g *Grant) Save(dir string) (*Login, error) {
	der, err := x509.MarshalECPrivateKey(g.key)
	if err != nil {
		return nil, err
	}
	f, err := loginfile.Open(filepath.Join(dir, FileName(g.LoginSession)))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	access := loginfile.New(g.answer.members()...).Set(loginfile.Member{Name: "accountId", Value: g.account})
	text := loginfile.New(
		loginfile.Member{Name: "accessToken", Value: access}, loginfile.Member{Name: "tokenType", Value: g.answer.TokenType},
		loginfile.Member{Name: "clientId", Value: g.client}, loginfile.Member{Name: "refreshToken", Value: g.answer.RefreshToken},
		loginfile.Member{Name: "idToken", Value: g.answer.IDToken},
		loginfile.Member{Name: "dpopKey", Value: string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))},
		loginfile.Member{Name: "signInRegion", Value: g.region})
	if err := f.Replace("", text, nil); err != nil {
		return nil, err
	}
	return parse(text)
}

// attempt is one login on its way.
type attempt struct {
	s        Service
	client   string
	redirect string
	proof    oauth.PKCE
}

func (a attempt) page(state string) string {
	return oauth.AuthorizeURL(a.s.Endpoint(a.s.Region)+"/v1/authorize", "response_type", "code", "client_id", a.client, "state", state,
		"code_challenge_method", "SHA-256", "scope", "openid", "redirect_uri", a.redirect, "code_challenge", a.proof.Challenge())
}

func (a attempt) finish(ctx context.Context, code string) (*Grant, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	out, err := a.s.createToken(ctx, a.s.Region, key, map[string]string{"clientId": a.client, "grantType": "authorization_code",
		"code": code, "codeVerifier": a.proof.Verifier, "redirectUri": a.redirect})
	if err != nil {
		return nil, err
	}
	g := &Grant{client: a.client, region: a.s.Region, key: key, answer: out}
	if g.LoginSession, g.account, err = subject(out.IDToken); err != nil {
		return nil, err
	}
	return g, nil
}

// subject is whom an identity token names. It came from AWS Sign-In itself over the connection
// that was asked, so its signature proves nothing more.
func subject(idToken string) (arn, account string, err error) {
	var claims struct {
		Sub string `json:"sub"`
	}
	if parts := strings.Split(idToken, "."); len(parts) == 3 {
		body, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
		if err == nil {
			_ = json.Unmarshal(body, &claims)
		}
	}
	a, ok := awsname.ParseARN(claims.Sub)
	if !ok || a.Account == "" {
		return "", "", errors.New("the answer of AWS Sign-In does not say who logged in")
	}
	return claims.Sub, a.Account, nil
}

// LoginBrowser logs in by a browser on this machine, which is sent back here. open shows the
// page, or says where it is. It writes nothing.
func (s Service) LoginBrowser(ctx context.Context, open func(url string)) (*Grant, error) {
	back, err := oauth.Listen()
	if err != nil {
		return nil, err
	}
	defer back.Close()
	a := attempt{s, sameDevice, back.Redirect(), oauth.NewPKCE()}
	open(a.page(back.State))
	code, err := back.Wait(ctx)
	if err != nil {
		return nil, err
	}
	return a.finish(ctx, code)
}

// ErrPasted is a text that is not the code which the page showed.
var ErrPasted = errors.New("that is not the code which the page of this login shows")

// LoginPaste logs in by a browser on any machine, whose page shows a code. show says where the
// page is, read gets what the user pastes. It writes nothing.
func (s Service) LoginPaste(ctx context.Context, show func(url string), read func(context.Context) (string, error)) (*Grant, error) {
	a := attempt{s, crossDevice, s.Endpoint(s.Region) + "/v1/sessions/confirmation", oauth.NewPKCE()}
	state := rand.Text()
	show(a.page(state))
	pasted, err := read(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(pasted))
	if err != nil {
		return nil, ErrPasted
	}
	q, err := url.ParseQuery(string(plain))
	if err != nil || q.Get("state") != state || q.Get("code") == "" {
		return nil, ErrPasted
	}
	return a.finish(ctx, q.Get("code"))
}
