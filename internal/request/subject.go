package request

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Some requests are made with a document that says on whose behalf they are made, and that
// may be replaced by another identity's under the same name. Its subject is part of the key.

const (
	// MaxIdentityToken is what STS takes as a web identity token, in bytes.
	MaxIdentityToken = 20_000
	// MaxAssertion is what STS takes as a SAML assertion, in characters of base64.
	MaxAssertion = 100_000
)

// awsClaims is what claims begin with by which an issuer gives the session tags and a source identity
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp).
const awsClaims = "https://aws.amazon.com/"

// TokenSubject is the subject of a JSON Web Token (RFC 7519), issuer included, and what else the token says of a
// session that it is traded for. Any other text is its own subject, by its SHA-256.
func TokenSubject(data []byte) string {
	var claims map[string]json.RawMessage
	text := func(name string) (s string) {
		_ = json.Unmarshal(claims[name], &s) // "" for what is no string
		return s
	}
	parts := strings.Split(strings.TrimSpace(string(data)), ".")
	if len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(payload, &claims) == nil && text("sub") != "" {
			about := []string{"iss " + text("iss"), "sub " + text("sub")}
			for name, value := range claims {
				if strings.HasPrefix(name, awsClaims) {
					about = append(about, name+" "+string(value))
				}
			}
			return set(about)
		}
	}
	return digest(data)
}

// samlAttributes is what the attributes of an assertion begin with that say something of the role session: its name, and
// where an identity provider gives them its tags and its source identity. They do not say how long it lives
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html).
const samlAttributes = "https://aws.amazon.com/SAML/Attributes/"

// ofSession is an attribute's value as a part of a subject, "" where it is none.
func ofSession(attribute, value string) string {
	switch name, ok := strings.CutPrefix(attribute, samlAttributes); {
	case !ok:
		return ""
	case name == "RoleSessionName":
		return "AttributeValue " + value
	case strings.HasPrefix(name, "PrincipalTag:"), name == "TransitiveTagKeys", name == "SourceIdentity":
		return name + " " + value
	}
	return ""
}

// AssertionSubject is the subject of a SAML assertion in base64: its NameID, and the session
// that it names and describes. A text with neither is its own subject, by its SHA-256.
func AssertionSubject(data []byte) string {
	text, err := base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(data), nil)))
	if err != nil {
		return digest(data)
	}
	var found []string
	var within, attribute string
	for dec := xml.NewDecoder(bytes.NewReader(text)); ; {
		t, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return digest(data)
		}
		switch t := t.(type) {
		case xml.StartElement:
			within = t.Name.Local
			if within != "Attribute" {
				continue
			}
			attribute = ""
			for _, a := range t.Attr {
				if a.Name.Local == "Name" {
					attribute = a.Value
				}
			}
		case xml.EndElement:
			within = ""
		case xml.CharData:
			if within == "NameID" {
				found = append(found, within+" "+string(t))
			} else if about := ofSession(attribute, string(t)); within == "AttributeValue" && about != "" {
				found = append(found, about)
			}
		}
	}
	if len(found) == 0 {
		return digest(data)
	}
	return set(found)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
