package handoff_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/token"
)

// plain is the payload of b.
func plain(t testing.TB, b handoff.Bundle) string {
	t.Helper()
	var out bytes.Buffer
	if err := handoff.SealPlain(&out, b); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// sealRaw seals any text at all, as a stranger can.
func sealRaw(t testing.TB, payload string, to age.Recipient) string {
	t.Helper()
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, to)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(payload))
	if err := errors.Join(w.Close(), a.Close()); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Golden: version 1 is this text, member by member. A change here is another version.
func TestPayload(t *testing.T) {
	b := bundle()
	want := `{"Type":"sts-helper-grant","Version":1,"Operation":"GetFederationToken","AccessKeyId":"ASIAY34FZKBOKMUTVV7A","SecretAccessKey":"CANARY/secret+key","SessionToken":"CANARY//token==",` +
		`"Issued":"` + b.Token.Issued.Format("2006-01-02T15:04:05Z") + `","Expiration":"` + b.Token.Credentials.Expires.Format("2006-01-02T15:04:05Z") + `","AccountId":"609629065308","PackedPolicySize":7,` +
		`"FederatedUser":{"Id":"609629065308:TemporaryUser","Arn":"arn:aws:sts::609629065308:federated-user/TemporaryUser"},"SourceIdentity":"alice",` +
		`"Issuer":"Alice Example <alice@example.org>","For":"Zoë, bob@example.org",` +
		`"Policy":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"ec2:DescribeImages\",\"Resource\":\"*\"}]}",` +
		`"Region":"eu-central-1","Note":"for the <migration> & \"move\"\n\tuntil tonight"}` + "\n"
	if got := plain(t, b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// White space between members is no other payload.
	if _, err := handoff.OpenPlain(strings.NewReader("\r\n" + strings.ReplaceAll(want, `,"Issued"`, ",\n  \"Issued\""))); err != nil {
		t.Error(err)
	}
}

// What another user sealed properly still has to be a payload, letter by letter.
func TestPayloadIsStrict(t *testing.T) {
	key := newKey(t)
	whole := bundle()
	good := plain(t, whole)
	swap := func(old, now string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%q is not in the payload", old)
		}
		return strings.Replace(good, old, now, 1)
	}
	ends := whole.Token.Credentials.Expires.Format(time.RFC3339)
	for _, tt := range []struct {
		name, payload string
		want          error
	}{
		{"empty", "", handoff.ErrIncomplete},
		{"not JSON", "CANARY", handoff.ErrIncomplete},
		{"another document", `{"Version":1,"AccessKeyId":"ASIAY34FZKBOKMUTVV7A"}`, handoff.ErrIncomplete},
		{"array", "[" + good + "]", handoff.ErrIncomplete},
		{"another type", swap("sts-helper-grant", "sts-helper-granted"), handoff.ErrIncomplete},
		{"version 2", swap(`"Version":1`, `"Version":2`), handoff.ErrUnknownVersion},
		{"version 2 with other members", `{"Type":"sts-helper-grant","Version":2,"Secret":"CANARY"}`, handoff.ErrUnknownVersion},
		{"version 0", swap(`"Version":1`, `"Version":0`), handoff.ErrUnknownVersion},
		{"version 1.0", swap(`"Version":1`, `"Version":1.0`), handoff.ErrUnknownVersion},
		{"version as text", swap(`"Version":1`, `"Version":"1"`), handoff.ErrIncomplete},
		{"no version", swap(`"Version":1,`, ``), handoff.ErrUnknownVersion},
		{"unknown member", swap(`"Issued"`, `"Extra":"CANARY","Issued"`), handoff.ErrIncomplete},
		{"unknown member inside", swap(`"Arn":`, `"Extra":1,"Arn":`), handoff.ErrIncomplete},
		{"member twice", swap(`"Issued"`, `"AccountId":"609629065308","Issued"`), handoff.ErrIncomplete},
		{"member twice, the same", swap(`"Region":"eu-central-1"`, `"Region":"eu-central-1","Region":"eu-central-1"`), handoff.ErrIncomplete},
		{"other letter case", swap(`"AccessKeyId"`, `"accesskeyid"`), handoff.ErrIncomplete},
		{"null", swap(`"SourceIdentity":"alice"`, `"SourceIdentity":null`), handoff.ErrIncomplete},
		{"empty member", swap(`"SourceIdentity":"alice"`, `"SourceIdentity":""`), handoff.ErrIncomplete},
		{"wrong type", swap(`"AccountId":"609629065308"`, `"AccountId":609629065308`), handoff.ErrIncomplete},
		{"something behind", good + "{}", handoff.ErrIncomplete},
		{"another order", swap(`"Type":"sts-helper-grant","Version":1`, `"Version":1,"Type":"sts-helper-grant"`), handoff.ErrIncomplete},
		{"no secret", swap(`"SecretAccessKey":"CANARY/secret+key"`, `"SecretAccessKey":""`), handoff.ErrIncomplete},
		{"no end", swap(`"`+ends+`"`, `""`), handoff.ErrIncomplete},
		{"end with a fraction", swap(ends, strings.Replace(ends, "Z", ".5Z", 1)), handoff.ErrIncomplete},
		{"end with an offset", swap(ends, strings.Replace(ends, "Z", "+00:00", 1)), handoff.ErrIncomplete},
		{"end in the past", swap(ends, "2020-01-01T00:00:00Z"), handoff.ErrIncomplete}, // before it began
		{"not UTF-8", swap("alice", "al\xffce"), handoff.ErrIncomplete},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mustFail(t, sealRaw(t, tt.payload, key.Recipient()), tt.want, key)
			b, err := handoff.OpenPlain(strings.NewReader(tt.payload))
			noToken(t, b, err)
			if !errors.Is(err, tt.want) {
				t.Errorf("plain: got %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := handoff.Open(strings.NewReader(sealRaw(t, good, key.Recipient())), key); err != nil {
		t.Errorf("the same way, unchanged: %v", err)
	}
}

func TestFields(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	for _, tt := range []struct {
		name   string
		change func(*handoff.Bundle)
		want   string // "" is good
	}{
		{"unknown operation", func(b *handoff.Bundle) { b.Token.Operation = "GetCallerIdentity" }, "unknown operation"},
		{"session token operation", func(b *handoff.Bundle) { b.Token.Operation, b.Token.FederatedUser = token.GetSessionToken, nil }, ""},
		{"key id", func(b *handoff.Bundle) { b.Token.Credentials.AccessKeyID = "short" }, "access key id"},
		{"account", func(b *handoff.Bundle) { b.Token.Credentials.AccountID = "12345678901" }, "twelve digits"},
		{"no account", func(b *handoff.Bundle) { b.Token.Credentials.AccountID = "" }, ""},
		{"another's account", func(b *handoff.Bundle) { b.Token.Credentials.AccountID = "123456789012" }, "not that of whom it names"},
		{"user with a role's operation", func(b *handoff.Bundle) { b.Token.Operation = token.AssumeRole }, "names a federated user"},
		{"role with a user's operation", func(b *handoff.Bundle) {
			b.Token.AssumedRole, b.Token.FederatedUser = b.Token.FederatedUser, nil
		}, "names an assumed role"},
		{"scoped session with a user's operation", func(b *handoff.Bundle) { b.Token.ScopedSession = b.Token.FederatedUser }, "names a scoped session"},
		{"scoped session", func(b *handoff.Bundle) {
			b.Token.Operation, b.Token.ScopedSession, b.Token.FederatedUser = token.GetScopedCredentials, b.Token.FederatedUser, nil
		}, ""},
		{"web identity token", func(b *handoff.Bundle) {
			b.Token.Operation, b.Token.FederatedUser = token.GetWebIdentityToken, nil
			b.Token.Credentials.AccessKeyID, b.Token.Credentials.SecretAccessKey = "", ""
		}, "no credentials"},
		{"user's id 1", func(b *handoff.Bundle) { b.Token.FederatedUser.ID = "x" }, "id of whom it names"},
		{"user's id 2", func(b *handoff.Bundle) { b.Token.FederatedUser.ID = "xx" }, ""},
		{"user's id 193", func(b *handoff.Bundle) { b.Token.FederatedUser.ID = text(193) }, ""},
		{"user's id 194", func(b *handoff.Bundle) { b.Token.FederatedUser.ID = text(194) }, "id of whom it names"},
		{"user's id with a blank", func(b *handoff.Bundle) { b.Token.FederatedUser.ID = "a b" }, "id of whom it names"},
		{"user's ARN", func(b *handoff.Bundle) { b.Token.FederatedUser.ARN = "arn:aws:sts::x:federated-user/a" }, "ARN of whom it names"},
		{"user's ARN with a control", func(b *handoff.Bundle) { b.Token.FederatedUser.ARN += "\x1b[m" }, "ARN of whom it names"},
		{"negative size", func(b *handoff.Bundle) { *b.Token.PackedPolicySize = -1 }, "packed policy size"},
		{"issuer 256", func(b *handoff.Bundle) { b.Issuer = text(256) }, ""},
		{"issuer 257", func(b *handoff.Bundle) { b.Issuer = text(257) }, "its issuer has 257 bytes"},
		{"issuer on two lines", func(b *handoff.Bundle) { b.Issuer = "a\nb" }, "its issuer has characters"},
		{"issuer with an escape", func(b *handoff.Bundle) { b.Issuer = "\x1b]0;x\a" }, "its issuer has characters"},
		{"issuer turned around", func(b *handoff.Bundle) { b.Issuer = "a\u202eb" }, "its issuer has characters"},
		{"issuer not UTF-8", func(b *handoff.Bundle) { b.Issuer = "a\xff" }, "its issuer has characters"},
		{"recipient 257", func(b *handoff.Bundle) { b.For = text(257) }, "recipient's name has 257 bytes"},
		{"note 2048", func(b *handoff.Bundle) { b.Note = text(2047) + "\n" }, ""},
		{"note 2049", func(b *handoff.Bundle) { b.Note = text(2049) }, "its note has 2049 bytes"},
		{"note with C1", func(b *handoff.Bundle) { b.Note = "\u009b31m" }, "its note has characters"},
		{"policy that is none", func(b *handoff.Bundle) { b.Policy = "CANARY" }, "its policy is not JSON"},
		{"policy with lines", func(b *handoff.Bundle) { b.Policy = "{\r\n\t\"a\": 1}" }, ""},
		{"policy 16 KiB", func(b *handoff.Bundle) { b.Policy = `"` + text(16<<10-2) + `"` }, ""},
		{"policy longer", func(b *handoff.Bundle) { b.Policy = `"` + text(16<<10-1) + `"` }, "its policy has 16385 bytes"},
		{"region", func(b *handoff.Bundle) { b.Region = "us-gov-west-1" }, ""},
		{"region that is none", func(b *handoff.Bundle) { b.Region = "$(id)" }, "its region is not"},
		{"region 65", func(b *handoff.Bundle) { b.Region = text(65) }, "its region has 65 bytes"},
		{"source identity 65", func(b *handoff.Bundle) { b.Token.SourceIdentity = text(65) }, "its source identity has 65 bytes"},
		{"the longest session token", func(b *handoff.Bundle) { b.Token.Credentials.SessionToken = text(32 << 10) }, ""},
		{"a longer session token", func(b *handoff.Bundle) { b.Token.Credentials.SessionToken = text(32<<10 + 1) }, "session token"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := bundle()
			tt.change(&b)
			var out bytes.Buffer
			err := handoff.SealPlain(&out, b)
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				if _, err := handoff.OpenPlain(&out); err != nil {
					t.Errorf("sealed, and does not open: %v", err)
				}
				return
			}
			if !errors.Is(err, handoff.ErrIncomplete) || !strings.Contains(err.Error(), tt.want) || out.Len() != 0 {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			noToken(t, handoff.Bundle{}, err)
		})
	}
}
