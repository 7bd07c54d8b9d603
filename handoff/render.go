package handoff

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/display"
)

// Env is the token as the variables that AWS programs read, one NAME=value a line, quoted for
// a POSIX shell. The lines do not export: run them after "set -a", or put them before a command.
func Env(b Bundle) string {
	c := b.Token.Credentials
	var out strings.Builder
	for _, v := range [][2]string{
		{"AWS_ACCESS_KEY_ID", c.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", c.SecretAccessKey},
		{"AWS_SESSION_TOKEN", c.SessionToken},
		{"AWS_CREDENTIAL_EXPIRATION", c.Expires.UTC().Format(time.RFC3339)},
		{"AWS_ACCOUNT_ID", c.AccountID},
		{"AWS_REGION", b.Region},
		{"AWS_DEFAULT_REGION", b.Region},
	} {
		if v[1] != "" {
			out.WriteString(v[0] + "=" + display.PosixWord(v[1]) + "\n")
		}
	}
	return out.String()
}

// JSON is the token as a credential_process document with the region beside it, on one line
// without a line end.
func JSON(b Bundle) []byte {
	c := b.Token.Credentials
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(struct { // strings always encode, into memory
		Version         int
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
		Expiration      string
		AccountID       string `json:"AccountId,omitempty"`
		Region          string `json:",omitempty"`
	}{1, c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expires.UTC().Format(payloadTime), c.AccountID, b.Region})
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
