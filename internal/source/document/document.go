// Package document reads what a program prints that was told to print credentials: a password
// manager, a vault, another helper.
//
// It takes the document of credential_process, the JSON of IMDS, of the container endpoint and
// of AWS CLI's sts commands, and lines that set names: those of ~/.aws/credentials, or those
// that a shell reads. Errors never repeat what was printed, which may hold a secret, and a value
// that no credential has is refused.
package document

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

// Max bounds what is read, in bytes.
const Max = process.MaxDocument

// formats says what [Parse] takes, for messages and help.
const formats = "lines like aws_access_key_id=..., IMDS JSON, or a credential_process document"

// Parse reads credentials. Long-term keys have no session token. Those that have expired are
// [process.ErrExpired].
func Parse(data []byte) (token.Credentials, error) {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case len(data) > Max:
		return token.Credentials{}, fmt.Errorf("larger than %d bytes", Max)
	case len(data) == 0:
		return token.Credentials{}, errors.New("nothing was printed")
	}
	c, err := parse(data)
	if err == nil {
		err = check(c)
	}
	if err != nil {
		return token.Credentials{}, err
	}
	return c, nil
}

func parse(data []byte) (token.Credentials, error) {
	if data[0] != '{' {
		return parseLines(string(data))
	}
	var doc struct {
		Version     json.RawMessage
		Credentials json.RawMessage // aws sts assume-role and its like
	}
	if json.Unmarshal(data, &doc) != nil {
		return token.Credentials{}, errors.New("JSON that is not whole, or whose members have the wrong type")
	}
	switch {
	case doc.Version != nil:
		return process.Decode(data)
	case doc.Credentials != nil:
		return parseJSON(doc.Credentials)
	}
	return parseJSON(data)
}

// parseJSON reads the members that all of AWS's own JSON for credentials has.
func parseJSON(data []byte) (token.Credentials, error) {
	var doc struct {
		Code            string // of IMDS
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		Token           string // IMDS and containers
		SessionToken    string // sts
		Expiration      string
		AccountID       string `json:"AccountId"`
	}
	if json.Unmarshal(data, &doc) != nil {
		return token.Credentials{}, errors.New("JSON whose members have the wrong type")
	}
	switch {
	case doc.Code != "" && doc.Code != "Success":
		return token.Credentials{}, errors.New("JSON with a Code that is not Success")
	case doc.Token != "" && doc.SessionToken != "" && doc.Token != doc.SessionToken:
		return token.Credentials{}, errors.New("JSON with Token and SessionToken")
	case doc.Token == "":
		doc.Token = doc.SessionToken
	}
	return build(doc.AccessKeyID, doc.SecretAccessKey, doc.Token, doc.Expiration, doc.AccountID)
}

// names are those that lines may set, in the order of build's parameters. Others are left alone.
var names = [][]string{
	{"aws_access_key_id"},
	{"aws_secret_access_key"},
	{"aws_session_token", "aws_security_token"},
	{"aws_credential_expiration", "aws_session_expiration", "expiration"},
	{"aws_account_id"},
}

// parseLines reads lines that set names, of one section of an INI file or of a shell.
func parseLines(text string) (token.Credentials, error) {
	var values [5]string
	sections := 0
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' && line[len(line)-1] == ']' {
			if sections++; sections > 1 {
				return token.Credentials{}, fmt.Errorf("line %d begins a second section", number)
			}
			continue
		}
		name, value, ok := assignment(line)
		if !ok {
			return token.Credentials{}, fmt.Errorf("line %d is not NAME=value", number)
		}
		i := slices.IndexFunc(names, func(n []string) bool { return slices.Contains(n, strings.ToLower(name)) })
		switch {
		case i < 0 || value == "":
			continue
		case values[i] != "" && values[i] != value:
			return token.Credentials{}, fmt.Errorf("line %d sets %s to something else than a line before", number, names[i][0])
		}
		values[i] = value
	}
	return build(values[0], values[1], values[2], values[3], values[4])
}

// assignment splits a line at its first equals sign, without the words by which shells export,
// and without the quotes around the value.
func assignment(line string) (name, value string, ok bool) {
	name, value, ok = strings.Cut(line, "=")
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	if word, rest, two := strings.Cut(name, " "); two && (word == "export" || strings.EqualFold(word, "set")) {
		name = strings.TrimSpace(rest)
	}
	if len(name) > 5 && strings.EqualFold(name[:5], "$env:") {
		name = name[5:]
	}
	if !ok || name == "" || strings.ContainsAny(name, " \t\"'$`") {
		return "", "", false
	}
	value = strings.TrimSpace(strings.TrimSuffix(value, ";"))
	if value == "" {
		return name, "", true
	}
	if q := value[0]; q == '"' || q == '\'' {
		if len(value) < 2 || value[len(value)-1] != q {
			return "", "", false
		}
		value = value[1 : len(value)-1]
	}
	return name, value, true
}

func build(id, secret, session, expiration, account string) (token.Credentials, error) {
	c := token.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: session, AccountID: account}
	if expiration == "" {
		return c, nil
	}
	at, ok := process.ParseExpiration(expiration)
	if !ok {
		return c, errors.New("the expiration is not an RFC 3339 time")
	}
	c.CanExpire, c.Expires = true, at.UTC().Truncate(time.Second)
	return c, nil
}

// check refuses what no credentials look like.
func check(c token.Credentials) error {
	switch {
	case c.AccessKeyID == "" && c.SecretAccessKey == "":
		return errors.New("no access key: it must be " + formats)
	case c.AccessKeyID == "":
		return errors.New("the access key id is missing")
	case c.SecretAccessKey == "":
		return errors.New("the secret access key is missing")
	case !token.ValidAccessKeyID(c.AccessKeyID):
		return errors.New("the access key id is not one of AWS")
	case !token.ValidSecret(c.SecretAccessKey):
		return errors.New("the secret access key has characters that none has")
	case c.SessionToken != "" && !token.ValidSecret(c.SessionToken):
		return errors.New("the session token has characters that none has")
	case c.SessionToken == "" && c.Temporary():
		return errors.New("a temporary access key without its session token")
	case c.AccountID != "" && !token.ValidAccountID(c.AccountID):
		return errors.New("the account id is not twelve digits")
	case c.Expired(time.Now()):
		return process.ErrExpired
	}
	return nil
}
