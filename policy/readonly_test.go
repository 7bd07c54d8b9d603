package policy_test

import (
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/policy"
)

func TestReadOnly(t *testing.T) {
	p := policy.ReadOnly()
	if p.Len() > policy.MaxLength || len(p.Warnings()) > 0 {
		t.Errorf("%d characters, %v", p.Len(), p.Warnings())
	}
	for _, s := range p.Statements() {
		if s.Effect != "Allow" || len(s.NotAction) > 0 {
			t.Errorf("%+v", s)
		}
		for _, action := range s.Action {
			service, name, _ := strings.Cut(action, ":")
			reads := false
			for _, prefix := range []string{"Describe", "Get", "List", "Query", "Scan", "FilterLogEvents", "BatchGet"} {
				reads = reads || strings.HasPrefix(name, prefix)
			}
			if !reads || service == "secretsmanager" && strings.HasPrefix(name, "Get") || service == "ssm" && strings.HasPrefix(name, "Get") || service == "kms" {
				t.Errorf("%s is allowed", action)
			}
		}
	}
}

func TestAllowNarrowing(t *testing.T) {
	const action = "sts:GetScopedCredentials"
	for document, added := range map[string]bool{
		"": true,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`:                                                  true,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`:                                                    true,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`:                                                     false,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*","s3:*"],"Resource":"*"}]}`:                                        false,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:GetScopedCredentials","Resource":["*"]}]}`:                            false,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"arn:aws:s3:::b"}]}`:                                    true,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`:                                                      true,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}`: true,
	} {
		got, err := policy.AllowNarrowing(document)
		if err != nil || (got != document) != added || added && !strings.Contains(got, action) {
			t.Errorf("%s: %s, %v", document, got, err)
		}
		if again, err := policy.AllowNarrowing(got); err != nil || again != got {
			t.Errorf("%s: again %s, %v", document, again, err)
		}
	}
	if _, err := policy.AllowNarrowing("{"); err == nil {
		t.Error("half a policy is taken")
	}
	long := `{"Version":"2012-10-17","Statement":[{"Sid":"` + strings.Repeat("x", 1900) + `","Effect":"Allow","Action":"s3:*","Resource":"*"}]}`
	if _, err := policy.AllowNarrowing(long); err == nil {
		t.Error("a policy that is too long then is taken")
	}
}
