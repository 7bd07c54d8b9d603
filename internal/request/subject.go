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

// TokenSubject is the subject of a JSON Web Token (RFC 7519), issuer included. Any other text
// is its own subject, by its SHA-256.
func TokenSubject(data []byte) string {
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	parts := strings.Split(strings.TrimSpace(string(data)), ".")
	if len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(payload, &claims) == nil && claims.Subject != "" {
			return set([]string{"iss " + claims.Issuer, "sub " + claims.Subject})
		}
	}
	return digest(data)
}

// sessionAttribute is the attribute by which an assertion names the role session
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html).
const sessionAttribute = "https://aws.amazon.com/SAML/Attributes/RoleSessionName"

// AssertionSubject is the subject of a SAML assertion in base64: its NameID, and the session
// it names. A text with neither is its own subject, by its SHA-256.
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
			if within == "NameID" || within == "AttributeValue" && attribute == sessionAttribute {
				found = append(found, within+" "+string(t))
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
