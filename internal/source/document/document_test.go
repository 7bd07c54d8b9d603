package document_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/document"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

const (
	key     = "ASIAQNZGKIQY56JQ7WML"
	longKey = "AKIAQNZGKIQY56JQ7WML"
	secret  = "secretCANARY/+abc="
	session = "sessionCANARY//+=="
	end     = "2099-11-22T23:45:05Z"
)

var (
	temporary = token.Credentials{AccessKeyID: key, SecretAccessKey: secret, SessionToken: session, CanExpire: true,
		Expires: time.Date(2099, 11, 22, 23, 45, 5, 0, time.UTC)}
	longTerm = token.Credentials{AccessKeyID: longKey, SecretAccessKey: secret}
)

func TestParse(t *testing.T) {
	endless := temporary
	endless.CanExpire, endless.Expires = false, time.Time{}
	account := temporary
	account.AccountID = "111122223333"
	for name, tt := range map[string]struct {
		in   string
		want token.Credentials
	}{
		"credential_process": {`{"Version":1,"AccessKeyId":"` + key + `","SecretAccessKey":"` + secret + `","SessionToken":"` + session + `","Expiration":"` + end + `"}` + "\n", temporary},
		"IMDS": {`{ "Code" : "Success", "LastUpdated" : "2026-11-28T00:00:00Z", "Type" : "AWS-HMAC", "AccessKeyId" : "` + key +
			`", "SecretAccessKey" : "` + secret + `", "Token" : "` + session + `", "Expiration" : "` + end + `" }`, temporary},
		"container": {`{"RoleArn":"x","AccessKeyId":"` + key + `","SecretAccessKey":"` + secret + `","Token":"` + session + `","Expiration":"` + end + `"}`, temporary},
		"sts": {`{"Credentials":{"AccessKeyId":"` + key + `","SecretAccessKey":"` + secret + `","SessionToken":"` + session +
			`","Expiration":"2099-11-23T00:45:05+01:00"},"AssumedRoleUser":{}}`, temporary},
		"credentials file": {"\ufeff# of me\r\n[default]\r\naws_access_key_id = " + longKey + "\r\naws_secret_access_key=" + secret + "\r\nregion = x\r\n", longTerm},
		"export": {"export AWS_ACCESS_KEY_ID=" + key + "\nexport AWS_SECRET_ACCESS_KEY=\"" + secret + "\"\nexport AWS_SESSION_TOKEN='" + session +
			"';\nexport AWS_CREDENTIAL_EXPIRATION=" + end + "\nexport AWS_ACCOUNT_ID=111122223333", account},
		"env":        {"AWS_ACCESS_KEY_ID=" + key + "\nAWS_SECRET_ACCESS_KEY=" + secret + "\nAWS_SECURITY_TOKEN=" + session + "\nAWS_SESSION_TOKEN=" + session, endless},
		"powershell": {`$Env:AWS_ACCESS_KEY_ID="` + longKey + "\"\n$Env:AWS_SECRET_ACCESS_KEY=\"" + secret + "\"\n$Env:AWS_SESSION_TOKEN=\"\"", longTerm},
		"cmd":        {"set AWS_ACCESS_KEY_ID=" + longKey + "\r\nSET AWS_SECRET_ACCESS_KEY=" + secret, longTerm},
	} {
		if got, err := document.Parse([]byte(tt.in)); err != nil || got != tt.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\n") }
	id, sec := "aws_access_key_id="+longKey, "aws_secret_access_key="+secret
	for name, tt := range map[string]struct{ in, want string }{
		"nothing":          {" \n", "nothing was printed"},
		"a password alone": {"CANARY", "line 1 is not NAME=value"},
		"something else":   {"CANARY=CANARY", "no access key"},
		"a prompt before":  {lines("CANARY Password: ", id, sec), "line 1 is not"},
		"half":             {id, "secret access key is missing"},
		"the other half":   {sec, "access key id is missing"},
		"two sections":     {lines("[a]", id, sec, "[CANARY]", id), "line 4 begins a second section"},
		"two keys":         {lines(id, sec, "aws_access_key_id="+key), "line 3 sets aws_access_key_id"},
		"open quote":       {lines(id, `aws_secret_access_key="`+secret), "line 2 is not"},
		"no session token": {lines("aws_access_key_id="+key, sec), "without its session token"},
		"no key id":        {lines("aws_access_key_id=CANARY!", sec), "not one of AWS"},
		"a secret in two":  {lines(id, "aws_secret_access_key=CANARY CANARY"), "has characters"},
		"a token in two":   {lines(id, sec, "aws_session_token=CANARY\x1b[31m"), "session token has characters"},
		"account":          {lines(id, sec, "aws_account_id=CANARY"), "twelve digits"},
		"expiration":       {lines(id, sec, "aws_credential_expiration=CANARY"), "RFC 3339"},
		"expired":          {lines(id, sec, "aws_credential_expiration=2020-01-01T00:00:00Z"), process.ErrExpired.Error()},
		"half JSON":        {`{"AccessKeyId":"CANARY`, "not whole"},
		"two documents":    {`{"AccessKeyId":"CANARY"}{}`, "not whole"},
		"IMDS says no":     {`{"Code":"CANARY"}`, "Code that is not Success"},
		"wrong type":       {`{"AccessKeyId":["CANARY"]}`, "wrong type"},
		"two tokens":       {`{"AccessKeyId":"` + key + `","SecretAccessKey":"x","Token":"CANARY1","SessionToken":"CANARY2"}`, "Token and SessionToken"},
		"empty JSON":       {`{}`, "no access key"},
		"another version":  {`{"Version":"CANARY"}`, "Version is not the number 1"},
		"huge":             {strings.Repeat("CANARY=x\n", 10_000), "larger than"},
	} {
		got, err := document.Parse([]byte(tt.in))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v", name, got, err)
			continue
		}
		if strings.Contains(err.Error(), "CANARY") || strings.ContainsAny(err.Error(), "\n\x1b") || got != (token.Credentials{}) {
			t.Errorf("%s: repeats its input: %v", name, err)
		}
	}
}

// Whatever is printed, credentials come out whole or not at all, and no error repeats it.
func FuzzParse(f *testing.F) {
	f.Add([]byte("export AWS_ACCESS_KEY_ID=" + key + "\nAWS_SECRET_ACCESS_KEY='" + secret + "'\naws_session_token=\"" + session + "\";"))
	f.Add([]byte(`{"Code":"Success","AccessKeyId":"` + key + `","SecretAccessKey":"` + secret + `","Token":"` + session + `","Expiration":"` + end + `"}`))
	f.Add([]byte(`{"Credentials":{"AccessKeyId":"` + longKey + `","SecretAccessKey":"` + secret + `"}}`))
	f.Add([]byte(`{"Version":1}`))
	f.Add([]byte("[x]\n$Env:a=b\nset c=\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := document.Parse(data)
		if err != nil {
			if c != (token.Credentials{}) {
				t.Fatal("credentials beside an error")
			}
			if len(err.Error()) > 200 || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Fatalf("%q", err)
			}
			return
		}
		if !token.ValidAccessKeyID(c.AccessKeyID) || !token.ValidSecret(c.SecretAccessKey) {
			t.Fatalf("%q gave %v", data, c)
		}
		if _, err := process.Encode(c); err != nil && !errors.Is(err, process.ErrTooLarge) {
			t.Fatalf("%q gave what cannot be handed out: %v", data, err)
		}
	})
}
