package sts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

const onlyImages = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ec2:DescribeImages","sts:GetScopedCredentials"],"Resource":"*"}]}`

// GetScopedCredentials against an STS that checks signatures, layers, lifetimes and callers.
func TestGetScopedCredentials(t *testing.T) {
	t.Parallel()
	e := emulate(t)
	alice := e.AddUser(account, "alice")
	role := e.AddRole(account, "Admin")
	c := client(t, sts.Options{Endpoint: e.URL()})
	parent, err := ask(t, c, sts.Request{Operation: token.AssumeRole, RoleArn: role.ARN, RoleSessionName: "build", SourceIdentity: "ada"}, of(alice))
	if err != nil {
		t.Fatal(err)
	}
	arn := parent.AssumedRole.ARN
	r := sts.Request{Operation: token.GetScopedCredentials, Policy: onlyImages, ScopedSessionDescription: "a test, \u00e9 & <b>", SourceARN: arn}
	tok, err := ask(t, c, r, static(signing(parent)))
	if err != nil {
		t.Fatal(err)
	}
	id, _ := e.Lookup(tok.Credentials.AccessKeyID)
	if tok.Principal().ARN != arn || tok.Credentials.AccountID != account || tok.SourceIdentity != "ada" || *tok.ScopedPolicies != 1 ||
		!tok.Credentials.Expires.Equal(parent.Credentials.Expires) || *tok.SessionTokenSize == 0 || *tok.SessionTokenUtilization == 0 ||
		id.Description != r.ScopedSessionDescription || len(id.ScopedPolicies) != 1 || id.ScopedPolicies[0] != onlyImages {
		t.Errorf("%v %+v", tok, id)
	}
	short := sts.Request{Operation: token.GetScopedCredentials, Duration: time.Minute, SourceARN: arn}
	if tok, err = ask(t, c, short, static(signing(tok))); err != nil || *tok.ScopedPolicies != 1 || tok.Lifetime() > time.Minute {
		t.Errorf("%v %v", tok, err)
	}
	for n := 2; n <= 3; n++ {
		if tok, err = ask(t, c, r, static(signing(tok))); err != nil {
			t.Fatal(err)
		}
	}
	before := e.Count("")
	if _, err = ask(t, c, r, static(signing(tok))); err == nil || err.Class != sts.Denied || !strings.Contains(err.Error(), "those that other programs put on it included") {
		t.Errorf("a fourth policy: %v", err)
	}
	short.Duration = 2 * time.Hour
	if _, err = ask(t, c, short, static(signing(parent))); err == nil || err.Class != sts.Invalid || !strings.Contains(err.Error(), "InsufficientSessionLifetime") || !strings.Contains(err.Error(), "leave out the duration") {
		t.Errorf("a longer life than the session's: %v", err)
	}
	if n := e.Count("") - before; n != 2 {
		t.Errorf("%d requests", n)
	}
	// What is refused before anything is sent.
	global := client(t, sts.Options{Region: "aws-global"})
	for name, got := range map[string]*sts.Error{
		"a user's key":        second(ask(t, c, r, of(alice))),
		"the global endpoint": second(ask(t, global, r, static(signing(parent)))),
		"nothing asked":       second(ask(t, c, sts.Request{Operation: token.GetScopedCredentials}, static(signing(parent)))),
	} {
		if got == nil || !got.Unsent || !got.Final() {
			t.Errorf("%s: %v", name, got)
		}
	}
	if n := e.Count("") - before; n != 2 {
		t.Errorf("%d requests", n)
	}
}

func second(_ token.Token, err *sts.Error) *sts.Error { return err }

// What GetScopedCredentials answers is taken only where it can be true.
func TestScopedAnswers(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(30 * time.Minute)
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
	for name, tt := range map[string]struct {
		change func(*said)
		class  sts.Class // "" for a token
		want   string
	}{
		"as long as the source":  {func(s *said) { s.Expires = stamp(end) }, "", ""},
		"shorter than a minute":  {func(s *said) { s.Expires = stamp(time.Now().Add(30 * time.Second)) }, "", ""},
		"longer than the source": {func(s *said) { s.Expires = stamp(end.Add(6 * time.Minute)) }, sts.BadAnswer, "those that they are made from"},
		"ended":                  {func(s *said) { s.Expires = stamp(time.Now().Add(-time.Second)) }, sts.BadAnswer, "ended at"},
		"no session":             {func(s *said) { s.ID, s.ARN, s.Expires = "", "", stamp(end) }, sts.BadAnswer, "does not name the scoped session"},
		"no ARN":                 {func(s *said) { s.ARN, s.Expires = "x", stamp(end) }, sts.BadAnswer, "missing or malformed"},
		"no credentials":         {func(s *said) { s.KeyID, s.Secret, s.Session = "", "", "" }, sts.BadAnswer, "no credentials"},
		"a count of words":       {func(s *said) { s.Extra = "<ScopedPoliciesCount>CANARY</ScopedPoliciesCount>" }, sts.BadAnswer, "cannot be read"},
		"a negative count":       {func(s *said) { s.Extra, s.Expires = "<ScopedPoliciesCount>-1</ScopedPoliciesCount>", stamp(end) }, sts.BadAnswer, "negative"},
	} {
		t.Run(name, func(t *testing.T) {
			r := sts.Request{Operation: token.GetScopedCredentials, Policy: onlyImages}
			s := good(r)
			tt.change(&s)
			f := serve(t, answers(200, s.xml(r.Operation)))
			_, err := ask(t, client(t, sts.Options{Endpoint: f.URL}), r, temporary(end))
			if (err == nil) != (tt.class == "") || err != nil && (err.Class != tt.class || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v", err)
			}
		})
	}
	for code, class := range map[string]sts.Class{
		"InvalidSubjectCredentials": sts.SourceRejected, "InsufficientSessionLifetime": sts.Invalid, "PackedPolicyTooLarge": sts.Invalid,
		"MalformedPolicyDocument": sts.Invalid, "AccessDenied": sts.Denied, "Throttling": sts.Throttled, "ExpiredToken": sts.SourceRejected,
	} {
		f := serve(t, answers(400, refusal(code, "CANNOT")))
		r := sts.Request{Operation: token.GetScopedCredentials, Policy: onlyImages}
		if _, err := ask(t, client(t, sts.Options{Endpoint: f.URL}), r, temporary(end)); err == nil || err.Class != class || err.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// Every trouble on the way comes back as an error of one line.
func TestScopedFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("long: waits between tries")
	}
	t.Parallel()
	e := emulate(t)
	alice := e.AddUser(account, "alice")
	c := client(t, sts.Options{Endpoint: e.URL()})
	parent, err := ask(t, c, sts.Request{Operation: token.GetSessionToken}, of(alice))
	if err != nil {
		t.Fatal(err)
	}
	who, _ := e.Lookup(parent.Credentials.AccessKeyID)
	r := sts.Request{Operation: token.GetScopedCredentials, Duration: 15 * time.Minute, SourceARN: who.ARN}
	for _, kind := range emulator.Kinds() {
		switch kind {
		case emulator.Delay, emulator.LongTermKey, emulator.SlowDrip, emulator.Hang, emulator.HangAfter:
			continue // as for every operation: TestEveryFault
		}
		f := emulator.Fault{Kind: kind, Status: 302, Location: "http://portal.example/", Code: "AccessDenied", Message: "no"}
		if kind == emulator.Refuse {
			f.Status = 403
		}
		e.Fault(f)
		if tok, err := ask(t, c, r, static(signing(parent))); err == nil {
			t.Errorf("%s: %v", kind, tok)
		}
		e.ClearFaults()
	}
}

// A web identity token is for whom it was asked for, and is asked for where there is a caller that may.
func TestGetWebIdentityToken(t *testing.T) {
	t.Parallel()
	e := emulate(t)
	alice := e.AddUser(account, "alice")
	c := client(t, sts.Options{Endpoint: e.URL()})
	r := sts.Request{Operation: token.GetWebIdentityToken, Audience: []string{"https://b.example", "https://a.example"}, SigningAlgorithm: "RS256", Tags: []sts.Tag{{Key: "Team", Value: "ops"}}}
	if _, err := ask(t, c, r, of(alice)); err == nil || err.Class != sts.Denied || !strings.Contains(err.Error(), "enable-outbound-web-identity-federation") {
		t.Errorf("%v", err)
	}
	e.SetAccount(emulator.Account{ID: account, OutboundFederation: true})
	tok, err := ask(t, c, r, of(alice))
	if err != nil || tok.Subject != alice.ARN || tok.Audience != "https://b.example https://a.example" || tok.Credentials.AccessKeyID != "" ||
		tok.Lifetime().Round(10*time.Second) != 5*time.Minute || tok.Credentials.AccountID != account {
		t.Errorf("%v %v", tok, err)
	}
	parent, err := ask(t, c, sts.Request{Operation: token.GetSessionToken}, of(alice))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(t, c, r, static(signing(parent))); err == nil || err.Class != sts.SourceRejected && err.Class != sts.Denied {
		t.Errorf("a session: %v", err)
	}
	if _, err := ask(t, client(t, sts.Options{Region: "aws-global"}), r, of(alice)); err == nil || !err.Unsent {
		t.Errorf("the global endpoint: %v", err)
	}
	for name, payload := range map[string]string{"no JWT": "CANARY", "no audience": "x.e30.y"} {
		s := said{Extra: "<WebIdentityToken>" + payload + "</WebIdentityToken><Expiration>" + time.Now().Add(5*time.Minute).UTC().Format(time.RFC3339) + "</Expiration>"}
		f := serve(t, answers(200, s.xml(r.Operation)))
		if _, err := ask(t, client(t, sts.Options{Endpoint: f.URL}), r, of(alice)); err == nil || err.Class != sts.BadAnswer {
			t.Errorf("%s: %v", name, err)
		}
	}
}
