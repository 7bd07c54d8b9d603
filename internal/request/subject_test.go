package request

import (
	"encoding/base64"
	"strings"
	"testing"
)

func jwt(issuer, subject, id string, claims ...string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." +
		enc.EncodeToString([]byte(`{"iss":"`+issuer+`","sub":"`+subject+`","jti":"`+id+`"`+strings.Join(append([]string{""}, claims...), ",")+`}`)) + ".CANARY"
}

func tags(team string) string {
	return `"https://aws.amazon.com/tags":{"principal_tags":{"Team":["` + team + `"]},"transitive_tag_keys":["Team"]}`
}

func sourceIdentity(who string) string {
	return `"https://aws.amazon.com/source_identity":"` + who + `"`
}

// assertion is one whose subject has further attributes, each a name and its value.
func assertion(name, session, id string, attributes ...string) string {
	more := ""
	for i := 0; i < len(attributes); i += 2 {
		more += `<a:Attribute Name="` + samlAttributes + attributes[i] + `"><a:AttributeValue>` + attributes[i+1] + `</a:AttributeValue></a:Attribute>`
	}
	return base64.StdEncoding.EncodeToString([]byte(`<a:Assertion xmlns:a="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + id + `"><a:Subject><a:NameID>` + name +
		`</a:NameID></a:Subject><a:AttributeStatement><a:Attribute Name="other"><a:AttributeValue>` + id +
		`</a:AttributeValue></a:Attribute><a:Attribute Name="` + samlAttributes + `RoleSessionName"><a:AttributeValue>` + session +
		`</a:AttributeValue></a:Attribute>` + more + `</a:AttributeStatement></a:Assertion>`))
}

// The subject of a document is part of the key; another document of the same subject is not.
func TestSubjects(t *testing.T) {
	for _, tc := range []struct {
		name          string
		of            func([]byte) string
		mine, renewed string
		others        []string
	}{
		{"web identity", TokenSubject, jwt("i", "alice", "1"), jwt("i", "alice", "2") + "\n", []string{jwt("i", "bob", "1"), jwt("j", "alice", "1"), "opaque", ""}},
		{"SAML", AssertionSubject, assertion("alice", "a", "1"), assertion("alice", "a", "2") + "\n", []string{assertion("bob", "a", "1"), assertion("alice", "b", "1"), "opaque", ""}},
		{"opaque", TokenSubject, "opaque", "opaque", []string{"other"}},
		{"web identity with tags", TokenSubject, jwt("i", "alice", "1", tags("ops"), sourceIdentity("al")), jwt("i", "alice", "2", sourceIdentity("al"), tags("ops")), []string{
			jwt("i", "alice", "1", tags("dev"), sourceIdentity("al")), jwt("i", "alice", "1", tags("ops"), sourceIdentity("bo")), jwt("i", "alice", "1", tags("ops")), jwt("i", "alice", "1")}},
		{"SAML with tags", AssertionSubject, assertion("alice", "a", "1", "PrincipalTag:Team", "ops", "SourceIdentity", "al", "SessionDuration", "900"),
			assertion("alice", "a", "2", "SourceIdentity", "al", "PrincipalTag:Team", "ops", "SessionDuration", "3600"), []string{
				assertion("alice", "a", "1", "PrincipalTag:Team", "dev", "SourceIdentity", "al"), assertion("alice", "a", "1", "PrincipalTag:Tea", "ops", "SourceIdentity", "al"),
				assertion("alice", "a", "1", "PrincipalTag:Team", "ops", "SourceIdentity", "bo"), assertion("alice", "a", "1", "PrincipalTag:Team", "ops"),
				assertion("alice", "a", "1", "PrincipalTag:Team", "ops", "SourceIdentity", "al", "TransitiveTagKeys", "Team"), assertion("alice", "a", "1")}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			mine := tc.of([]byte(tc.mine))
			if got := tc.of([]byte(tc.renewed)); got != mine {
				t.Errorf("%q and then %q", mine, got)
			}
			for _, other := range tc.others {
				if tc.of([]byte(other)) == mine {
					t.Errorf("%q is taken for the same subject's", other)
				}
			}
			if strings.Contains(mine, "CANARY") {
				t.Error("the document's secret is in the key")
			}
		})
	}
}
