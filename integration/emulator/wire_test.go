package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// wire sends requests made by hand and signed by the SDK's signer, so that each can
// be broken in one place.
type wire struct {
	e       *emulator.Emulator
	creds   aws.Credentials
	service string
	region  string
	at      time.Time                         // signing time; zero: now
	body    string                            // in place of the parameters
	before  func(*http.Request)               // before signing
	after   func(*http.Request) *http.Request // after signing
	plain   bool                              // unsigned
}

type answer struct {
	status  int
	code    string
	message string
	body    string
	header  http.Header
}

func keys(u *emulator.User) aws.Credentials {
	return aws.Credentials{AccessKeyID: u.AccessKeyID, SecretAccessKey: u.SecretAccessKey}
}

var plainClient = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Transport:     &http.Transport{DisableKeepAlives: true},
}

// params makes a query out of name, value, name, value.
func params(action string, kv ...string) url.Values {
	v := url.Values{"Action": {action}, "Version": {"2011-06-15"}}
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], kv[i+1])
	}
	return v
}

func (w wire) request(t testing.TB, v url.Values) *http.Request {
	t.Helper()
	if w.service == "" {
		w.service = "sts"
	}
	if w.region == "" {
		w.region = "us-east-1"
	}
	if w.at.IsZero() {
		w.at = w.e.Now()
	}
	body := v.Encode()
	if w.body != "" {
		body = w.body
	}
	r, err := http.NewRequest("POST", w.e.URL()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if w.before != nil {
		w.before(r)
	}
	if !w.plain {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(context.Background(), w.creds, r, hex.EncodeToString(sum[:]), w.service, w.region, w.at); err != nil {
			t.Fatal(err)
		}
	}
	if w.after != nil {
		r = w.after(r)
	}
	return r
}

func (w wire) call(t testing.TB, v url.Values) answer {
	t.Helper()
	return send(t, w.request(t, v))
}

func send(t testing.TB, r *http.Request) answer {
	t.Helper()
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, body: string(b), header: res.Header}
	if res.StatusCode >= 400 {
		var doc struct {
			Error  struct{ Code, Message string }
			Errors struct {
				Error struct{ Code, Message string }
			}
		}
		if err := xml.Unmarshal(b, &doc); err != nil {
			t.Fatalf("error document of status %d: %v\n%s", res.StatusCode, err, b)
		}
		a.code, a.message = doc.Error.Code, doc.Error.Message
		if a.code == "" {
			a.code, a.message = doc.Errors.Error.Code, doc.Errors.Error.Message
		}
	}
	return a
}

// creds reads the credentials out of an answer.
func (a answer) creds(t testing.TB) aws.Credentials {
	t.Helper()
	if a.status != 200 {
		t.Fatalf("status %d %s: %s", a.status, a.code, a.message)
	}
	return aws.Credentials{AccessKeyID: a.field(t, "AccessKeyId"), SecretAccessKey: a.field(t, "SecretAccessKey"), SessionToken: a.field(t, "SessionToken")}
}

// field is the text of the first element of a name.
func (a answer) field(t testing.TB, name string) string {
	t.Helper()
	_, rest, ok := strings.Cut(a.body, "<"+name+">")
	text, _, end := strings.Cut(rest, "</"+name+">")
	if !ok || !end {
		t.Fatalf("no %s in %s", name, a.body)
	}
	return text
}

func (a answer) want(t testing.TB, status int, code, message string) {
	t.Helper()
	if a.status != status || a.code != code || a.message != message {
		t.Errorf("got  %d %s: %s\nwant %d %s: %s", a.status, a.code, a.message, status, code, message)
	}
}
