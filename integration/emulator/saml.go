package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// SAMLProvider is an identity provider whose assertions AssumeRoleWithSAML takes.
type SAMLProvider struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	ARN     string `json:"arn,omitempty"`
	// Key signs assertions: HMAC-SHA-256 in place of an XML signature. Made if empty.
	Key string `json:"key,omitempty"`
}

// SAMLAssertion is what an assertion says.
type SAMLAssertion struct {
	RoleARNs        []string // roles offered, each with the provider
	RoleSessionName string
	Subject         string    // NameID; RoleSessionName if empty
	Issued          time.Time // good for five minutes from then
	NotOnOrAfter    time.Time // SessionNotOnOrAfter: the session ends then; zero: not given
	SessionDuration int       // seconds; 0: not given
	Audience        string    // https://signin.aws.amazon.com/saml if empty
	SourceIdentity  string
}

const (
	samlAudience   = "https://signin.aws.amazon.com/saml"
	samlAttributes = "https://aws.amazon.com/SAML/Attributes/"
	samlRedeem     = 5 * time.Minute
)

// AddSAMLProvider registers a provider.
func (e *Emulator) AddSAMLProvider(account, name string) *SAMLProvider {
	e.mu.Lock()
	defer e.mu.Unlock()
	p, err := e.addSAML(SAMLProvider{Account: account, Name: name})
	if err != nil {
		panic("emulator: " + err.Error())
	}
	return p
}

func (e *Emulator) addSAML(p SAMLProvider) (*SAMLProvider, error) {
	if err := e.account(p.Account); err != nil {
		return nil, fmt.Errorf("SAML provider %q: %w", p.Name, err)
	}
	if p.Name == "" {
		return nil, errors.New("a SAML provider without a name")
	}
	if p.Key == "" {
		p.Key = newSecret()
	}
	p.ARN = "arn:aws:iam::" + p.Account + ":saml-provider/" + p.Name
	e.saml[p.ARN] = &p
	return &p, nil
}

// Assertion is a signed response in base64, as a browser would post it.
func (p *SAMLProvider) Assertion(a SAMLAssertion) string {
	subject, audience := a.Subject, a.Audience
	if subject == "" {
		subject = a.RoleSessionName
	}
	if audience == "" {
		audience = samlAudience
	}
	var b strings.Builder
	b.WriteString(`<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">`)
	b.WriteString(`<saml:Assertion ID="_` + canary + newRequestID() + `" IssueInstant="` + a.Issued.UTC().Format(time.RFC3339) + `">`)
	b.WriteString(`<saml:Issuer>https://idp.example.com/` + escape(p.Name) + `</saml:Issuer>`)
	b.WriteString(`<saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">` + escape(subject) + `</saml:NameID></saml:Subject>`)
	b.WriteString(`<saml:Conditions><saml:AudienceRestriction><saml:Audience>` + escape(audience) + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>`)
	b.WriteString(`<saml:AuthnStatement`)
	if !a.NotOnOrAfter.IsZero() {
		b.WriteString(` SessionNotOnOrAfter="` + a.NotOnOrAfter.UTC().Format(time.RFC3339) + `"`)
	}
	b.WriteString(`></saml:AuthnStatement><saml:AttributeStatement>`)
	attr := func(name string, values ...string) {
		if len(values) == 0 || values[0] == "" {
			return
		}
		b.WriteString(`<saml:Attribute Name="` + samlAttributes + name + `">`)
		for _, v := range values {
			b.WriteString(`<saml:AttributeValue>` + escape(v) + `</saml:AttributeValue>`)
		}
		b.WriteString(`</saml:Attribute>`)
	}
	var pairs []string
	for _, r := range a.RoleARNs {
		pairs = append(pairs, r+","+p.ARN)
	}
	attr("Role", pairs...)
	attr("RoleSessionName", a.RoleSessionName)
	attr("SourceIdentity", a.SourceIdentity)
	if a.SessionDuration != 0 {
		attr("SessionDuration", strconv.Itoa(a.SessionDuration))
	}
	b.WriteString(`</saml:AttributeStatement></saml:Assertion></samlp:Response>`)
	text := b.String()
	return base64.StdEncoding.EncodeToString([]byte(text + "<!--" + p.sign(text) + "-->"))
}

func (p *SAMLProvider) sign(text string) string {
	h := hmac.New(sha256.New, []byte(p.Key))
	h.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// samlXML is the part of a response that is looked at.
type samlXML struct {
	XMLName   xml.Name `xml:"Response"`
	Assertion struct {
		IssueInstant time.Time `xml:"IssueInstant,attr"`
		Issuer       string    `xml:"Issuer"`
		NameID       struct {
			Format string `xml:"Format,attr"`
			Text   string `xml:",chardata"`
		} `xml:"Subject>NameID"`
		Audience string `xml:"Conditions>AudienceRestriction>Audience"`
		Authn    struct {
			NotOnOrAfter string `xml:"SessionNotOnOrAfter,attr"`
		} `xml:"AuthnStatement"`
		Attributes []struct {
			Name   string   `xml:"Name,attr"`
			Values []string `xml:"AttributeValue"`
		} `xml:"AttributeStatement>Attribute"`
	}
}

func (s *samlXML) attr(name string) []string {
	for _, a := range s.Assertion.Attributes {
		if a.Name == samlAttributes+name {
			return a.Values
		}
	}
	return nil
}

func (s *samlXML) first(name string) string {
	if v := s.attr(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (e *Emulator) assumeRoleWithSAML(c *call) (*result, *apiError) {
	refusal := denied("Not authorized to perform sts:AssumeRoleWithSAML")
	badToken := func(m string) *apiError { return refuse(400, "InvalidIdentityToken", "%s", m) }
	target := c.form.Get("RoleArn")
	if !isRoleARN(target) {
		return nil, invalid("Request ARN is invalid")
	}
	raw, err := base64.StdEncoding.DecodeString(c.form.Get("SAMLAssertion"))
	if err != nil {
		return nil, badToken("Invalid base64 SAMLResponse")
	}
	p := e.saml[c.form.Get("PrincipalArn")]
	if p == nil {
		return nil, badToken("Specified provider doesn't exist")
	}
	text, signature, ok := bytes.Cut(raw, []byte("<!--"))
	if want := p.sign(string(text)) + "-->"; !ok || !hmac.Equal(signature, []byte(want)) {
		return nil, badToken("Response signature invalid")
	}
	var s samlXML
	if err := xml.Unmarshal(text, &s); err != nil {
		return nil, badToken("SAMLResponse is not well-formed")
	}
	as := &s.Assertion
	if c.now.After(as.IssueInstant.Add(samlRedeem)) {
		return nil, refuse(400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance")
	}
	if as.IssueInstant.After(c.now.Add(maxSkew)) {
		return nil, badToken("Token is not yet valid")
	}
	if as.Audience != samlAudience {
		return nil, badToken("Audience is invalid")
	}
	name := s.first("RoleSessionName")
	if name == "" {
		return nil, refuse(403, "IDPRejectedClaim", "RoleSessionName is required in AuthnResponse")
	}
	var v violations
	roleSessionName.shape.check(name, "roleSessionName", &v)
	if apiErr := v.err(); apiErr != nil {
		return nil, apiErr
	}
	r := e.roles[target]
	if r == nil || strings.HasPrefix(r.Name, "AWSReservedSSO_") || !slices.Contains(s.attr("Role"), target+","+p.ARN) ||
		!slices.Contains(r.Trusted, p.ARN) || !anyMatch(r.TrustedActions, "sts:AssumeRoleWithSAML", true) {
		return nil, refusal
	}
	// The shortest of DurationSeconds, the assertion's SessionDuration and
	// SessionNotOnOrAfter wins.
	life := duration(c, 3600)
	if n, err := strconv.Atoi(s.first("SessionDuration")); err == nil {
		if asked := time.Duration(n) * time.Second; c.form.Get("DurationSeconds") == "" || asked < life {
			life = asked
		}
	}
	if as.Authn.NotOnOrAfter != "" {
		end, err := time.Parse(time.RFC3339, as.Authn.NotOnOrAfter)
		if err != nil {
			return nil, badToken("SessionNotOnOrAfter is not a time")
		}
		if !c.now.Before(end) {
			return nil, refuse(400, "ExpiredTokenException", "Token is expired")
		}
		life = min(life, end.Sub(c.now))
	}
	source := s.first("SourceIdentity")
	if source != "" && !anyMatch(r.TrustedActions, "sts:SetSourceIdentity", true) {
		return nil, refusal
	}
	res, apiErr := e.become(c, &assumption{role: r, name: name, life: life, subject: as.NameID.Text, source: source})
	if apiErr != nil {
		return nil, apiErr
	}
	res.Subject, res.SubjectType = as.NameID.Text, "persistent"
	res.Issuer, res.Audience = as.Issuer, as.Audience
	sum := sha256.Sum256([]byte(as.Issuer + r.Account + "/" + p.Name))
	res.NameQualifier = base64.StdEncoding.EncodeToString(sum[:20])
	return res, nil
}
