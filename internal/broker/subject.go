package broker

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/request"
)

// Some requests are made with a document that says whom they speak for, which may be replaced
// by another person's under the same name. What it says is part of the token's key.

const (
	// maxIdentityToken is what STS takes as a web identity token, in bytes.
	maxIdentityToken = 20_000
	// maxAssertion is what STS takes as a SAML assertion, in characters of base64.
	maxAssertion = 100_000
)

// webIdentityFile is whom the token in the file is about, "" where it cannot be read: the
// call to STS will say what is wrong.
func webIdentityFile(path string) string { return fileSubject(path, maxIdentityToken, tokenSubject) }

// assertionFile is whom the SAML assertion in the file is about.
func assertionFile(path string) string { return fileSubject(path, maxAssertion+2, assertionSubject) }

func fileSubject(path string, limit int64, subject func([]byte) string) string {
	if path == "" {
		return ""
	}
	data, err := readSmall(path, limit)
	if err != nil {
		return ""
	}
	return subject(data)
}

// tokenSubject is whom a JSON Web Token (RFC 7519) is about. What is none is its own subject.
func tokenSubject(data []byte) string {
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	parts := strings.Split(strings.TrimSpace(string(data)), ".")
	if len(parts) == 3 {
		payload, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err == nil && json.Unmarshal(payload, &claims) == nil && claims.Subject != "" {
			return list([]string{"iss " + claims.Issuer, "sub " + claims.Subject})
		}
	}
	return digest(data)
}

// sessionAttribute is the attribute by which an assertion names the role session
// (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_saml_assertions.html).
const sessionAttribute = "https://aws.amazon.com/SAML/Attributes/RoleSessionName"

// assertionSubject is whom a SAML assertion is about: its NameID, and the session it names.
// What says neither is its own subject.
func assertionSubject(data []byte) string {
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
	return list(found)
}

// containerSubject is whom the container's credentials endpoint is asked for: endpoint and
// token file have the same names in every pod, what the token says differs.
func containerSubject(s request.Source) string {
	if s.Kind != request.SourceContainer {
		return ""
	}
	if file := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); file != "" {
		return webIdentityFile(file)
	}
	if token := os.Getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN"); token != "" {
		return tokenSubject([]byte(token))
	}
	return ""
}

// sameSubject refuses a document that speaks for somebody else than when the key was made: its
// token would be kept, and served, under the wrong name.
func (p *Provider) sameSubject(file, subject string) error {
	if subject == p.subject {
		return nil
	}
	e := sourceError(nil, "%s now speaks for somebody else than when this began; run it again, or reload the server", display.Quote(file))
	e.final, e.private = false, true
	return e
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// errNotPlain is readSmall's word for a pipe: the file is read more than once, and a pipe may
// never end.
var errNotPlain = errors.New("it is not a plain file")

// readSmall reads a plain file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotPlain
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, err
}
