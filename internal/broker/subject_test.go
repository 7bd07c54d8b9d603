//go:build unix

package broker

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
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

// A document that is replaced by somebody else's after the key was made is not sent.
func TestDocumentReplaced(t *testing.T) {
	file := filepath.Join(t.TempDir(), "document")
	for name, tc := range map[string]struct {
		req         *request.Request
		mine, other string
	}{
		"web identity": {&request.Request{Operation: "AssumeRoleWithWebIdentity", WebIdentityTokenFile: file}, jwt("i", "alice", "1"), jwt("i", "mallory", "1")},
		"SAML":         {&request.Request{Operation: "AssumeRoleWithSAML", SAMLAssertionFile: file}, assertion("alice", "a", "1"), assertion("mallory", "a", "1")},
	} {
		t.Run(name, func(t *testing.T) {
			write := func(s string) {
				if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write(tc.mine)
			settings.Observe(tc.req, settings.ProcessEnvironment())
			p, err := New(tc.req, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.build(t.Context(), ""); err != nil {
				t.Fatalf("the document that was there: %v", err)
			}
			write(tc.other)
			if _, err := p.build(t.Context(), ""); failure.ClassOf(err) != failure.Source {
				t.Errorf("somebody else's document is sent: %v", err)
			}
		})
	}
}

func TestPipesAreNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	p := &Provider{req: &request.Request{Operation: "AssumeRoleWithWebIdentity", WebIdentityTokenFile: pipe}}
	done := make(chan error)
	go func() { _, err := p.build(t.Context(), ""); done <- err }()
	select {
	case err := <-done:
		if failure.ClassOf(err) != failure.Source || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("the pipe is read: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the pipe")
	}
}
