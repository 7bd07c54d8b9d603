package sts_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/integration/emulator"
	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

func emulate(t *testing.T) *emulator.Emulator {
	t.Helper()
	e := emulator.New(emulator.World{})
	if err := e.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func of(u *emulator.User) aws.CredentialsProvider {
	return static(aws.Credentials{AccessKeyID: u.AccessKeyID, SecretAccessKey: u.SecretAccessKey})
}

// Every operation against an STS that checks signatures, bounds, trust and codes.
func TestStrictSTS(t *testing.T) {
	t.Parallel()
	e := emulate(t)
	alice := e.AddUser(account, "alice")
	admin := e.AddUser(other, "admin")
	e.SetAccount(emulator.Account{ID: other, Management: true})
	device := e.AddMFADevice(alice, "alice")
	oidc := e.AddOIDCProvider(account, "https://idp.example", "sts.amazonaws.com")
	idp := e.AddSAMLProvider(account, "idp")
	r := e.AddRole(account, "Admin", emulator.RolePath("/team/"), emulator.Trust(account, oidc.ARN, idp.ARN), emulator.MaxSessionDuration(12*3600))
	c := client(t, sts.Options{Endpoint: e.URL()})

	session, err := ask(t, c, sts.Request{Operation: token.GetSessionToken, Duration: 15 * time.Minute, SerialNumber: device.SerialNumber, TokenCode: device.Code(e.Now())}, of(alice))
	if err != nil {
		t.Fatal(err)
	}
	chain := static(signing(session))
	now := time.Now()
	for _, q := range []struct {
		r      sts.Request
		source aws.CredentialsProvider
		arn    string
	}{
		{sts.Request{Operation: token.GetSessionToken}, of(alice), ""},
		{sts.Request{Operation: token.GetFederationToken, Name: "bob", Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`,
			Tags: []sts.Tag{{Key: "Team", Value: "a b"}}, Duration: 36 * time.Hour}, of(alice), "arn:aws:sts::" + account + ":federated-user/bob"},
		{sts.Request{Operation: token.AssumeRole, RoleArn: r.ARN, RoleSessionName: "build", Duration: 12 * time.Hour, SourceIdentity: "alice",
			Tags: []sts.Tag{{Key: "Team", Value: "é"}}, TransitiveTagKeys: []string{"Team"}}, chain, "arn:aws:sts::" + account + ":assumed-role/Admin/build"},
		{sts.Request{Operation: token.AssumeRoleWithWebIdentity, RoleArn: r.ARN, RoleSessionName: "ci", WebIdentityToken: oidc.Token("repo:x", "sts.amazonaws.com", now.Add(time.Hour))}, nil,
			"arn:aws:sts::" + account + ":assumed-role/Admin/ci"},
		{sts.Request{Operation: token.AssumeRoleWithSAML, RoleArn: r.ARN, PrincipalArn: idp.ARN, SAMLAssertion: idp.Assertion(emulator.SAMLAssertion{RoleARNs: []string{r.ARN},
			RoleSessionName: "alice@example.com", Issued: now, SessionDuration: 4 * 3600})}, nil, "arn:aws:sts::" + account + ":assumed-role/Admin/alice@example.com"},
		{sts.Request{Operation: token.AssumeRoot, TargetPrincipal: account, TaskPolicyArn: "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}, of(admin), ""},
	} {
		tok, err := ask(t, c, q.r, q.source)
		if err != nil {
			t.Error(err)
			continue
		}
		id, ok := e.Lookup(tok.Credentials.AccessKeyID)
		if !ok || id.Operation != string(q.r.Operation) || tok.Credentials.AccountID != account || id.Account != account ||
			!e.Owns(tok.Credentials.AccessKeyID, tok.Credentials.SecretAccessKey, tok.Credentials.SessionToken) {
			t.Errorf("%v is %+v", tok, id)
		}
		if p := tok.Principal(); (p == nil) != (q.arn == "") || p != nil && p.ARN != q.arn {
			t.Errorf("%v: principal %v", tok, p)
		}
	}

	// The used code again, by a user in a hurry: the class says so, and the code is not sent a third time.
	_, err = ask(t, c, sts.Request{Operation: token.GetSessionToken, SerialNumber: device.SerialNumber, TokenCode: device.Code(e.Now())}, of(alice))
	if err == nil || err.Class != sts.MFARejected {
		t.Errorf("%v", err)
	}
	// One hour through a chain of roles.
	first, err := ask(t, c, sts.Request{Operation: token.AssumeRole, RoleArn: r.ARN, RoleSessionName: "one"}, of(alice))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(t, c, sts.Request{Operation: token.AssumeRole, RoleArn: r.ARN, RoleSessionName: "two", Duration: 2 * time.Hour}, static(signing(first)))
	if err == nil || err.Class != sts.Invalid || !strings.Contains(err.Error(), "1h at most") {
		t.Errorf("%v", err)
	}
	wrong := static(aws.Credentials{AccessKeyID: alice.AccessKeyID, SecretAccessKey: "CANARYwrong"})
	if _, err = ask(t, c, sts.Request{Operation: token.GetSessionToken}, wrong); err == nil || err.Class != sts.SourceRejected || !strings.Contains(err.Error(), "secret access key") {
		t.Errorf("%v", err)
	}
}

// Every trouble the emulator knows: a code is sent once, and what comes back is a good token or an error.
func TestEveryFault(t *testing.T) {
	works := []emulator.Kind{emulator.Delay, emulator.LongTermKey, emulator.SlowDrip}
	for _, kind := range emulator.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			e := emulate(t)
			alice := e.AddUser(account, "alice")
			device := e.AddMFADevice(alice, "alice")
			f := emulator.Fault{Kind: kind, Status: 302, Location: "http://portal.example/", Delay: time.Microsecond, Code: "AccessDenied", Message: "no"}
			if kind == emulator.Refuse {
				f.Status = 403
			}
			e.Fault(f)
			ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
			defer cancel()
			if kind == emulator.Hang || kind == emulator.HangAfter {
				ctx, cancel = context.WithTimeout(ctx, 200*time.Millisecond)
				defer cancel()
			}
			r := sts.Request{Operation: token.GetSessionToken, SerialNumber: device.SerialNumber, TokenCode: device.Code(e.Now())}
			tok, err := askContext(t, ctx, client(t, sts.Options{Endpoint: e.URL()}), r, of(alice))
			if slices.Contains(works, kind) {
				if err != nil || tok.Operation != token.GetSessionToken {
					t.Errorf("%v", err)
				}
			} else if err == nil || !err.Sent() {
				t.Errorf("%v %+v", tok, err)
			}
			if n := e.Count(""); n != 1 {
				t.Errorf("the code was sent %d times", n)
			}
		})
	}
}
