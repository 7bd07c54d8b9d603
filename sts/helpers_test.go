package sts_test

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sts-helper/sts-helper/sts"
	"github.com/sts-helper/sts-helper/token"
)

const (
	account = "111122223333"
	other   = "444455556666"
	roleArn = "arn:aws:iam::111122223333:role/team/Admin"
	secret  = "CANARYsecretCANARYsecretCANARYsecretKEY0"
	session = "CANARYsessionTOKEN/CANARYsessionTOKEN=="
	code    = "246810"
	jwt     = "eyJCANARY.eyJCANARYpayload.CANARYsignature"
	saml    = "Q0FOQVJZQ0FOQVJZQ0FOQVJZ"
)

// keyID is an access key id of the present form: prefix, then base 32 that carries the account.
func keyID(prefix, account string) string {
	var n uint64
	fmt.Sscan(strings.TrimLeft(account, "0"), &n)
	b := binary.BigEndian.AppendUint64(nil, n<<7|0x800000000000)[2:]
	return prefix + base32.StdEncoding.EncodeToString(append(b, 1, 2, 3, 4))
}

// keys are the source credentials of an IAM user of account.
func keys() aws.CredentialsProvider {
	return static(aws.Credentials{AccessKeyID: keyID("AKIA", account), SecretAccessKey: "CANARYlongTermCANARYlongTermCANARYlong00"})
}

// temporary are the credentials of a session of account, which ends then.
func temporary(end time.Time) aws.CredentialsProvider {
	return static(aws.Credentials{AccessKeyID: keyID("ASIA", account), SecretAccessKey: secret, SessionToken: session, CanExpire: true, Expires: end})
}

// signing is a token as the source of another.
func signing(t token.Token) aws.Credentials {
	c := t.Credentials
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken, CanExpire: c.CanExpire, Expires: c.Expires}
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })
}

// said is what a fake STS answers; empty fields are left out.
type said struct {
	KeyID, Secret, Session, Expires string
	ID, ARN                         string // of the principal
	Packed, SourceIdentity          string
	Size, Utilization               string
	Extra                           string // XML inside the result
}

// good is the answer that r asks for.
func good(r sts.Request) said {
	s := said{
		KeyID: keyID("ASIA", account), Secret: secret, Session: session,
		Expires: time.Now().Add(r.Lifetime()).UTC().Format("2006-01-02T15:04:05.000Z"),
		Size:    strconv.Itoa(len(session)), Utilization: "18",
	}
	switch r.Operation {
	case token.GetScopedCredentials:
		s.ID, s.ARN = "AROACANARYROLE:build", "arn:aws:sts::"+account+":assumed-role/Admin/build"
		s.Extra = "<ScopedPoliciesCount>1</ScopedPoliciesCount>"
	case token.GetWebIdentityToken:
		end := time.Now().Add(r.Lifetime())
		claims, _ := json.Marshal(map[string]any{"aud": r.Audience, "sub": roleArn, "iss": "https://idp.example", "exp": end.Unix()})
		s = said{Extra: "<WebIdentityToken>eyJCANARY." + base64.RawURLEncoding.EncodeToString(claims) + ".CANARYsignature</WebIdentityToken>" +
			"<Expiration>" + s.Expires + "</Expiration>"}
	case token.GetFederationToken:
		s.ID, s.ARN, s.Packed = account+":"+r.Name, "arn:aws:sts::"+account+":federated-user/"+r.Name, "6"
	case token.AssumeRole:
		s.ID, s.ARN, s.Packed = "AROACANARYROLE:"+r.RoleSessionName, "arn:aws:sts::"+account+":assumed-role/Admin/"+r.RoleSessionName, "7"
		s.SourceIdentity = r.SourceIdentity
	case token.AssumeRoleWithWebIdentity:
		s.ID, s.ARN = "AROACANARYROLE:"+r.RoleSessionName, "arn:aws:sts::"+account+":assumed-role/Admin/"+r.RoleSessionName
		s.Extra = "<SubjectFromWebIdentityToken>repo:x/y</SubjectFromWebIdentityToken><Audience>sts.amazonaws.com</Audience><Provider>https://idp.example</Provider>"
	case token.AssumeRoleWithSAML:
		s.ID, s.ARN = "AROACANARYROLE:alice@example.com", "arn:aws:sts::"+account+":assumed-role/Admin/alice@example.com"
		s.Extra = "<Issuer>https://idp.example/saml</Issuer><Subject>alice</Subject><SubjectType>transient</SubjectType><Audience>https://signin.aws.amazon.com/saml</Audience>"
	}
	return s
}

// xml is the answer as a document.
func (s said) xml(op token.Operation) string {
	var b strings.Builder
	add := func(name, value string) {
		if value != "" {
			b.WriteString("<" + name + ">" + value + "</" + name + ">")
		}
	}
	ns := "https://sts.amazonaws.com/doc/2011-06-15/"
	fmt.Fprintf(&b, `<%sResponse xmlns="%s"><%sResult>`, op, ns, op)
	if s.KeyID+s.Secret+s.Session+s.Expires != "" {
		b.WriteString("<Credentials>")
		add("AccessKeyId", s.KeyID)
		add("SecretAccessKey", s.Secret)
		add("SessionToken", s.Session)
		add("Expiration", s.Expires)
		b.WriteString("</Credentials>")
	}
	if s.ID+s.ARN != "" {
		outer, id := "AssumedRoleUser", "AssumedRoleId"
		switch op {
		case token.GetFederationToken:
			outer, id = "FederatedUser", "FederatedUserId"
		case token.GetScopedCredentials:
			outer, id = "SessionInfo", "ScopedSessionId"
		}
		b.WriteString("<" + outer + ">")
		add(id, s.ID)
		add("Arn", s.ARN)
		b.WriteString("</" + outer + ">")
	}
	add("PackedPolicySize", s.Packed)
	add("SessionTokenSize", s.Size)
	add("SessionTokenUtilization", s.Utilization)
	add("SourceIdentity", s.SourceIdentity)
	fmt.Fprintf(&b, "%s</%sResult><ResponseMetadata><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ResponseMetadata></%sResponse>", s.Extra, op, op)
	return b.String()
}

// refusal is an error document of STS.
func refusal(code, message string) string {
	return `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>` + code +
		`</Code><Message>` + message + `</Message></Error><RequestId>c6104cbe-af31-11e0-8154-cbc7ccf896c7</RequestId></ErrorResponse>`
}

// fake is an STS that does as its handler says and counts.
type fake struct {
	*httptest.Server
	mu    sync.Mutex
	forms []url.Values
	auth  []string
}

func serve(t testing.TB, h http.HandlerFunc) *fake {
	f := &fake{}
	f.Server = httptest.NewServer(f.counting(h))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) counting(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(b))
		f.mu.Lock()
		f.forms = append(f.forms, form)
		f.auth = append(f.auth, r.Header.Get("Authorization"))
		f.mu.Unlock()
		h(w, r)
	})
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.forms)
}

func (f *fake) form(i int) url.Values {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.forms[i]
}

func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func client(t testing.TB, o sts.Options) *sts.Client {
	t.Helper()
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	c, err := sts.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// asked is the answer of one Do, with what every failure must be: an *Error, without a token,
// on one line, short, and without secrets.
func ask(t testing.TB, c *sts.Client, r sts.Request, source aws.CredentialsProvider) (token.Token, *sts.Error) {
	t.Helper()
	return askContext(t, context.Background(), c, r, source)
}

func askContext(t testing.TB, ctx context.Context, c *sts.Client, r sts.Request, source aws.CredentialsProvider) (token.Token, *sts.Error) {
	t.Helper()
	tok, err := c.Do(ctx, r, source)
	if err == nil {
		if err := tok.Validate(); err != nil {
			t.Errorf("a token that is not one: %v", err)
		}
		return tok, nil
	}
	var e *sts.Error
	if !errors.As(err, &e) {
		t.Fatalf("error of type %T: %v", err, err)
	}
	if !equal(tok, token.Token{}) {
		t.Error("a token beside an error")
	}
	text := e.Error()
	if strings.Contains(text, "CANARY") || strings.Contains(text, code) || strings.Contains(text, saml) {
		t.Errorf("an error shows a secret: %s", text)
	}
	for _, c := range text {
		if c < ' ' || c == 0x7f || c >= 0x202a && c <= 0x202e {
			t.Errorf("an error has a control character: %q", text)
		}
	}
	if len(text) > 1000 {
		t.Errorf("an error of %d bytes", len(text))
	}
	return tok, e
}

func equal(a, b token.Token) bool {
	return fmt.Sprintf("%#v", a.Credentials) == fmt.Sprintf("%#v", b.Credentials)
}
