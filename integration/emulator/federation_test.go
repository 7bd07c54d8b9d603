package emulator_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// Every operation through the SDK's own client, with every field of its answer.
func TestOperationsThroughTheSDK(t *testing.T) {
	e := start(t, emulator.World{Accounts: []emulator.Account{{ID: account, Management: true}, {ID: other}}})
	alice := e.AddUser(account, "alice", emulator.UserPath("/team/"))
	oidc := e.AddOIDCProvider(account, "https://idp.example.com/realm", "sts.amazonaws.com")
	saml := e.AddSAMLProvider(account, "corp")
	role := e.AddRole(account, "r", emulator.RolePath("/svc/"), emulator.Trust(account, oidc.ARN, saml.ARN))
	c, ctx := userClient(e, alice), context.Background()
	sessionARN := "arn:aws:sts::" + account + ":assumed-role/r/me"
	check := func(name string, cr *types.Credentials, life time.Duration, arn string) {
		t.Helper()
		if left := time.Until(*cr.Expiration); left > life || left < life-5*time.Second {
			t.Errorf("%s: expires in %s", name, left)
		}
		if acct, ok := emulator.AccountOfKey(*cr.AccessKeyId); !ok || !strings.Contains(arn, acct) {
			t.Errorf("%s: account %s in the key id", name, acct)
		}
		who, err := client(e, *cr.AccessKeyId, *cr.SecretAccessKey, *cr.SessionToken).GetCallerIdentity(ctx, nil)
		if err != nil || *who.Arn != arn {
			t.Errorf("%s: %v %v", name, who, err)
		}
	}
	policy := aws.String(string(emulator.AllowAll))

	fed, err := c.GetFederationToken(ctx, &sts.GetFederationTokenInput{Name: aws.String("Bob"), Policy: policy, DurationSeconds: aws.Int32(10800),
		PolicyArns: []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}},
		Tags:       []types.Tag{{Key: aws.String("Team"), Value: aws.String("red blue")}}})
	if err != nil {
		t.Fatal(err)
	}
	check("federation", fed.Credentials, 3*time.Hour, *fed.FederatedUser.Arn)
	//lint:ignore SA1019 STS still sends it, and users know it by this name
	if *fed.FederatedUser.FederatedUserId != account+":Bob" || *fed.PackedPolicySize < 1 || *fed.PackedPolicySize > 100 {
		//lint:ignore SA1019 STS still sends it, and users know it by this name
		t.Errorf("%v %v", *fed.FederatedUser.FederatedUserId, *fed.PackedPolicySize)
	}
	if id, _ := e.Lookup(*fed.Credentials.AccessKeyId); id.FederatedName != "Bob" || id.Policy != *policy || len(id.PolicyARNs) != 1 || id.Tags["Team"] != "red blue" {
		t.Errorf("%+v", id)
	}

	ar, err := c.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: &role.ARN, RoleSessionName: aws.String("me"), SourceIdentity: aws.String("alice"), ExternalId: aws.String("any")})
	if err != nil {
		t.Fatal(err)
	}
	check("role", ar.Credentials, time.Hour, sessionARN)
	if *ar.AssumedRoleUser.Arn != sessionARN || *ar.AssumedRoleUser.AssumedRoleId != role.RoleID+":me" || *ar.SourceIdentity != "alice" {
		t.Errorf("%v %v", *ar.AssumedRoleUser.Arn, *ar.SourceIdentity)
	}

	web, err := c.AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: &role.ARN, RoleSessionName: aws.String("me"),
		WebIdentityToken: aws.String(oidc.Token("repo:x", "sts.amazonaws.com", time.Now().Add(time.Minute))), DurationSeconds: aws.Int32(900)})
	if err != nil {
		t.Fatal(err)
	}
	check("web identity", web.Credentials, 15*time.Minute, sessionARN)
	if *web.SubjectFromWebIdentityToken != "repo:x" || *web.Provider != oidc.ARN || *web.Audience != "sts.amazonaws.com" {
		t.Errorf("%v %v %v", *web.SubjectFromWebIdentityToken, *web.Provider, *web.Audience)
	}

	sm, err := c.AssumeRoleWithSAML(ctx, &sts.AssumeRoleWithSAMLInput{RoleArn: &role.ARN, PrincipalArn: &saml.ARN, SAMLAssertion: aws.String(saml.Assertion(
		emulator.SAMLAssertion{RoleARNs: []string{role.ARN}, RoleSessionName: "me", Subject: "me@corp", Issued: time.Now(), NotOnOrAfter: time.Now().Add(30 * time.Minute)}))})
	if err != nil {
		t.Fatal(err)
	}
	check("SAML", sm.Credentials, 30*time.Minute, sessionARN)
	if *sm.Subject != "me@corp" || *sm.SubjectType != "persistent" || *sm.Audience != "https://signin.aws.amazon.com/saml" || *sm.Issuer == "" || *sm.NameQualifier == "" {
		t.Errorf("%+v", sm)
	}

	root, err := c.AssumeRoot(ctx, &sts.AssumeRootInput{TargetPrincipal: aws.String(other), TaskPolicyArn: &types.PolicyDescriptorType{Arn: aws.String("arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials")}})
	if err != nil {
		t.Fatal(err)
	}
	check("root", root.Credentials, 15*time.Minute, "arn:aws:sts::"+other+":assumed-root")

	info, err := c.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: root.Credentials.AccessKeyId})
	if err != nil || *info.Account != other {
		t.Errorf("%v %v", info, err)
	}
	var api smithy.APIError
	_, err = c.GetSessionToken(ctx, &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(60)})
	if !errors.As(err, &api) || api.ErrorCode() != "ValidationError" || api.ErrorFault() != smithy.FaultUnknown {
		t.Errorf("%v", err)
	}
}

func TestWebIdentityRefusals(t *testing.T) {
	e := start(t, emulator.World{})
	p := e.AddOIDCProvider(account, "https://idp.example.com", "sts.amazonaws.com", "second")
	foreign := e.AddOIDCProvider(other, "https://other.example.com", "sts.amazonaws.com")
	e.AddRole(account, "web", emulator.Trust(p.ARN))
	e.AddRole(account, "one", emulator.Trust(p.ARN))
	e.AddRole(account, "closed")
	for _, r := range e.Roles() {
		if r.Name == "one" {
			r.Subjects, r.Audiences = []string{"repo:me/*"}, []string{"sts.amazonaws.com"}
		}
	}
	now := time.Now()
	soon := now.Add(time.Minute)
	good := p.Token("repo:me/x", "sts.amazonaws.com", soon)
	parts := strings.Split(good, ".")
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
	expired := p.Token("s", "sts.amazonaws.com", time.Unix(1700000000, 0))
	const notJWT = "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
	const noKey = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements"
	for _, tt := range []struct {
		name, role, token string
		status            int
		code, message     string
	}{
		{"good", "web", good, 200, "", ""},
		{"second audience", "web", p.Sign(map[string]any{"sub": "s", "aud": []string{"x", "second"}, "exp": soon.Unix()}), 200, "", ""},
		{"subject and audience match", "one", good, 200, "", ""},
		{"other subject", "one", p.Token("repo:you/x", "sts.amazonaws.com", soon), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"other audience of the provider", "one", p.Token("repo:me/x", "second", soon), 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"role trusts no one outside", "closed", good, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"no such role", "none", good, 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"},
		{"not a JWT", "web", "abcdef", 400, "InvalidIdentityToken", notJWT},
		{"not base64", "web", "a*.b.c", 400, "InvalidIdentityToken", notJWT},
		{"unsigned", "web", unsigned, 400, "InvalidIdentityToken", noKey},
		{"another algorithm", "web", emulator.SignJWT(`{"alg":"HS256"}`, `{"iss":"https://idp.example.com","sub":"s","aud":"second","exp":4000000000}`), 400, "InvalidIdentityToken", noKey},
		{"no algorithm at all", "web", emulator.SignJWT(`{}`, `{"iss":"https://idp.example.com","sub":"s","aud":"second","exp":4000000000}`), 400, "InvalidIdentityToken", noKey},
		{"body of no JSON", "web", emulator.SignJWT(`{"alg":"RS256"}`, `x`), 400, "InvalidIdentityToken", notJWT},
		{"signature of another", "web", parts[0] + "." + parts[1] + "." + strings.Split(expired, ".")[2], 400, "InvalidIdentityToken", noKey},
		{"provider of another account", "web", foreign.Token("s", "sts.amazonaws.com", soon), 400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://other.example.com"},
		{"wrong audience", "web", p.Token("s", "me", soon), 400, "InvalidIdentityToken", "Incorrect token audience"},
		{"no subject", "web", p.Token("", "sts.amazonaws.com", soon), 400, "InvalidIdentityToken", "Missing a required claim: sub"},
		{"no expiry", "web", p.Sign(map[string]any{"sub": "s", "aud": "second"}), 400, "InvalidIdentityToken", "Missing a required claim: exp"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire{e: e, plain: true}.call(t, params("AssumeRoleWithWebIdentity", "RoleArn", roleARN(tt.role), "RoleSessionName", "me", "WebIdentityToken", tt.token)).
				want(t, tt.status, tt.code, tt.message)
		})
	}
	a := wire{e: e, plain: true}.call(t, params("AssumeRoleWithWebIdentity", "RoleArn", roleARN("web"), "RoleSessionName", "me", "WebIdentityToken", expired))
	if a.status != 400 || a.code != "ExpiredTokenException" || !strings.HasSuffix(a.message, " must be before the expiration date/time 1700000000") {
		t.Errorf("%+v", a)
	}
}

func TestSAMLRefusals(t *testing.T) {
	e := start(t, emulator.World{})
	p, second := e.AddSAMLProvider(account, "corp"), e.AddSAMLProvider(account, "second")
	e.AddRole(account, "saml", emulator.Trust(p.ARN))
	e.AddRole(account, "closed")
	e.AddRole(account, "AWSReservedSSO_Admin_0123", emulator.Trust(p.ARN))
	now := time.Now()
	base := emulator.SAMLAssertion{RoleARNs: []string{roleARN("saml"), roleARN("closed"), roleARN("AWSReservedSSO_Admin_0123")}, RoleSessionName: "me", Issued: now}
	with := func(change func(*emulator.SAMLAssertion)) string {
		a := base
		change(&a)
		return p.Assertion(a)
	}
	good := p.Assertion(base)
	text, _ := base64.StdEncoding.DecodeString(good)
	forged := base64.StdEncoding.EncodeToString([]byte(strings.Replace(string(text), ">me<", ">root<", 1)))
	refused := "Not authorized to perform sts:AssumeRoleWithSAML"
	for _, tt := range []struct {
		name, role, assertion string
		status                int
		code, message         string
	}{
		{"good", "saml", good, 200, "", ""},
		{"forged", "saml", forged, 400, "InvalidIdentityToken", "Response signature invalid"},
		{"signed by another", "saml", second.Assertion(base), 400, "InvalidIdentityToken", "Response signature invalid"},
		{"not base64", "saml", "<xml/>", 400, "InvalidIdentityToken", "Invalid base64 SAMLResponse"},
		{"late", "saml", with(func(a *emulator.SAMLAssertion) { a.Issued = now.Add(-6 * time.Minute) }), 400, "ExpiredTokenException", "Token must be redeemed within 5 minutes of issuance"},
		{"session over", "saml", with(func(a *emulator.SAMLAssertion) { a.NotOnOrAfter = now.Add(-time.Second) }), 400, "ExpiredTokenException", "Token is expired"},
		{"audience", "saml", with(func(a *emulator.SAMLAssertion) { a.Audience = "https://example.com" }), 400, "InvalidIdentityToken", "Audience is invalid"},
		{"no session name", "saml", with(func(a *emulator.SAMLAssertion) { a.RoleSessionName = "" }), 403, "IDPRejectedClaim", "RoleSessionName is required in AuthnResponse"},
		{"role not offered", "saml", with(func(a *emulator.SAMLAssertion) { a.RoleARNs = []string{roleARN("closed")} }), 403, "AccessDenied", refused},
		{"role does not trust", "closed", good, 403, "AccessDenied", refused},
		{"role of Identity Center", "AWSReservedSSO_Admin_0123", good, 403, "AccessDenied", refused},
		{"longer than the role's maximum", "saml", with(func(a *emulator.SAMLAssertion) { a.SessionDuration = 7200 }), 400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			wire{e: e, plain: true}.call(t, params("AssumeRoleWithSAML", "RoleArn", roleARN(tt.role), "PrincipalArn", p.ARN, "SAMLAssertion", tt.assertion)).
				want(t, tt.status, tt.code, tt.message)
		})
	}
	wire{e: e, plain: true}.call(t, params("AssumeRoleWithSAML", "RoleArn", roleARN("saml"), "PrincipalArn", "arn:aws:iam::"+account+":saml-provider/none", "SAMLAssertion", good)).
		want(t, 400, "InvalidIdentityToken", "Specified provider doesn't exist")
}

// The account in a key id, by ids published by others and by our own.
func TestAccountInKeyID(t *testing.T) {
	for id, want := range map[string]string{"AKIASP2TPHJSQH3FJXYZ": "171436882533", "ASIAVJ2E6QGR2WZILJFM": "364679954851"} {
		if got, ok := emulator.AccountOfKey(id); !ok || got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	for _, id := range []string{"AKIAIOSFODNN7EXAMPLE", "AKIA", "AKIA!!!!!!!!!!!!!!!!"} { // the first is of the older form
		if got, ok := emulator.AccountOfKey(id); ok {
			t.Errorf("%s: %s", id, got)
		}
	}
	seen := map[string]bool{}
	for _, acct := range []string{"000000000000", "000000000001", "111122223333", "999999999999"} {
		for range 100 {
			id := emulator.NewKeyID("ASIA", acct)
			if got, ok := emulator.AccountOfKey(id); !ok || got != acct || len(id) != 20 || seen[id] {
				t.Fatalf("%s: %s, want %s", id, got, acct)
			}
			seen[id] = true
		}
	}
}
