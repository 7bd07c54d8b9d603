package emulator_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"
	"github.com/aws/smithy-go"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

const (
	startURL    = "https://d-1234567890.awsapps.com/start"
	callback    = "http://127.0.0.1/oauth/callback"
	verifier    = "0123456789012345678901234567890123456789abcdef-._~"
	challenge   = "rEbeKE2BvxKhsEf7Nf20Tr5uyMurb9H5OJU8qH1mZCw" // base64url(SHA-256(verifier))
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
)

// clock is a time that a test moves.
type clock struct{ now time.Time }

func (c *clock) set(e *emulator.Emulator) *clock {
	c.now = time.Now()
	e.SetNow(func() time.Time { return c.now })
	return c
}

func center(t testing.TB) (*emulator.Emulator, *sso.Client, *ssooidc.Client) {
	t.Helper()
	e := start(t, emulator.World{IdentityCenter: &emulator.IdentityCenter{StartURL: startURL, Region: "eu-central-1", Users: []emulator.DirectoryUser{
		{Name: "alice", Assignments: []emulator.Assignment{{account, "Admin"}, {account, "ReadOnly"}, {other, "Admin"}}},
		{Name: "bob", Assignments: []emulator.Assignment{{account, "Admin"}}},
	}}})
	hc := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	portal := sso.New(sso.Options{Region: "eu-central-1", BaseEndpoint: aws.String(e.URL()), Retryer: aws.NopRetryer{}, HTTPClient: hc})
	oidc := ssooidc.New(ssooidc.Options{Region: "eu-central-1", BaseEndpoint: aws.String(e.URL()), Retryer: aws.NopRetryer{}, HTTPClient: hc})
	return e, portal, oidc
}

// wantError checks the SDK's reading of a refusal.
func wantError(t testing.TB, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func roleInput(token, acct, role string) *sso.GetRoleCredentialsInput {
	return &sso.GetRoleCredentialsInput{AccessToken: &token, AccountId: &acct, RoleName: &role}
}

func TestTwoUsersOfOneRole(t *testing.T) {
	e, portal, _ := center(t)
	ctx := context.Background()
	arns := map[string]string{}
	for _, name := range []string{"alice", "bob"} {
		out, err := portal.GetRoleCredentials(ctx, roleInput(e.SignInSSO(name).AccessToken, account, "Admin"))
		if err != nil {
			t.Fatal(err)
		}
		c := out.RoleCredentials
		if left := time.Until(time.UnixMilli(c.Expiration)); left < 59*time.Minute || left > time.Hour {
			t.Errorf("expires in %s", left)
		}
		who, err := client(e, *c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken).GetCallerIdentity(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(*who.Arn, "arn:aws:sts::"+account+":assumed-role/AWSReservedSSO_Admin_") || !strings.HasSuffix(*who.Arn, "/"+name) ||
			!strings.HasSuffix(*who.UserId, ":"+name) {
			t.Errorf("%s is %s, %s", name, *who.Arn, *who.UserId)
		}
		arns[name] = strings.TrimSuffix(*who.Arn, name)
	}
	if arns["alice"] != arns["bob"] {
		t.Errorf("the role differs: %v", arns)
	}
	if n := e.CountRole(account, "Admin"); n != 2 || e.CountRole(other, "Admin") != 0 {
		t.Errorf("counted %d", n)
	}
}

func TestPortalRefusals(t *testing.T) {
	e, portal, _ := center(t)
	c := new(clock).set(e)
	ctx := context.Background()
	alice, bob := e.SignInSSO("alice"), e.SignInSSO("bob")
	get := func(token, acct, role string) error {
		_, err := portal.GetRoleCredentials(ctx, roleInput(token, acct, role))
		return err
	}
	wantError(t, get("unknown", account, "Admin"), "UnauthorizedException")
	wantError(t, get(alice.RefreshToken, account, "Admin"), "UnauthorizedException")
	wantError(t, get(bob.AccessToken, account, "ReadOnly"), "ForbiddenException")
	wantError(t, get(bob.AccessToken, other, "Admin"), "ForbiddenException")
	wantError(t, get(alice.AccessToken, "12345", "Admin"), "InvalidRequestException")
	if err := get(alice.AccessToken, other, "Admin"); err != nil {
		t.Error(err)
	}
	e.Unassign("alice", other, "Admin")
	wantError(t, get(alice.AccessToken, other, "Admin"), "ForbiddenException")
	if _, err := portal.Logout(ctx, &sso.LogoutInput{AccessToken: &bob.AccessToken}); err != nil {
		t.Error(err)
	}
	wantError(t, get(bob.AccessToken, account, "Admin"), "UnauthorizedException")
	c.now = c.now.Add(time.Hour)
	wantError(t, get(alice.AccessToken, account, "Admin"), "UnauthorizedException")
}

func TestPortalLimit(t *testing.T) {
	e, portal, _ := center(t)
	c := new(clock).set(e)
	ctx := context.Background()
	token := e.SignInSSO("alice").AccessToken
	e.LimitPortal(20)
	for i := range 21 {
		_, err := portal.GetRoleCredentials(ctx, roleInput(token, account, "Admin"))
		if i < 20 && err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		} else if i == 20 {
			wantError(t, err, "TooManyRequestsException")
		}
	}
	c.now = c.now.Add(50 * time.Millisecond)
	if _, err := portal.GetRoleCredentials(ctx, roleInput(token, account, "Admin")); err != nil {
		t.Error(err)
	}
	e.LimitPortal(0)
	for range 30 {
		if _, err := portal.GetRoleCredentials(ctx, roleInput(token, account, "Admin")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPortalLists(t *testing.T) {
	e, portal, _ := center(t)
	ctx := context.Background()
	token := e.SignInSSO("alice").AccessToken
	var ids []string
	for p := sso.NewListAccountsPaginator(portal, &sso.ListAccountsInput{AccessToken: &token, MaxResults: aws.Int32(1)}); p.HasMorePages(); {
		out, err := p.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range out.AccountList {
			ids = append(ids, *a.AccountId)
		}
	}
	if got := strings.Join(ids, " "); got != account+" "+other {
		t.Errorf("accounts %s", got)
	}
	out, err := portal.ListAccountRoles(ctx, &sso.ListAccountRolesInput{AccessToken: &token, AccountId: aws.String(account)})
	if err != nil || len(out.RoleList) != 2 || *out.RoleList[0].RoleName != "Admin" || *out.RoleList[1].RoleName != "ReadOnly" {
		t.Errorf("roles %v, %v", out, err)
	}
	_, err = portal.ListAccountRoles(ctx, &sso.ListAccountRolesInput{AccessToken: &token, AccountId: aws.String("999999999999")})
	wantError(t, err, "ForbiddenException")
}

func TestAdminOfLogins(t *testing.T) {
	e, portal, _ := center(t)
	carol := e.AddUser(account, "carol")
	e.EnableAdmin()
	alive := func(token string) bool {
		_, err := portal.GetRoleCredentials(context.Background(), roleInput(token, account, "Admin"))
		return err == nil
	}
	first, second := e.SignInSSO("alice").AccessToken, e.SignInSSO("bob").AccessToken
	e.SignInConsole("carol")
	for _, call := range []string{"browser?user=alice", "sso-end?user=bob", "login-end?why=TOKEN_EXPIRED&arn=" + carol.ARN} {
		if status := admin(t, e, "POST", call, "", nil); status != 200 {
			t.Errorf("%s: %d", call, status)
		}
	}
	if !alive(first) || alive(second) || e.LoginsEnded() != 1 {
		t.Error("ended the wrong ones")
	}
	if status := admin(t, e, "POST", "sso-expire", "", nil); status != 200 || alive(first) || e.SSOSessionsEnded() != 1 {
		t.Error("the access tokens did not end alone")
	}
	if status := admin(t, e, "POST", "login-end?why=x", "", nil); status != 400 {
		t.Error(status)
	}
	bare := start(t, emulator.World{})
	bare.EnableAdmin()
	if status := admin(t, bare, "POST", "sso-expire", "", nil); status != 400 {
		t.Error(status)
	}
}
