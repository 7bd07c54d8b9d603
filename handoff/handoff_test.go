package handoff_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/sts-helper/sts-helper/handoff"
	"github.com/sts-helper/sts-helper/token"
)

const (
	begin = armor.Header + "\n"
	end   = armor.Footer + "\n"
)

// bundle is a grant with every field set that a federation token has, issued now.
func bundle() handoff.Bundle {
	size := int32(7)
	issued := time.Now().UTC().Truncate(time.Second)
	return handoff.Bundle{
		Token: token.Token{
			Operation: token.GetFederationToken,
			Credentials: token.Credentials{
				AccessKeyID: "ASIAY34FZKBOKMUTVV7A", SecretAccessKey: "CANARY/secret+key", SessionToken: "CANARY//token==",
				CanExpire: true, Expires: issued.Add(3 * time.Hour), AccountID: "609629065308",
			},
			Issued: issued, PackedPolicySize: &size,
			FederatedUser:  &token.Principal{ID: "609629065308:TemporaryUser", ARN: "arn:aws:sts::609629065308:federated-user/TemporaryUser"},
			SourceIdentity: "alice",
		},
		Issuer: "Alice Example <alice@example.org>", For: "Zoë, bob@example.org",
		Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:DescribeImages","Resource":"*"}]}`,
		Region: "eu-central-1", Note: "for the <migration> & \"move\"\n\tuntil tonight",
	}
}

// small is the least a bundle can be.
func small() handoff.Bundle {
	b := bundle()
	b.Token.PackedPolicySize, b.Token.FederatedUser, b.Token.SourceIdentity, b.Token.Credentials.AccountID = nil, nil, "", ""
	return handoff.Bundle{Token: b.Token}
}

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func seal(t testing.TB, b handoff.Bundle, to ...age.Recipient) string {
	t.Helper()
	var out bytes.Buffer
	if err := handoff.Seal(&out, b, to...); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// mustFail opens what must not open, and looks at the error.
func mustFail(t testing.TB, text string, want error, ids ...age.Identity) error {
	t.Helper()
	b, err := handoff.Open(strings.NewReader(text), ids...)
	noToken(t, b, err)
	if want != nil && !errors.Is(err, want) {
		t.Errorf("got %q, want %q", err, want)
	}
	return err
}

func noToken(t testing.TB, b handoff.Bundle, err error) {
	t.Helper()
	if err == nil || !reflect.DeepEqual(b, handoff.Bundle{}) {
		t.Fatalf("opened: %v, %v", b, err)
	}
	if s := err.Error(); strings.Contains(s, "CANARY") || strings.ContainsAny(s, "\n\x1b") || len(s) > 400 {
		t.Fatalf("error %q", s)
	}
}

func TestSealAndOpen(t *testing.T) {
	key := newKey(t)
	role := bundle()
	role.Token.Operation, role.Token.FederatedUser = token.AssumeRoleWithSAML, nil
	role.Token.AssumedRole = &token.Principal{ID: "AROAEXAMPLE:bob", ARN: "arn:aws-cn:sts::609629065308:assumed-role/r/bob"}
	role.Token.Subject, role.Token.Audience, role.Token.Provider = "sub ject", "aud", "arn:p"
	for name, want := range map[string]handoff.Bundle{"everything": bundle(), "the least": small(), "role": role} {
		t.Run(name, func(t *testing.T) {
			text := seal(t, want, key.Recipient())
			if !strings.HasPrefix(text, begin) || !strings.HasSuffix(text, "\n"+end) || strings.Contains(text, "CANARY") || strings.Contains(text, "609629065308") {
				t.Errorf("sealed: %s", text)
			}
			got, err := handoff.Open(strings.NewReader(text), key)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
			// The same without a seal.
			var plain bytes.Buffer
			if err := handoff.SealPlain(&plain, want); err != nil {
				t.Fatal(err)
			}
			if got, err := handoff.OpenPlain(&plain); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("plain: got %+v, %v", got, err)
			}
		})
	}
}

// Fractions of a second are cut and a zone is lost, not the moment.
func TestSealNormalises(t *testing.T) {
	b := bundle()
	want := bundle()
	zone := time.FixedZone("x", 3600)
	b.Token.Issued = b.Token.Issued.Add(900 * time.Millisecond).In(zone)
	b.Token.Credentials.Expires = b.Token.Credentials.Expires.Add(900 * time.Millisecond).In(zone)
	key := newKey(t)
	got, err := handoff.Open(strings.NewReader(seal(t, b, key.Recipient())), key)
	want.Token.Issued, want.Token.Credentials.Expires = b.Token.Issued.UTC().Truncate(time.Second), b.Token.Credentials.Expires.UTC().Truncate(time.Second)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A sealed token arrives with a greeting, a signature, other line ends and stray blanks.
func TestOpenAsMailed(t *testing.T) {
	key := newKey(t)
	want := small()
	text := seal(t, want, key.Recipient())
	for name, in := range map[string]string{
		"as written":         text,
		"without a line end": strings.TrimSuffix(text, "\n"),
		"CRLF":               strings.ReplaceAll(text, "\n", "\r\n"),
		"in a mail":          "Hello Bob,\n\nhere it is:\n\n" + text + "\n-- \nAlice\n",
		"indented":           "    " + strings.ReplaceAll(text, "\n", " \t\n    "),
		"blank lines":        "\n\n" + strings.ReplaceAll(text, "\n", "\n\n"),
	} {
		if got, err := handoff.Open(strings.NewReader(in), key); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if got, err := handoff.Open(iotest.OneByteReader(strings.NewReader(in)), key); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s, byte by byte: %v, %v", name, got, err)
		}
	}
	if err := mustFail(t, text+text, nil, key); !strings.Contains(err.Error(), "more than one") {
		t.Errorf("two tokens: %v", err)
	}
	mustFail(t, "> "+strings.ReplaceAll(text, "\n", "\n> "), handoff.ErrTampered, key)
}

func TestOpenErrors(t *testing.T) {
	key, other := newKey(t), newKey(t)
	text := seal(t, small(), key.Recipient())
	mustFail(t, text, handoff.ErrWrongRecipient)
	mustFail(t, text, handoff.ErrWrongRecipient, other)
	mustFail(t, "", handoff.ErrNotSealed, key)
	mustFail(t, "\n \n", handoff.ErrNotSealed, key)
	mustFail(t, "hello", handoff.ErrNotSealed, key)
	mustFail(t, begin+end, nil, key)
	mustFail(t, strings.ToLower(text), handoff.ErrNotSealed, key)
	mustFail(t, strings.ReplaceAll(text, "-----", "—"), handoff.ErrTampered, key) // a mail program's dashes
	mustFail(t, text+strings.Repeat(" ", 256<<10), handoff.ErrTooLong, key)
	var plain bytes.Buffer
	if err := handoff.SealPlain(&plain, small()); err != nil {
		t.Fatal(err)
	}
	mustFail(t, plain.String(), handoff.ErrNotSealed, key)
	b, err := handoff.OpenPlain(strings.NewReader(text))
	noToken(t, b, err)
	if !errors.Is(err, handoff.ErrIncomplete) || !strings.Contains(err.Error(), "needs a key or a passphrase") {
		t.Errorf("a sealed token as a plain one: %v", err)
	}
	b, err = handoff.OpenPlain(strings.NewReader(plain.String() + strings.Repeat(" ", 256<<10)))
	noToken(t, b, err)
	if !errors.Is(err, handoff.ErrTooLong) {
		t.Errorf("long: %v", err)
	}
	broken := errors.New("line down")
	if _, err := handoff.Open(iotest.ErrReader(broken), key); !errors.Is(err, broken) {
		t.Errorf("reader's error: %v", err)
	}
	if _, err := handoff.OpenPlain(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("reader's error: %v", err)
	}
}

func TestSealErrors(t *testing.T) {
	var out bytes.Buffer
	if err := handoff.Seal(&out, bundle()); !errors.Is(err, handoff.ErrNoRecipient) {
		t.Errorf("no recipient: %v", err)
	}
	if err := handoff.Seal(&out, handoff.Bundle{}, newKey(t).Recipient()); !errors.Is(err, handoff.ErrIncomplete) || !errors.Is(err, token.ErrIncomplete) {
		t.Errorf("empty bundle: %v", err)
	}
	if err := handoff.SealPlain(&out, handoff.Bundle{}); !errors.Is(err, handoff.ErrIncomplete) {
		t.Errorf("empty bundle: %v", err)
	}
	scrypt, err := age.NewScryptRecipient("CANARY passphrase")
	if err != nil {
		t.Fatal(err)
	}
	scrypt.SetWorkFactor(1)
	if err := handoff.Seal(&out, bundle(), scrypt, newKey(t).Recipient()); err == nil || strings.Contains(err.Error(), "CANARY") {
		t.Errorf("a passphrase beside a key: %v", err)
	}
	if out.Len() != 0 {
		t.Errorf("something was written: %q", &out)
	}
}

func TestSeveralRecipients(t *testing.T) {
	a, b, c := newKey(t), newKey(t), newKey(t)
	want := small()
	text := seal(t, want, a.Recipient(), b.Recipient())
	for _, id := range []age.Identity{a, b} {
		if got, err := handoff.Open(strings.NewReader(text), c, id); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%v, %v", got, err)
		}
	}
	mustFail(t, text, handoff.ErrWrongRecipient, c)
}

// The token dies on time, before and after it was sealed.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := newKey(t)
		b := small()
		text := seal(t, b, key.Recipient())
		time.Sleep(3*time.Hour - time.Second)
		if _, err := handoff.Open(strings.NewReader(text), key); err != nil {
			t.Errorf("a second before the end: %v", err)
		}
		time.Sleep(time.Second)
		err := mustFail(t, text, handoff.ErrExpired, key)
		if want := "it ended at " + b.Token.Credentials.Expires.Format(time.RFC3339) + ", ask who granted it for another"; !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
		var out bytes.Buffer
		b.Issuer = "Alice"
		if err := handoff.Seal(&out, b, key.Recipient()); !errors.Is(err, handoff.ErrExpired) || !strings.Contains(err.Error(), "ask Alice") {
			t.Errorf("sealing what has expired: %v", err)
		}
	})
}

func TestLifetimes(t *testing.T) {
	const most = 36*time.Hour + 5*time.Minute
	ends := func(after time.Duration) func(*token.Token) {
		return func(t *token.Token) { t.Credentials.Expires = t.Issued.Add(after) }
	}
	for _, tt := range []struct {
		name   string
		change func(*token.Token)
		want   string // "" is good
	}{
		{"36 hours and 5 minutes", ends(most), ""},
		{"one second more", ends(most + time.Second), "claims to live for 36h5m1s"},
		{"one second", ends(time.Second), ""},
		{"none", ends(0), "claims to live for 0s"},
		{"ends before it begins", ends(-time.Second), "claims to live for -1s"},
		{"old, and too long", func(t *token.Token) {
			t.Issued = t.Issued.Add(-20 * time.Hour)
			t.Credentials.Expires = t.Issued.Add(most + time.Second)
		}, "claims to live for 36h5m1s"},
		{"not issued", func(t *token.Token) { t.Issued = time.Time{} }, "does not say when it was issued"},
		{"in the future", func(t *token.Token) {
			t.Issued = t.Issued.Add(40 * time.Hour)
			t.Credentials.Expires = t.Issued.Add(time.Hour)
		}, "later than any STS token can"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := small()
				tt.change(&b.Token)
				var out bytes.Buffer
				err := handoff.SealPlain(&out, b)
				if (err == nil) != (tt.want == "") || err != nil && (!errors.Is(err, handoff.ErrIncomplete) || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		})
	}
}

func TestRedaction(t *testing.T) {
	b := bundle()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{b, &b, []handoff.Bundle{b}, struct{ B handoff.Bundle }{b}} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, "CANARY") || !strings.Contains(out, "ASIAY34FZKBOKMUTVV7A") {
				t.Errorf("%s: %s", verb, out)
			}
		}
	}
	var out bytes.Buffer
	for _, h := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(h).Info("x", "bundle", b, "list", []handoff.Bundle{b})
	}
	if strings.Contains(out.String(), "CANARY") {
		t.Errorf("logs: %s", &out)
	}
	if js, err := json.Marshal(b); err == nil {
		t.Errorf("marshals to %s", js)
	}
}
