package token_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

var (
	issued = time.Date(2026, 11, 23, 0, 45, 5, 0, time.UTC)
	ends   = issued.Add(12 * time.Hour)
)

// sample is a whole token whose secrets carry the marker.
func sample() token.Token {
	size := int32(7)
	return token.Token{
		Operation: token.GetFederationToken,
		Issued:    issued,
		Credentials: token.Credentials{
			AccessKeyID: "ASIAY34FZKBOKMUTVV7A", SecretAccessKey: "CANARY/secret+key", SessionToken: "CANARY/session//token==",
			CanExpire: true, Expires: ends, AccountID: "609629065308",
		},
		PackedPolicySize: &size,
		FederatedUser:    &token.Principal{ID: "609629065308:alice", ARN: "arn:aws:sts::609629065308:federated-user/alice"},
		Subject:          "CANARY-subject", SourceIdentity: "CANARY-source",
	}
}

const shown = "GetFederationToken ASIAY34FZKBOKMUTVV7A arn:aws:sts::609629065308:federated-user/alice until 2026-11-23T12:45:05Z"

func TestRedaction(t *testing.T) {
	tok := sample()
	// Not %p, and not %w: for those fmt never asks the value how it wants to be shown, and
	// go vet refuses them here.
	for _, verb := range "vsqdxXTbcoOUeEfFgGt" {
		for _, flags := range []string{"", "+", "#", "-", " ", "0", "20", ".3"} {
			format := "%" + flags + string(verb)
			for _, v := range []any{tok, []token.Token{tok}, struct{ T token.Token }{tok}, map[string]token.Token{"k": tok}, [1]any{tok}, tok.Credentials, []any{&tok.Credentials}} {
				if out := fmt.Sprintf(format, v); strings.Contains(out, "CANARY") || strings.Contains(out, fmt.Sprintf("%x", "CANARY")) {
					t.Errorf("%s of %T shows %s", format, v, out)
				}
			}
			if out := fmt.Sprintf(format, &tok); strings.Contains(out, "CANARY") {
				t.Errorf("%s of a pointer shows %s", format, out)
			}
		}
	}
	for _, got := range []string{tok.String(), fmt.Sprint(tok), fmt.Sprintf("%#v", tok), fmt.Sprintf("%v", &tok), fmt.Sprintf("%x", tok)} {
		if got != shown {
			t.Errorf("got %q, want %q", got, shown)
		}
	}
	for _, c := range []any{tok.Credentials, &tok.Credentials} {
		if got := fmt.Sprintf("%+v", c); got != "ASIAY34FZKBOKMUTVV7A until 2026-11-23T12:45:05Z" {
			t.Errorf("credentials are %q", got)
		}
	}
	if got := fmt.Sprint(token.Credentials{AccessKeyID: "AKIAY34FZKBOKMUTVV7A", SecretAccessKey: "CANARY"}); got != "AKIAY34FZKBOKMUTVV7A" {
		t.Errorf("long-term keys are %q", got)
	}
	if got := fmt.Sprint(token.Token{Operation: token.GetSessionToken}); got != "GetSessionToken " {
		t.Errorf("an empty token is %q", got)
	}
}

func TestRedactionInLogs(t *testing.T) {
	tok := sample()
	var text, js bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&js, nil)} {
		log := slog.New(h)
		log.Info("bare", "token", tok)
		log.Info("pointer", "token", &tok)
		log.Info("inside", "token", struct{ T token.Token }{tok}, "list", []token.Token{tok}, "map", map[string]*token.Token{"a": &tok})
		log.Info("group", slog.Group("g", "token", tok))
		log.Info("credentials", "bare", tok.Credentials, "inside", []token.Credentials{tok.Credentials})
	}
	for name, out := range map[string]string{"text": text.String(), "json": js.String()} {
		if strings.Contains(out, "CANARY") {
			t.Errorf("%s log shows %s", name, out)
		}
		if strings.Count(out, shown) < 3 {
			t.Errorf("%s log does not show the token itself: %s", name, out)
		}
	}
	for _, v := range []any{tok, tok.Credentials} {
		if out, err := json.Marshal(v); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%T marshals to %s, %v", v, out, err)
		}
	}
}

func TestValidate(t *testing.T) {
	secret := func(n int) string { return strings.Repeat("s", n) }
	for _, tt := range []struct {
		name   string
		change func(*token.Token)
		want   string // "" is valid
	}{
		{"whole", func(*token.Token) {}, ""},
		{"no operation", func(t *token.Token) { t.Operation = "" }, "unknown operation"},
		{"unknown operation", func(t *token.Token) { t.Operation = "getsessiontoken" }, "unknown operation"},
		{"no key id", func(t *token.Token) { t.Credentials.AccessKeyID = "" }, "access key id"},
		{"key id 15", func(t *token.Token) { t.Credentials.AccessKeyID = strings.Repeat("A", 15) }, "access key id"},
		{"key id 16", func(t *token.Token) { t.Credentials.AccessKeyID = strings.Repeat("A", 16) }, ""},
		{"key id 128", func(t *token.Token) { t.Credentials.AccessKeyID = strings.Repeat("Z", 128) }, ""},
		{"key id 129", func(t *token.Token) { t.Credentials.AccessKeyID = strings.Repeat("Z", 129) }, "access key id"},
		{"key id in lower case", func(t *token.Token) { t.Credentials.AccessKeyID = "ASIAy34FZKBOKMUTVV7A" }, "access key id"},
		{"key id with a line end", func(t *token.Token) { t.Credentials.AccessKeyID += "\n" }, "access key id"},
		{"no secret", func(t *token.Token) { t.Credentials.SecretAccessKey = "" }, "secret access key"},
		{"secret with a blank", func(t *token.Token) { t.Credentials.SecretAccessKey = "CANARY secret" }, "secret access key"},
		{"no session token", func(t *token.Token) { t.Credentials.SessionToken = "" }, "session token"},
		{"session token 32 KiB", func(t *token.Token) { t.Credentials.SessionToken = secret(32 << 10) }, ""},
		{"session token longer", func(t *token.Token) { t.Credentials.SessionToken = secret(32<<10 + 1) }, "session token"},
		{"session token with a quote", func(t *token.Token) { t.Credentials.SessionToken = `CANARY"` }, "session token"},
		{"session token with a backslash", func(t *token.Token) { t.Credentials.SessionToken = `CANARY\` }, "session token"},
		{"session token with a control", func(t *token.Token) { t.Credentials.SessionToken = "CANARY\x00" }, "session token"},
		{"session token with DEL", func(t *token.Token) { t.Credentials.SessionToken = "CANARY\x7f" }, "session token"},
		{"session token not ASCII", func(t *token.Token) { t.Credentials.SessionToken = "CANARYé" }, "session token"},
		{"cannot expire", func(t *token.Token) { t.Credentials.CanExpire = false }, "when it ends"},
		{"no end", func(t *token.Token) { t.Credentials.Expires = time.Time{} }, "when it ends"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tok := sample()
			tt.change(&tok)
			err := tok.Validate()
			if (err == nil) != (tt.want == "") {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err != nil && (!errors.Is(err, token.ErrIncomplete) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "CANARY")) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestOperations(t *testing.T) {
	for _, o := range []token.Operation{"GetSessionToken", "GetFederationToken", "AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "AssumeRoot"} {
		if !o.Known() {
			t.Errorf("%s is not known", o)
		}
	}
	for _, o := range []token.Operation{"", "GetCallerIdentity", "assumerole", "AssumeRole "} {
		if o.Known() {
			t.Errorf("%q is known", o)
		}
	}
}

func TestTimes(t *testing.T) {
	tok := sample()
	if got := tok.Lifetime(); got != 12*time.Hour {
		t.Errorf("lifetime %v", got)
	}
	if got := tok.Remaining(ends.Add(-time.Minute)); got != time.Minute {
		t.Errorf("remaining %v", got)
	}
	if got := tok.Remaining(ends.Add(time.Second)); got != -time.Second {
		t.Errorf("remaining after the end %v", got)
	}
	// Only the wall clock counts: with the monotonic reading left in, a step of the clock
	// would not be seen.
	now := time.Now()
	tok.Credentials.Expires = now.Add(time.Hour)
	if got := tok.Remaining(now.Round(0).Add(time.Minute)); got != 59*time.Minute {
		t.Errorf("remaining by the wall clock %v", got)
	}
}

func TestPrincipal(t *testing.T) {
	user, role := &token.Principal{ID: "u"}, &token.Principal{ID: "r"}
	for _, tt := range []struct{ user, role, want *token.Principal }{{nil, nil, nil}, {user, nil, user}, {nil, role, role}} {
		if got := (token.Token{FederatedUser: tt.user, AssumedRole: tt.role}).Principal(); got != tt.want {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
}

func TestCredentialsExpire(t *testing.T) {
	c := sample().Credentials
	for now, want := range map[time.Time]bool{ends.Add(-time.Second): false, ends: true, ends.Add(time.Second): true} {
		if c.Expired(now) != want {
			t.Errorf("at %s: want %v", now, want)
		}
	}
	c.CanExpire = false
	if c.Expired(ends.Add(time.Hour)) || !c.HasKeys() || (token.Credentials{AccessKeyID: "A"}).HasKeys() || (token.Credentials{SecretAccessKey: "CANARY"}).HasKeys() {
		t.Error("long-term keys expire, or half of a pair is taken for keys")
	}
}

// What AWS takes for temporary is so by either sign; what is whole has all its parts.
func TestTemporary(t *testing.T) {
	const long, temp, secret = "AKIAY34FZKBOKMUTVV7A", "ASIAY34FZKBOKMUTVV7A", "CANARYsecret"
	for name, tc := range map[string]struct {
		c                token.Credentials
		temporary, whole bool
	}{
		"a session":            {token.Credentials{AccessKeyID: temp, SecretAccessKey: secret, SessionToken: "CANARYtoken"}, true, true},
		"a long-term key":      {token.Credentials{AccessKeyID: long, SecretAccessKey: secret}, false, false},
		"its token missing":    {token.Credentials{AccessKeyID: temp, SecretAccessKey: secret}, true, false},
		"another id":           {token.Credentials{AccessKeyID: "LOCALSTACKKEY00000", SecretAccessKey: secret, SessionToken: "CANARYtoken"}, true, true},
		"its secret missing":   {token.Credentials{AccessKeyID: temp, SessionToken: "CANARYtoken"}, true, false},
		"an id that is none":   {token.Credentials{AccessKeyID: "ASIA x", SecretAccessKey: secret, SessionToken: "CANARYtoken"}, true, false},
		"a token of two lines": {token.Credentials{AccessKeyID: temp, SecretAccessKey: secret, SessionToken: "CANARY\ntoken"}, true, false},
		"none":                 {token.Credentials{}, false, false},
	} {
		if got := tc.c.Temporary(); got != tc.temporary {
			t.Errorf("%s: temporary %v", name, got)
		}
		if got := tc.c.ValidSession(); got != tc.whole {
			t.Errorf("%s: whole %v", name, got)
		}
	}
}
