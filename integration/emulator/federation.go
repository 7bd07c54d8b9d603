package emulator

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// OIDCProvider is an identity provider whose tokens AssumeRoleWithWebIdentity takes.
type OIDCProvider struct {
	Account   string   `json:"account"`
	URL       string   `json:"url"` // issuer, https://…
	ClientIDs []string `json:"client_ids,omitempty"`
	ARN       string   `json:"arn,omitempty"`
}

// signingKey signs the tokens of every provider; it takes a moment to make, so it is
// made when first used.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return k
})

// AddOIDCProvider registers an issuer and the audiences it may name.
func (e *Emulator) AddOIDCProvider(account, issuer string, clientIDs ...string) *OIDCProvider {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.addOIDC(OIDCProvider{Account: account, URL: issuer, ClientIDs: clientIDs})
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return p
}

func (e *Emulator) addOIDC(p OIDCProvider) (*OIDCProvider, error) {
	host, ok := strings.CutPrefix(p.URL, "https://")
	if !ok || host == "" {
		return nil, fmt.Errorf("OIDC provider %q: the issuer must be an https URL", p.URL)
	}
	if err := e.account(p.Account); err != nil {
		return nil, fmt.Errorf("OIDC provider %q: %w", p.URL, err)
	}
	p.ARN = "arn:aws:iam::" + p.Account + ":oidc-provider/" + host
	e.oidc[p.ARN] = &p
	return &p, nil
}

// Token is a signed web identity token (RS256) for a subject, issued now.
func (p *OIDCProvider) Token(subject, audience string, expires time.Time) string {
	return p.Sign(map[string]any{"sub": subject, "aud": audience, "exp": expires.Unix(), "iat": time.Now().Unix()})
}

// Sign makes a token of any claims; iss is the provider's unless given.
func (p *OIDCProvider) Sign(claims map[string]any) string {
	all := map[string]any{"iss": p.URL, "jti": canary + newRequestID()}
	maps.Copy(all, claims)
	body, err := json.Marshal(all)
	if err != nil {
		panic("emulator: claims: " + err.Error())
	}
	return signJWT(`{"alg":"RS256","kid":"emulator","typ":"JWT"}`, string(body))
}

// signJWT puts an RS256 signature under a header and a body, whatever they say.
func signJWT(head, body string) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(head)) + "." + enc.EncodeToString([]byte(body))
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, signingKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return text + "." + enc.EncodeToString(sig)
}

// claims are what the emulator looks at in a web identity token.
type claims struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Azp string          `json:"azp"`
	Aud json.RawMessage `json:"aud"`
	Exp *int64          `json:"exp"`
	Nbf int64           `json:"nbf"`
}

func (c claims) audiences() []string {
	list, err := stringList(c.Aud)
	if err != nil {
		return nil
	}
	return list
}

var errNotJWT = errors.New("The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)")

// readToken checks the form and the signature of a token, nothing of its claims.
func readToken(token string) (claims, error) {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, errNotJWT
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return c, errNotJWT
		}
		raw[i] = b
	}
	var head struct{ Alg string }
	if json.Unmarshal(raw[0], &head) != nil || json.Unmarshal(raw[1], &c) != nil {
		return c, errNotJWT
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if head.Alg != "RS256" || rsa.VerifyPKCS1v15(&signingKey().PublicKey, crypto.SHA256, sum[:], raw[2]) != nil {
		return c, errors.New("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	}
	return c, nil
}

func (e *Emulator) assumeRoleWithWebIdentity(c *call) (*result, *apiError) {
	refusal := denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
	target := c.form.Get("RoleArn")
	if !isRoleARN(target) {
		return nil, invalid("Request ARN is invalid")
	}
	if c.form.Get("ProviderId") != "" {
		return nil, refuse(400, "InvalidIdentityToken", "ProviderId is for OAuth 2.0 access tokens, which no account here accepts")
	}
	token, err := readToken(c.form.Get("WebIdentityToken"))
	if errors.Is(err, errNotJWT) {
		return nil, refuse(400, "InvalidIdentityToken", "%s", err.Error())
	}
	a, _ := parseARN(target)
	host, _ := strings.CutPrefix(token.Iss, "https://")
	p := e.oidc["arn:aws:iam::"+a.account+":oidc-provider/"+host]
	if p == nil {
		return nil, refuse(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for %s", token.Iss)
	}
	if err != nil {
		return nil, refuse(400, "InvalidIdentityToken", "%s", err.Error())
	}
	now := c.now.Unix()
	switch {
	case token.Exp == nil:
		return nil, refuse(400, "InvalidIdentityToken", "Missing a required claim: exp")
	case token.Sub == "":
		return nil, refuse(400, "InvalidIdentityToken", "Missing a required claim: sub")
	case now >= *token.Exp:
		return nil, refuse(400, "ExpiredTokenException", "Token expired: current date/time %d must be before the expiration date/time %d", now, *token.Exp)
	case token.Nbf > now+int64(maxSkew/time.Second):
		return nil, refuse(400, "InvalidIdentityToken", "Token is not yet valid")
	}
	audience := ""
	for _, aud := range token.audiences() {
		if slices.Contains(p.ClientIDs, aud) {
			audience = aud
		}
	}
	if audience == "" {
		return nil, refuse(400, "InvalidIdentityToken", "Incorrect token audience")
	}
	r := e.roles[target]
	if r == nil || !slices.Contains(r.Trusted, p.ARN) || !anyMatch(r.TrustedActions, "sts:AssumeRoleWithWebIdentity", true) ||
		r.Subjects != nil && !anyMatch(r.Subjects, token.Sub, false) ||
		r.Audiences != nil && !slices.Contains(r.Audiences, audience) {
		return nil, refusal
	}
	res, apiErr := e.become(c, &assumption{role: r, name: c.form.Get("RoleSessionName"), life: duration(c, 3600), subject: token.Sub})
	if apiErr != nil {
		return nil, apiErr
	}
	res.SubjectFromWebIdentityToken = token.Sub
	res.Provider = p.ARN
	res.Audience = audience
	return res, nil
}
