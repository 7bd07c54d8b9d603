package sts_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

// echo answers every operation as it should be.
func echo(r sts.Request) http.HandlerFunc { return answers(200, good(r).xml(r.Operation)) }

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	tags := []sts.Tag{{"Team", "a"}, {"x", ""}}
	arns := []string{"arn:aws:iam::aws:policy/ReadOnlyAccess"}
	for _, c := range []struct {
		r    sts.Request
		form string // what must be sent, besides Action and Version
		tok  token.Token
	}{
		{sts.Request{Operation: token.GetSessionToken}, "", token.Token{}},
		{sts.Request{Operation: token.GetSessionToken, Duration: 36 * time.Hour, SerialNumber: "arn:aws:iam::111122223333:mfa/alice", TokenCode: code},
			"DurationSeconds=129600 SerialNumber=arn:aws:iam::111122223333:mfa/alice TokenCode=246810", token.Token{}},
		{sts.Request{Operation: token.GetFederationToken, Name: "alice", Policy: "{}", PolicyArns: arns, Tags: tags, Duration: time.Hour},
			"Name=alice Policy={} PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess Tags.member.1.Key=Team Tags.member.1.Value=a " +
				"Tags.member.2.Key=x Tags.member.2.Value= DurationSeconds=3600",
			token.Token{PackedPolicySize: aws.Int32(6), FederatedUser: &token.Principal{ID: account + ":alice", ARN: "arn:aws:sts::111122223333:federated-user/alice"}}},
		{sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build", ExternalId: "ext", Policy: "{}", PolicyArns: arns, Tags: tags,
			TransitiveTagKeys: []string{"Team"}, SourceIdentity: "alice", Duration: 2 * time.Hour, SerialNumber: "GAHT12345678", TokenCode: code,
			ProvidedContexts: []sts.ProvidedContext{{"arn:aws:iam::aws:contextProvider/IdentityCenter", "CANARYassertion"}}},
			"RoleArn=" + roleArn + " RoleSessionName=build ExternalId=ext Policy={} PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess " +
				"Tags.member.1.Key=Team Tags.member.1.Value=a Tags.member.2.Key=x Tags.member.2.Value= TransitiveTagKeys.member.1=Team SourceIdentity=alice " +
				"DurationSeconds=7200 SerialNumber=GAHT12345678 TokenCode=246810 ProvidedContexts.member.1.ProviderArn=arn:aws:iam::aws:contextProvider/IdentityCenter " +
				"ProvidedContexts.member.1.ContextAssertion=CANARYassertion",
			token.Token{PackedPolicySize: aws.Int32(7), SourceIdentity: "alice",
				AssumedRole: &token.Principal{ID: "AROACANARYROLE:build", ARN: "arn:aws:sts::111122223333:assumed-role/Admin/build"}}},
		{sts.Request{Operation: token.AssumeRoleWithWebIdentity, RoleArn: roleArn, RoleSessionName: "build", WebIdentityToken: jwt, ProviderId: "www.amazon.com", Policy: "{}", PolicyArns: arns, Duration: time.Hour},
			"RoleArn=" + roleArn + " RoleSessionName=build WebIdentityToken=" + jwt + " ProviderId=www.amazon.com Policy={} " +
				"PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess DurationSeconds=3600",
			token.Token{Subject: "repo:x/y", Audience: "sts.amazonaws.com", Provider: "https://idp.example",
				AssumedRole: &token.Principal{ID: "AROACANARYROLE:build", ARN: "arn:aws:sts::111122223333:assumed-role/Admin/build"}}},
		{sts.Request{Operation: token.AssumeRoleWithSAML, RoleArn: roleArn, PrincipalArn: "arn:aws:iam::111122223333:saml-provider/idp", SAMLAssertion: saml, Policy: "{}", PolicyArns: arns, Duration: time.Hour},
			"RoleArn=" + roleArn + " PrincipalArn=arn:aws:iam::111122223333:saml-provider/idp SAMLAssertion=" + saml + " Policy={} " +
				"PolicyArns.member.1.arn=arn:aws:iam::aws:policy/ReadOnlyAccess DurationSeconds=3600",
			token.Token{Subject: "alice", Audience: "https://signin.aws.amazon.com/saml", Provider: "https://idp.example/saml",
				AssumedRole: &token.Principal{ID: "AROACANARYROLE:alice@example.com", ARN: "arn:aws:sts::111122223333:assumed-role/Admin/alice@example.com"}}},
		{sts.Request{Operation: token.AssumeRoot, TargetPrincipal: account, TaskPolicyArn: "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy", Duration: 900 * time.Second},
			"TargetPrincipal=" + account + " TaskPolicyArn.arn=arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy DurationSeconds=900", token.Token{}},
	} {
		op := c.r.Operation
		t.Run(string(op), func(t *testing.T) {
			f := serve(t, echo(c.r))
			cl := client(t, sts.Options{Endpoint: f.URL, AccountID: account})
			before := time.Now()
			tok, e := ask(t, cl, c.r, keys())
			if e != nil {
				t.Fatal(e)
			}
			if f.count() != 1 {
				t.Errorf("%d requests", f.count())
			}
			sent := f.form(0)
			if sent.Get("Action") != string(op) || sent.Get("Version") != "2011-06-15" {
				t.Errorf("sent %v", sent)
			}
			sent.Del("Action")
			sent.Del("Version")
			want := strings.Fields(c.form)
			if len(sent) != len(want) {
				t.Errorf("sent %v", sent)
			}
			for _, kv := range want {
				if k, v, _ := strings.Cut(kv, "="); len(sent[k]) != 1 || sent.Get(k) != v {
					t.Errorf("%s is %q, want %q", k, sent[k], v)
				}
			}
			unsigned := op == token.AssumeRoleWithWebIdentity || op == token.AssumeRoleWithSAML
			if signed := strings.Contains(f.auth[0], "AWS4-HMAC-SHA256") && strings.Contains(f.auth[0], "/eu-west-1/sts/"); signed == unsigned {
				t.Errorf("authorization %q", f.auth[0])
			}
			cr := tok.Credentials
			if tok.Operation != op || cr.AccessKeyID != keyID("ASIA", account) || cr.SecretAccessKey != secret || cr.SessionToken != session || cr.AccountID != account {
				t.Errorf("token %v of account %s", tok, cr.AccountID)
			}
			if left := cr.Expires.Sub(before); !cr.CanExpire || left > c.r.Lifetime()+2*time.Minute || left < c.r.Lifetime()-2*time.Minute {
				t.Errorf("ends in %s", left)
			}
			for _, at := range []time.Time{cr.Expires, tok.Issued} {
				if at.Location() != time.UTC || at.Nanosecond() != 0 || at.Round(0) != at {
					t.Errorf("time %v", at)
				}
			}
			if d := tok.Issued.Sub(before); d > 2*time.Minute || d < -2*time.Minute {
				t.Errorf("issued %v", tok.Issued)
			}
			if (tok.PackedPolicySize == nil) != (c.tok.PackedPolicySize == nil) || aws.ToInt32(tok.PackedPolicySize) != aws.ToInt32(c.tok.PackedPolicySize) ||
				tok.Subject != c.tok.Subject || tok.Audience != c.tok.Audience || tok.Provider != c.tok.Provider || tok.SourceIdentity != c.tok.SourceIdentity {
				t.Errorf("token has %+v", []any{tok.PackedPolicySize, tok.Subject, tok.Audience, tok.Provider, tok.SourceIdentity})
			}
			if n, _ := tok.SizePercent(); aws.ToInt32(tok.SessionTokenSize) != int32(len(session)) || aws.ToInt32(tok.SessionTokenUtilization) != 18 || n != 18 {
				t.Errorf("sizes %v %v, %d %%", tok.SessionTokenSize, tok.SessionTokenUtilization, n)
			}
			if !samePrincipal(tok.FederatedUser, c.tok.FederatedUser) || !samePrincipal(tok.AssumedRole, c.tok.AssumedRole) {
				t.Errorf("principals %v %v", tok.FederatedUser, tok.AssumedRole)
			}
		})
	}
}

func samePrincipal(a, b *token.Principal) bool { return a == b || a != nil && b != nil && *a == *b }

// An account is what an answer or a key says, and empty where neither does.
func TestAccountIsNeverGuessed(t *testing.T) {
	t.Parallel()
	r := sts.Request{Operation: token.GetSessionToken}
	s := good(r)
	s.KeyID = "AKIAIOSFODNN7EXAMPLE" // of the older form
	f := serve(t, answers(200, s.xml(r.Operation)))
	c := client(t, sts.Options{Endpoint: f.URL})
	tok, e := ask(t, c, r, static(aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY", AccountID: other}))
	if e != nil || tok.Credentials.AccountID != "" {
		t.Errorf("account %q, %v", tok.Credentials.AccountID, e)
	}
	// The session is of the source's account, as its key id shows.
	if tok, e = ask(t, c, r, keys()); e != nil || tok.Credentials.AccountID != account {
		t.Errorf("account %q, %v", tok.Credentials.AccountID, e)
	}
	// Where one account is required, not to know is not enough.
	c = client(t, sts.Options{Endpoint: f.URL, AccountID: account})
	if _, e = ask(t, c, r, static(aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "CANARY"})); !errors.Is(e, sts.ErrWrongIdentity) {
		t.Error(e)
	}
}

// Sources that STS would refuse are refused without a call.
func TestSourcesThatCannotDo(t *testing.T) {
	t.Parallel()
	temporary := aws.Credentials{AccessKeyID: keyID("ASIA", account), SecretAccessKey: "CANARYsecret", SessionToken: "CANARYsession"}
	noToken, expired, longTerm := temporary, temporary, temporary
	noToken.SessionToken = ""
	longTerm.AccessKeyID = keyID("AKIA", account)
	expired.CanExpire, expired.Expires = true, time.Now().Add(-time.Minute)
	newline := aws.Credentials{AccessKeyID: "AKIA\u202e\n", SecretAccessKey: "CANARYsecret"}
	blank := aws.Credentials{AccessKeyID: keyID("AKIA", account), SecretAccessKey: "CANARY secret"}
	gst, gft, role := sts.Request{Operation: token.GetSessionToken}, sts.Request{Operation: token.GetFederationToken, Name: "alice"}, sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build"}
	fails := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("parse failed of process output: {\"SecretAccessKey\":\"CANARYoutput\"}, error: x")
	})
	for name, c := range map[string]struct {
		r      sts.Request
		source aws.CredentialsProvider
		text   string
	}{
		"nil":                    {gst, nil, "no source credentials"},
		"anonymous":              {gst, aws.AnonymousCredentials{}, "no source credentials"},
		"failing":                {gst, fails, "no source credentials"},
		"empty":                  {role, static(aws.Credentials{}), "no access key id"},
		"blank":                  {role, static(blank), "blanks"},
		"newline in the key id":  {role, static(newline), "blanks"},
		"session for a session":  {gst, static(temporary), "long-term"},
		"session for federation": {gft, static(temporary), "long-term"},
		"ASIA without its token": {gst, static(noToken), "temporary"},
		"AKIA with a token":      {gft, static(longTerm), "temporary"},
		"role, no session token": {role, static(noToken), "session token is missing"},
		"role, expired":          {role, static(expired), "ended at"},
	} {
		t.Run(name, func(t *testing.T) {
			f := serve(t, echo(c.r))
			_, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), c.r, c.source)
			if e == nil || e.Class != sts.SourceRejected || !strings.Contains(e.Error(), c.text) || e.Sent() || !e.Final() {
				t.Errorf("%v", e)
			}
			if f.count() != 0 {
				t.Error("sent")
			}
		})
	}
	// A role may be assumed with a session.
	f := serve(t, echo(role))
	if _, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), role, static(temporary)); e != nil {
		t.Error(e)
	}
}

func TestRootWantsARegion(t *testing.T) {
	t.Parallel()
	r := sts.Request{Operation: token.AssumeRoot, TargetPrincipal: account, TaskPolicyArn: "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}
	for _, o := range []sts.Options{{Region: "aws-global"}, {Region: "us-east-1", Endpoint: "https://sts.amazonaws.com"}, {Endpoint: "https://STS.amazonaws.com.:443/"}} {
		c := client(t, o)
		if _, e := ask(t, c, r, keys()); e == nil || e.Class != sts.Invalid || e.Sent() {
			t.Errorf("%+v: %v", o, e)
		}
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o   sts.Options
		url string // "" means refused
		err string
	}{
		"region":            {sts.Options{Region: "eu-west-1"}, "https://sts.eu-west-1.amazonaws.com", ""},
		"global":            {sts.Options{Region: "aws-global"}, "https://sts.amazonaws.com", ""},
		"china":             {sts.Options{Region: "cn-north-1"}, "https://sts.cn-north-1.amazonaws.com.cn", ""},
		"FIPS":              {sts.Options{Region: "us-east-1", FIPS: true}, "https://sts-fips.us-east-1.amazonaws.com", ""},
		"dual stack":        {sts.Options{Region: "us-east-1", DualStack: true}, "https://sts.us-east-1.api.aws", ""},
		"endpoint":          {sts.Options{Endpoint: "http://127.0.0.1:4566"}, "http://127.0.0.1:4566", ""},
		"loopback, v6":      {sts.Options{Endpoint: "http://[::1]:4566"}, "http://[::1]:4566", ""},
		"plain, wanted":     {sts.Options{Endpoint: "http://moto:5000", AllowHTTP: true}, "http://moto:5000", ""},
		"plain":             {sts.Options{Endpoint: "http://moto:5000"}, "", "https"},
		"like loopback":     {sts.Options{Endpoint: "http://127.0.0.1.example:80"}, "", "https"},
		"nothing":           {sts.Options{}, "", "no region"},
		"region with slash": {sts.Options{Region: "eu-west-1/x"}, "", "region"},
		"region with case":  {sts.Options{Region: "EU-west-1"}, "", "region"},
		"region as host":    {sts.Options{Region: "evil.example"}, "", "region"},
		"password":          {sts.Options{Endpoint: "https://u:CANARY@sts.example"}, "", "user"},
		"bad escape":        {sts.Options{Endpoint: "https://u:CANARY@%zz"}, "", "URL"},
		"query":             {sts.Options{Endpoint: "https://sts.example/?x=CANARY"}, "", "query"},
		"no scheme":         {sts.Options{Endpoint: "sts.example"}, "", "URL"},
		"file":              {sts.Options{Endpoint: "file:///etc/passwd"}, "", "URL"},
		"both":              {sts.Options{Region: "us-east-1", Endpoint: "https://sts.example", FIPS: true}, "", "FIPS"},
		"bundle":            {sts.Options{Region: "us-east-1", CABundle: []byte("CANARY")}, "", "CA bundle"},
		"account":           {sts.Options{Region: "us-east-1", AccountID: "1234"}, "", "account"},
	} {
		cl, err := sts.New(c.o)
		if c.url == "" {
			if err == nil || !strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), "CANARY") {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if cl.Endpoint() != c.url {
			t.Errorf("%s: %s", name, cl.Endpoint())
		}
	}
	if c := client(t, sts.Options{Endpoint: "http://127.0.0.1:1"}); c.Region() != "eu-west-1" {
		t.Error(c.Region())
	}
	if c, err := sts.New(sts.Options{Endpoint: "http://127.0.0.1:1"}); err != nil || c.Region() != "us-east-1" {
		t.Error(err)
	}
}

// TestSizesOfAnOlderSTS: what does not say the utilization says PackedPolicySize, or nothing.
func TestSizesOfAnOlderSTS(t *testing.T) {
	t.Parallel()
	for _, packed := range []string{"81", ""} {
		r := sts.Request{Operation: token.AssumeRole, RoleArn: roleArn, RoleSessionName: "build"}
		s := good(r)
		s.Size, s.Utilization, s.Packed = "", "", packed
		f := serve(t, answers(200, s.xml(r.Operation)))
		tok, e := ask(t, client(t, sts.Options{Endpoint: f.URL}), r, keys())
		if e != nil {
			t.Fatal(e)
		}
		n, ok := tok.SizePercent()
		if ok != (packed != "") || ok && n != 81 || tok.SessionTokenSize != nil || tok.SessionTokenUtilization != nil {
			t.Errorf("packed %q: %d %v, %v %v", packed, n, ok, tok.SessionTokenSize, tok.SessionTokenUtilization)
		}
	}
}
