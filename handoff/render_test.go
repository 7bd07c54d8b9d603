package handoff_test

import (
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

func TestEnv(t *testing.T) {
	b := handoff.Bundle{Region: "eu-central-1", Token: token.Token{Credentials: token.Credentials{
		AccessKeyID: "ASIAY34FZKBOKMUTVV7A", SecretAccessKey: "CANARY/s+k", SessionToken: "CANARY'$(id)`;&*~#!", CanExpire: true,
		Expires: time.Date(2026, 11, 23, 0, 45, 5, 0, time.UTC), AccountID: "609629065308",
	}}}
	want := `AWS_ACCESS_KEY_ID=ASIAY34FZKBOKMUTVV7A
AWS_SECRET_ACCESS_KEY=CANARY/s+k
AWS_SESSION_TOKEN='CANARY'\''$(id)` + "`" + `;&*~#!'
AWS_CREDENTIAL_EXPIRATION=2026-11-23T00:45:05Z
AWS_ACCOUNT_ID=609629065308
AWS_REGION=eu-central-1
AWS_DEFAULT_REGION=eu-central-1
`
	if got := handoff.Env(b); got != want {
		t.Errorf("got %s", got)
	}
	b.Region, b.Token.Credentials.AccountID = "", ""
	if got := handoff.Env(b); strings.Contains(got, "REGION") || strings.Contains(got, "ACCOUNT") {
		t.Errorf("empty variables: %s", got)
	}
}

// A real shell reads back every character that a secret may have.
func TestEnvInAShell(t *testing.T) {
	var all strings.Builder
	for c := byte('!'); c < 0x7f; c++ {
		if c != '"' && c != '\\' {
			all.WriteByte(c)
		}
	}
	if !token.ValidSecret(all.String()) {
		t.Fatal("not every character is one of a secret's")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	b := handoff.Bundle{Token: token.Token{Credentials: token.Credentials{AccessKeyID: "A", SecretAccessKey: "~" + all.String(), SessionToken: all.String()}}}
	cmd := exec.CommandContext(context.Background(), sh)
	cmd.Stdin = strings.NewReader("set -eu\n" + handoff.Env(b) + `printf '%s\n%s' "$AWS_SECRET_ACCESS_KEY" "$AWS_SESSION_TOKEN"` + "\n")
	out, err := cmd.Output()
	if want := "~" + all.String() + "\n" + all.String(); err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestJSON(t *testing.T) {
	b := bundle()
	want := `{"Version":1,"AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARY/secret+key","SessionToken":"CANARY//token==","Expiration":"` +
		b.Token.Credentials.Expires.Format(time.RFC3339) + `","AccountId":"609629065308","Region":"eu-central-1"}`
	got := handoff.JSON(b)
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	// It is a process document to those who read one.
	if again, err := process.Decode(got); err != nil || again != b.Token.Credentials {
		t.Errorf("read back: %v, %v", again, err)
	}
	b.Region, b.Token.Credentials.AccountID, b.Token.Credentials.SessionToken = "", "", "CANARY<&>"
	var members map[string]any
	if err := json.Unmarshal(handoff.JSON(b), &members); err != nil || len(members) != 5 || members["SessionToken"] != "CANARY<&>" {
		t.Errorf("%v, %v", members, err)
	}
}
