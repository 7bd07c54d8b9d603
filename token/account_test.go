package token_test

import (
	"testing"

	"github.com/sts-helper/sts-helper/token"
)

func TestAccountFromAccessKeyID(t *testing.T) {
	for id, want := range map[string]string{
		"ASIAY34FZKBOKMUTVV7A": "609629065308",
		"ASIAQNZGKIQY56JQ7WML": "029608264753",
		"AKIAY34FZKBOKMUTVV7A": "609629065308",

		// The older form: its first bit is not set.
		"AKIAIOSFODNN7EXAMPLE": "",
		"ASIAIOSFODNN7EXAMPLE": "",
		"AKIAJ2345672345672AA": "",
		"AKIAP777777777777777": "",

		"AKIAQAAAAAAAAAAAAAAA":  "000000000000", // the lowest that the form can carry
		"ASIAZ777777777777777":  "687194767359",
		"ASIA7777777777777777":  "", // above 999999999999
		"AROAY34FZKBOKMUTVV7A":  "", // a role's id, not a key's
		"asiay34fzkbokmutvv7a":  "",
		"ASIAY34FZKBOKMUTVV7":   "",
		"ASIAY34FZKBOKMUTVV7AA": "",
		"ASIAY34FZKBOKMUTVV71":  "", // 1 is not in the alphabet
		"ASIAY34FZKBOKMUTVV==":  "",
		"ASIA\nY34FZKBOKMUTVV":  "",
		"":                      "",
	} {
		if got := token.AccountFromAccessKeyID(id); got != want {
			t.Errorf("%q: got %q, want %q", id, got, want)
		}
	}
}

func TestAccountFromARN(t *testing.T) {
	for arn, want := range map[string]string{
		"arn:aws:iam::123456789012:role/path/name":           "123456789012",
		"arn:aws-cn:sts::123456789012:federated-user/alice":  "123456789012",
		"arn:aws:sts::123456789012:assumed-role/r/s:with:it": "123456789012",
		"arn:aws:iam::aws:policy/ReadOnlyAccess":             "",
		"arn:aws:s3:::bucket":                                "",
		"arn:aws:iam::12345678901:role/x":                    "",
		"arn:aws:iam::1234567890123:role/x":                  "",
		"arn:aws:iam::12345678901x:role/x":                   "",
		"arn:aws:iam::123456789012":                          "",
		"urn:aws:iam::123456789012:role/x":                   "",
		"":                                                   "",
	} {
		if got := token.AccountFromARN(arn); got != want {
			t.Errorf("%q: got %q, want %q", arn, got, want)
		}
	}
}

func TestValidAccountID(t *testing.T) {
	for s, want := range map[string]bool{"123456789012": true, "000000000000": true, "12345678901": false, "1234567890123": false, "12345678901a": false, "": false, "１２３４": false} {
		if token.ValidAccountID(s) != want {
			t.Errorf("%q: want %v", s, want)
		}
	}
}
