package token_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

const (
	keys  = `"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARYsecret"`
	until = `"Expiration":"2026-11-23T12:45:05Z"`
	creds = `"Credentials":{` + keys + `,"SessionToken":"CANARYtoken",` + until + `}`
	user  = `"FederatedUser":{"FederatedUserId":"609629065308:alice","Arn":"arn:aws:sts::609629065308:federated-user/alice"}`
	role  = `"AssumedRoleUser":{"AssumedRoleId":"AROAEXAMPLE:s","Arn":"arn:aws:sts::609629065308:assumed-role/r/s"}`
)

// wanted is what every spelling of the same token gives, before change.
func wanted(change func(*token.Token)) token.Token {
	var t token.Token
	t.Operation = token.GetSessionToken
	t.Credentials.AccessKeyID, t.Credentials.SecretAccessKey, t.Credentials.SessionToken = "ASIAY34FZKBOKMUTVV7A", "CANARYsecret", "CANARYtoken"
	t.Credentials.CanExpire, t.Credentials.Expires = true, ends
	if change != nil {
		change(&t)
	}
	return t
}

func TestParse(t *testing.T) {
	size := int32(6)
	alice := &token.Principal{ID: "609629065308:alice", ARN: "arn:aws:sts::609629065308:federated-user/alice"}
	session := &token.Principal{ID: "AROAEXAMPLE:s", ARN: "arn:aws:sts::609629065308:assumed-role/r/s"}
	account := func(t *token.Token) { t.Credentials.AccountID = "609629065308" }
	for _, tt := range []struct {
		name, in string
		change   func(*token.Token)
	}{
		{"process", `{"Version":1,` + keys + `,"SessionToken":"CANARYtoken",` + until + `,"AccountId":"609629065308"}`, account},
		{"process without account", `{"Version":1,` + keys + `,"SessionToken":"CANARYtoken",` + until + `}`, nil},
		{"white space", "\r\n{ \"Version\" : 1 ,\n\t" + keys + " , \"SessionToken\" : \"CANARYtoken\" , " + until + " , \"AccountId\" : null }\n\n", nil},
		{"session answer", `{` + creds + `}`, nil},
		{"federation answer", `{` + creds + `,` + user + `,"PackedPolicySize":6}`, func(t *token.Token) {
			account(t)
			t.Operation, t.FederatedUser, t.PackedPolicySize = token.GetFederationToken, alice, &size
		}},
		{"role answer", `{` + creds + `,` + role + `,"SourceIdentity":"bob"}`, func(t *token.Token) {
			account(t)
			t.Operation, t.AssumedRole, t.SourceIdentity = token.AssumeRole, session, "bob"
		}},
		{"web identity answer", `{` + creds + `,` + role + `,"SubjectFromWebIdentityToken":"sub","Audience":"aud","Provider":"arn:p"}`, func(t *token.Token) {
			account(t)
			t.Operation, t.AssumedRole, t.Subject, t.Audience, t.Provider = token.AssumeRoleWithWebIdentity, session, "sub", "aud", "arn:p"
		}},
		{"SAML answer", `{` + creds + `,` + role + `,"Subject":"sub","SubjectType":"persistent","Audience":"aud","Issuer":"x","NameQualifier":"y"}`, func(t *token.Token) {
			account(t)
			t.Operation, t.AssumedRole, t.Subject, t.Audience = token.AssumeRoleWithSAML, session, "sub", "aud"
		}},
		{"metadata", `{"Code":"Success","LastUpdated":"2026-11-23T00:45:05Z","Type":"AWS-HMAC",` + keys + `,"Token":"CANARYtoken",` + until + `}`, func(t *token.Token) { t.Issued = issued }},
		{"metadata written after its end", `{"Code":"Success","LastUpdated":"2026-11-23T12:45:05Z",` + keys + `,"Token":"CANARYtoken",` + until + `}`, nil},
		{"metadata with an account", `{"Code":"Success",` + keys + `,"Token":"CANARYtoken",` + until + `,"AccountId":"609629065308"}`, account},
		{"container", `{"RoleArn":"arn:aws:iam::609629065308:role/r",` + keys + `,"Token":"CANARYtoken",` + until + `}`, func(t *token.Token) { account(t); t.Operation = token.AssumeRole }},
		{"container without role", `{` + keys + `,"Token":"CANARYtoken",` + until + `,"AccountId":"609629065308","RoleArn":""}`, account},
		{"both spellings of the token, the same", `{"Version":1,` + keys + `,"SessionToken":"CANARYtoken","Token":"CANARYtoken",` + until + `}`, nil},
		{"account inside and outside, the same", `{"AccountId":"609629065308","Credentials":{` + keys + `,"SessionToken":"CANARYtoken",` + until + `,"AccountId":"609629065308"}}`, account},
		{"members it does not know", `{"x":{"y":[1]},` + creds + `,"ResponseMetadata":{}}`, nil},
		{"escapes", `{"Version":1,"AccessKeyId":"\u0041SIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARYsecret","SessionToken":"CANARY\u0074oken",` + until + `}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := token.Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if want := wanted(tt.change); !reflect.DeepEqual(got, want) {
				t.Errorf("got %#v\nwant %#v", expand(got), expand(want))
			}
		})
	}
}

// expand shows what a token hides; the secrets here are the test's own.
func expand(t token.Token) string {
	return fmt.Sprintf("%s %+v %v %v %v %v %q", t.Operation, t.Credentials, t.Issued, t.PackedPolicySize, t.FederatedUser, t.AssumedRole,
		[]string{t.Subject, t.Audience, t.Provider, t.SourceIdentity})
}

func TestParseExpiration(t *testing.T) {
	for in, want := range map[string]string{
		"2026-11-23T12:45:05Z":             "2026-11-23T12:45:05Z",
		"2026-11-23T12:45:05.999999999Z":   "2026-11-23T12:45:05Z",
		"2026-11-23T12:45:05.000Z":         "2026-11-23T12:45:05Z",
		"2026-11-23T12:45:05+00:00":        "2026-11-23T12:45:05Z",
		"2026-11-23T12:45:05.5-05:30":      "2026-11-23T18:15:05Z",
		"2026-11-24T00:00:00.1+14:00":      "2026-11-23T10:00:00Z",
		"9999-12-31T23:59:59Z":             "9999-12-31T23:59:59Z",
		"2000-01-01T00:00:00Z":             "2000-01-01T00:00:00Z",
		"9999-12-31T23:59:59-01:00":        "",
		"1999-12-31T23:59:59Z":             "",
		"0000-01-01T00:00:00Z":             "",
		"2026-11-23T12:45:05":              "",
		"2026-11-23T12:45:05+0000":         "",
		"2026-11-23 12:45:05Z":             "",
		"2026-11-23T12:45Z":                "",
		"2026-11-23T12:45:05,5Z":           "",
		"2026-11-23T1:45:05Z":              "",
		"2026-02-30T12:45:05Z":             "",
		"soon CANARY":                      "",
		" 2026-11-23T12:45:05Z":            "",
		"1795437905":                       "",
		"2026-11-23T12:45:05Z\\u0000":      "",
		"2026-11-23T12:45:05.1\\ud800234Z": "",
	} {
		got, err := token.Parse([]byte(`{"Version":1,` + keys + `,"SessionToken":"CANARYtoken","Expiration":"` + in + `"}`))
		if want == "" {
			if !errors.Is(err, token.ErrMalformed) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%s: got %v, %v", in, got, err)
			}
			continue
		}
		e := got.Credentials.Expires
		if err != nil || e.Format(time.RFC3339Nano) != want || e.Location() != time.UTC {
			t.Errorf("%s: got %v, %v, want %s", in, e, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	whole := keys + `,"SessionToken":"CANARYtoken",` + until
	long := func(n int) string {
		s := `{"Version":1,` + whole + `,"x":""}`
		return strings.Replace(s, `"x":""`, `"x":"`+strings.Repeat("y", n-len(s))+`"`, 1)
	}
	if _, err := token.Parse([]byte(long(64 << 10))); err != nil {
		t.Errorf("64 KiB: %v", err)
	}
	for _, tt := range []struct {
		name, in, want string
		is             error
	}{
		{"nothing", "", "not one JSON object", token.ErrMalformed},
		{"64 KiB and one", long(64<<10 + 1), "are more than", token.ErrMalformed},
		{"not JSON", "CANARY", "not one JSON object", token.ErrMalformed},
		{"array", "[]", "not one JSON object", token.ErrMalformed},
		{"null", "null", "not one JSON object", token.ErrMalformed},
		{"cut short", `{"Version":1,"SecretAccessKey":"CANARY`, "not one JSON object", token.ErrMalformed},
		{"cut at the end", `{"Version":1,` + whole, "not one JSON object", token.ErrMalformed},
		{"unquoted secret", `{"SecretAccessKey":CANARY}`, "not one JSON object", token.ErrMalformed},
		{"not UTF-8", "{\"Version\":1,\"x\":\"\xff\"," + whole + "}", "not UTF-8", token.ErrMalformed},
		{"byte order mark", "\xef\xbb\xbf{" + whole + "}", "not one JSON object", token.ErrMalformed},
		{"trailing text", `{"Version":1,` + whole + `} CANARY`, "something follows", token.ErrMalformed},
		{"two documents", `{` + whole + `}{` + whole + `}`, "something follows", token.ErrMalformed},
		{"trailing bracket", `{` + whole + `}]`, "something follows", token.ErrMalformed},
		{"member twice", `{"SecretAccessKey":"CANARY2",` + whole + `}`, "stands in it twice", token.ErrMalformed},
		{"member twice inside", `{"Credentials":{"SessionToken":"CANARY2",` + whole + `}}`, "Credentials: a member stands in it twice", token.ErrMalformed},
		{"version 2", `{"Version":2,` + whole + `}`, "Version is not the number 1", token.ErrMalformed},
		{"version as text", `{"Version":"1",` + whole + `}`, "Version is not the number 1", token.ErrMalformed},
		{"version 1.0", `{"Version":1.0,` + whole + `}`, "Version is not the number 1", token.ErrMalformed},
		{"metadata that failed", `{"Code":"AssumeRoleUnauthorizedAccess CANARY"}`, "its Code is not Success", token.ErrMalformed},
		{"two tokens", `{` + keys + `,"SessionToken":"CANARY1","Token":"CANARY2",` + until + `}`, "SessionToken and Token say different things", token.ErrMalformed},
		{"keys inside and outside", `{` + creds + `,"SecretAccessKey":"CANARYsecret"}`, "SecretAccessKey stands beside Credentials", token.ErrMalformed},
		{"end inside and outside", `{` + creds + `,` + until + `}`, "Expiration stands beside Credentials", token.ErrMalformed},
		{"credentials of the wrong type", `{"Credentials":"CANARY"}`, "Credentials: it is not one JSON object", token.ErrMalformed},
		{"user and role", `{` + creds + `,` + user + `,` + role + `}`, "a federated user and a role", token.ErrMalformed},
		{"user and role ARN", `{` + creds + `,` + user + `,"RoleArn":"arn:aws:iam::609629065308:role/r"}`, "a federated user and a role", token.ErrMalformed},
		{"two accounts", `{"AccountId":"123456789012",` + creds + `,` + user + `}`, "the user's ARN say different things", token.ErrMalformed},
		{"two accounts in a role", `{"AccountId":"123456789012",` + whole + `,"RoleArn":"arn:aws:iam::609629065308:role/r"}`, "AccountId and RoleArn say different things", token.ErrMalformed},
		{"two accounts inside and outside", `{"AccountId":"123456789012","Credentials":{` + whole + `,"AccountId":"609629065308"}}`, "AccountId and Credentials.AccountId", token.ErrMalformed},
		{"account as a number", `{"Version":1,"AccountId":123456789012,` + whole + `}`, "AccountId is not a string", token.ErrMalformed},
		{"short account", `{"Version":1,"AccountId":"12345678901",` + whole + `}`, "AccountId is not twelve digits", token.ErrMalformed},
		{"role ARN that is none", `{"RoleArn":"CANARY",` + whole + `}`, "RoleArn is not the ARN of a role", token.ErrMalformed},
		{"user without id", `{` + creds + `,"FederatedUser":{"Arn":"arn:aws:sts::609629065308:federated-user/alice"}}`, "FederatedUser.FederatedUserId is missing", token.ErrMalformed},
		{"user without ARN", `{` + creds + `,"FederatedUser":{"FederatedUserId":"609629065308:alice"}}`, "FederatedUser.Arn is missing", token.ErrMalformed},
		{"role with an odd id", `{` + creds + `,"AssumedRoleUser":{"AssumedRoleId":"a\u001b[m","Arn":"arn:aws:sts::609629065308:assumed-role/r/s"}}`, "AssumedRoleUser.AssumedRoleId is missing or malformed", token.ErrMalformed},
		{"role with an odd ARN", `{` + creds + `,"AssumedRoleUser":{"AssumedRoleId":"AROA:s","Arn":"arn:aws:sts::609629065308:assumed-role/r/\n"}}`, "AssumedRoleUser.Arn is missing or malformed", token.ErrMalformed},
		{"negative percentage", `{` + creds + `,` + user + `,"PackedPolicySize":-1}`, "PackedPolicySize", token.ErrMalformed},
		{"percentage as text", `{` + creds + `,` + user + `,"PackedPolicySize":"6"}`, "PackedPolicySize", token.ErrMalformed},
		{"percentage too large", `{` + creds + `,` + user + `,"PackedPolicySize":2147483648}`, "PackedPolicySize", token.ErrMalformed},
		{"secret as a number", `{"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":1}`, "SecretAccessKey is not a string", token.ErrMalformed},
		{"half a surrogate pair", `{` + keys + `,"Token":"CANARY\ud800",` + until + `}`, "Token has an escape that is no character", token.ErrMalformed},

		{"empty object", `{}`, "access key id is missing", token.ErrIncomplete},
		{"other letter case", `{"accesskeyid":"ASIAY34FZKBOKMUTVV7A","secretaccesskey":"CANARY","sessiontoken":"CANARY","expiration":"2026-11-23T12:45:05Z"}`, "access key id is missing", token.ErrIncomplete},
		{"long-term keys", `{"Version":1,` + keys + `}`, "session token is missing", token.ErrIncomplete},
		{"no end", `{"Version":1,` + keys + `,"SessionToken":"CANARYtoken"}`, "when it ends", token.ErrIncomplete},
		{"empty end", `{"Version":1,` + keys + `,"SessionToken":"CANARYtoken","Expiration":""}`, "when it ends", token.ErrIncomplete},
		{"no secret", `{"Version":1,"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SessionToken":"CANARYtoken",` + until + `}`, "secret access key is missing", token.ErrIncomplete},
		{"secret with a line end", `{"Version":1,"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARY\n","SessionToken":"CANARYtoken",` + until + `}`, "secret access key is missing or malformed", token.ErrIncomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := token.Parse([]byte(tt.in))
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "CANARY") || strings.ContainsAny(err.Error(), "\n\x1b") || len(err.Error()) > 200 {
				t.Errorf("error %q", err)
			}
			if !reflect.DeepEqual(got, token.Token{}) {
				t.Errorf("an error and a token: %v", got)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"Version":1,` + keys + `,"SessionToken":"CANARYtoken",` + until + `,"AccountId":"609629065308"}`,
		`{` + creds + `,` + user + `,"PackedPolicySize":6}`,
		`{` + creds + `,` + role + `,"SubjectFromWebIdentityToken":"sub","Audience":"aud"}`,
		`{"Code":"Success","LastUpdated":"2026-11-23T00:45:05.5+01:00",` + keys + `,"Token":"CANARYtoken",` + until + `}`,
		`{"RoleArn":"arn:aws:iam::609629065308:role/r",` + keys + `,"Token":"CANARYtoken",` + until + `}`,
		`{"SecretAccessKey":CANARY}`, `{"a":1,"a":CANARY`, "", "null", `{"Credentials":{"Credentials":{}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := token.Parse(in)
		if err != nil {
			if !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrIncomplete) {
				t.Errorf("error of no kind: %v", err)
			}
			if strings.Contains(err.Error(), "CANARY") {
				t.Errorf("error shows a secret: %v", err)
			}
			if !reflect.DeepEqual(got, token.Token{}) {
				t.Errorf("an error and a token: %v", got)
			}
			return
		}
		c := got.Credentials
		if err := got.Validate(); err != nil {
			t.Errorf("parsed and not valid: %v", err)
		}
		if c.Expires.Location() != time.UTC || c.Expires.Nanosecond() != 0 || got.Issued.After(c.Expires) {
			t.Errorf("times %v, %v", got.Issued, c.Expires)
		}
		if c.AccountID != "" && !token.ValidAccountID(c.AccountID) {
			t.Errorf("account %q", c.AccountID)
		}
		// The same token in the plainest spelling is the same credentials.
		again, err := token.Parse(fmt.Appendf(nil, `{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%q,"AccountId":%q}`,
			c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.Format(time.RFC3339), c.AccountID))
		if err != nil || again.Credentials != c {
			t.Errorf("second reading: %v", err)
		}
	})
}

func ExampleParse() {
	t, err := token.Parse([]byte(`{
	  "Credentials": {
	    "AccessKeyId": "ASIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
	    "SessionToken": "AQoDYXdzEPT4EXAMPLE", "Expiration": "2026-11-23T12:45:05.999Z"
	  },
	  "FederatedUser": {"FederatedUserId": "123456789012:alice", "Arn": "arn:aws:sts::123456789012:federated-user/alice"},
	  "PackedPolicySize": 6
	}`))
	fmt.Println(t, err)
	fmt.Println(t.Credentials.AccountID, *t.PackedPolicySize)
	// Output:
	// GetFederationToken ASIAIOSFODNN7EXAMPLE arn:aws:sts::123456789012:federated-user/alice until 2026-11-23T12:45:05Z <nil>
	// 123456789012 6
}
