package source_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
	"github.com/sts-helper/sts-helper/internal/source"
)

func jwt(issuer, subject, id string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		enc.EncodeToString([]byte(`{"iss":"`+issuer+`","sub":"`+subject+`","jti":"`+id+`"}`)) + ".CANARY"
}

func assertion(name, session, id string) string {
	return base64.StdEncoding.EncodeToString([]byte(`<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id + `"><a:Subject><a:NameID>` + name +
		`</a:NameID></a:Subject><a:AttributeStatement><a:Attribute Name="other"><a:AttributeValue>` + id +
		`</a:AttributeValue></a:Attribute><a:Attribute Name="https://aws.amazon.com/SAML/Attributes/RoleSessionName"><a:AttributeValue>` + session +
		`</a:AttributeValue></a:Attribute></a:AttributeStatement></a:Assertion>`))
}

// A document that is replaced by another subject's after the key was made is not sent; one that
// is renewed is.
func TestDocumentReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "document")
	for name, tc := range map[string]struct {
		req                   request.Request
		first, renewed, other string
		read                  func(*request.Request) (string, error)
	}{
		"web identity": {request.Request{WebIdentityTokenFile: file}, jwt("i", "alice", "1"), jwt("i", "alice", "2"), jwt("i", "mallory", "1"), func(r *request.Request) (string, error) {
			return source.WebIdentityToken(t.Context(), r, source.Options{})
		}},
		"SAML": {request.Request{SAMLAssertionFile: file}, assertion("alice", "a", "1"), assertion("alice", "a", "2"), assertion("mallory", "a", "1"), func(r *request.Request) (string, error) {
			return source.SAMLAssertion(t.Context(), r, nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			write := func(s string) {
				if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(tc.first)
			settings.Observe(&tc.req, settings.ProcessEnvironment())
			for _, same := range []string{tc.first, tc.renewed} {
				write(same)
				if got, err := tc.read(&tc.req); err != nil || got != same {
					t.Fatalf("%q, %v", got, err)
				}
			}
			write(tc.other)
			if got, err := tc.read(&tc.req); failure.ClassOf(err) != failure.Source || got != "" || err.(*failure.Error).Final {
				t.Errorf("another subject's document is sent: %v", err)
			}
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
			if _, err := tc.read(&tc.req); failure.ClassOf(err) != failure.Source || !strings.Contains(err.Error(), "no such file") {
				t.Errorf("%v", err)
			}
		})
	}
}
