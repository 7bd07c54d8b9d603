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

	"github.com/sts-helper/sts-helper/internal/request"
)

func jwt(issuer, subject, id string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		enc.EncodeToString([]byte(`{"iss":"`+issuer+`","sub":"`+subject+`","jti":"`+id+`"}`)) + ".CANARY"
}

func assertion(name, session, id string) string {
	return base64.StdEncoding.EncodeToString([]byte(`<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id + `"><a:Subject><a:NameID>` + name +
		`</a:NameID></a:Subject><a:AttributeStatement><a:Attribute Name="other"><a:AttributeValue>` + id +
		`</a:AttributeValue></a:Attribute><a:Attribute Name="` + sessionAttribute + `"><a:AttributeValue>` + session +
		`</a:AttributeValue></a:Attribute></a:AttributeStatement></a:Assertion>`))
}

// Whose document it is makes the key; a new document of the same person does not.
func TestSubjects(t *testing.T) {
	for _, tc := range []struct {
		name          string
		of            func([]byte) string
		mine, renewed string
		others        []string
	}{
		{"web identity", tokenSubject, jwt("i", "alice", "1"), jwt("i", "alice", "2") + "\n", []string{jwt("i", "bob", "1"), jwt("j", "alice", "1"), "opaque", ""}},
		{"SAML", assertionSubject, assertion("alice", "a", "1"), assertion("alice", "a", "2") + "\n", []string{assertion("bob", "a", "1"), assertion("alice", "b", "1"), "opaque", ""}},
		{"opaque", tokenSubject, "opaque", "opaque", []string{"other"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mine := tc.of([]byte(tc.mine))
			if got := tc.of([]byte(tc.renewed)); got != mine {
				t.Errorf("%q and then %q", mine, got)
			}
			for _, other := range tc.others {
				if tc.of([]byte(other)) == mine {
					t.Errorf("%q is taken for the same person's", other)
				}
			}
			if strings.Contains(mine, "CANARY") {
				t.Error("the document's secret is in the key")
			}
		})
	}
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
			mine := KeyOf(tc.req)
			p, err := New(tc.req, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.build(t.Context(), ""); err != nil {
				t.Fatalf("the document that was there: %v", err)
			}
			write(tc.other)
			if KeyOf(tc.req).String() == mine.String() {
				t.Error("two people have one key")
			}
			if _, err := p.build(t.Context(), ""); ClassOf(err) != ClassSource {
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
	done := make(chan error)
	go func() { _, err := readSmall(pipe, 10); done <- err }()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a pipe was read")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for the pipe")
	}
}

func TestPodsHaveKeysOfTheirOwn(t *testing.T) {
	req := &request.Request{Operation: "AssumeRole", Source: request.Source{Kind: request.SourceContainer, Digest: "d"}}
	seen := map[string]string{}
	for _, token := range []string{"", jwt("i", "pod-a", "1"), jwt("i", "pod-b", "1"), "opaque"} {
		t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
		key := KeyOf(req).String()
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one key", token, other)
		}
		seen[key] = token
	}
}
