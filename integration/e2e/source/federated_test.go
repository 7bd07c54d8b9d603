package source_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/integration/harness"
)

// A command or a file that gives a web identity token or a SAML assertion speaks for another subject
// by another value of a variable on its line, or another content of a file.
func TestFederatedSubject(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	idp := w.STS.AddOIDCProvider(harness.Account, "https://idp.example.com", "sts.amazonaws.com")
	saml := w.STS.AddSAMLProvider(harness.Account, "example")
	role := func(name, action, principal string) string {
		return w.STS.AddRole(harness.Account, name, emulator.Trust(principal), emulator.TrustActions(action)).ARN
	}
	web, asserted := role("web", "sts:AssumeRoleWithWebIdentity", idp.ARN), role("saml", "sts:AssumeRoleWithSAML", saml.ARN)
	write := func(kind, file, who string) {
		text := idp.Token(who, "sts.amazonaws.com", time.Now().Add(time.Hour))
		if kind == "saml" {
			text = saml.Assertion(emulator.SAMLAssertion{RoleARNs: []string{asserted}, RoleSessionName: who, Issued: time.Now()})
		}
		harness.Must(t, w.Write(file, text))
	}
	for _, kind := range []string{"web", "saml"} {
		for _, who := range []string{"alice", "bob"} {
			write(kind, kind+"-"+who, who)
		}
		file, command := []string{"--role-arn", web, "--web-identity-token-file"}, []string{"--role-arn", web, "--web-identity-token-command"}
		if kind == "saml" {
			file = []string{"--role-arn", asserted, "--principal-arn", saml.ARN, "--saml-assertion-file"}
			command = []string{"--role-arn", asserted, "--principal-arn", saml.ARN, "--saml-assertion-command"}
		}
		for name, args := range map[string][]string{
			"variable": append(command[:len(command):len(command)], "sh -c 'cat ~/"+kind+"-$WHO'"),
			"content":  append(command[:len(command):len(command)], "sh -c 'cat ~/"+kind+"-now'"),
			"file":     append(file[:len(file):len(file)], w.Dir+"/"+kind+"-now"),
		} {
			calls := w.STS.Count("")
			for _, who := range []string{"alice", "bob", "alice", "alice"} {
				write(kind, kind+"-now", who)
				r := w.run(t, []string{"WHO=" + who}, args...)
				id, _ := w.STS.Lookup(w.Creds(t, r).AccessKeyId)
				if id.Subject != who && !strings.HasSuffix(id.ARN, "/"+who) {
					t.Errorf("%s by %s: %s gets %+v", kind, name, who, id)
				}
			}
			if n := w.STS.Count("") - calls; name == "variable" && n != 2 {
				t.Errorf("%s by %s: %d calls for two users", kind, name, n)
			}
		}
	}
}
