package settings_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sts-helper/sts-helper/internal/request"
	"github.com/sts-helper/sts-helper/internal/settings"
)

func jwt(claims string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"RS256"}`)) + "." + enc([]byte(claims)) + "." + enc([]byte("CANARY"))
}

// The key follows the subject of a web identity token, not its bytes.
func TestKeyOfWebIdentity(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	key := func(content string) string {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		r := request.Request{Operation: "AssumeRoleWithWebIdentity", WebIdentityTokenFile: file}
		settings.Observe(&r, settings.ProcessEnvironment())
		return request.KeyOf(&r).String()
	}
	one := key(jwt(`{"iss":"https://idp","sub":"pod-1","jti":"1"}`))
	if key(jwt(`{"iss":"https://idp","sub":"pod-1","jti":"2"}`)+"\n") != one {
		t.Error("a new token of the same subject is another source")
	}
	for name, content := range map[string]string{
		"another subject": jwt(`{"iss":"https://idp","sub":"pod-2","jti":"1"}`),
		"another issuer":  jwt(`{"iss":"https://other","sub":"pod-1","jti":"1"}`),
		"no subject":      jwt(`{"iss":"https://idp"}`),
		"no JSON":         jwt(`CANARY`),
		"no base64":       "a.!.c",
		"no token":        "opaque CANARY",
		"too much":        string(make([]byte, 30_000)),
	} {
		if key(content) == one {
			t.Errorf("%s: the key of pod-1", name)
		}
	}
}

func TestPodsHaveKeysOfTheirOwn(t *testing.T) {
	req := &request.Request{Operation: "AssumeRole", Source: request.Source{Kind: request.SourceContainer, Digest: "d"}}
	seen := map[string]string{}
	for _, token := range []string{"", jwt(`{"iss":"i","sub":"pod-a"}`), jwt(`{"iss":"i","sub":"pod-b"}`), "opaque"} {
		t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
		settings.Observe(req, settings.ProcessEnvironment())
		key := request.KeyOf(req).String()
		if other, ok := seen[key]; ok {
			t.Errorf("%q and %q have one key", token, other)
		}
		seen[key] = token
	}
}

// What a key depends on is reported, so that a note of the answer can depend on it as well.
func TestObserveReports(t *testing.T) {
	dir := t.TempDir()
	token, assertion := filepath.Join(dir, "token"), filepath.Join(dir, "assertion")
	var read []string
	env := settings.Environment{
		Getenv: func(name string) string {
			return map[string]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/pod"}[name]
		},
		Reading: func(path string) { read = append(read, path) },
	}
	settings.Observe(&request.Request{WebIdentityTokenFile: token, Base: &request.Request{SAMLAssertionFile: assertion, Source: request.Source{Kind: request.SourceContainer}}}, env)
	if want := []string{token, assertion, "/pod"}; !slices.Equal(read, want) {
		t.Errorf("read %q, want %q", read, want)
	}
}
