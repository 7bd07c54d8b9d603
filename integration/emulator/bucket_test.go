package emulator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sts-helper/sts-helper/integration/emulator"
)

// s3Wire sends one request to an S3, signed by the SDK's signer, broken by change where there is one.
type s3Wire struct {
	url    string
	creds  aws.Credentials
	region string
	hash   string // said of the body; what it is, if empty
}

func (w s3Wire) do(t *testing.T, method, path, body string, change func(*http.Request)) (status int, code, text string) {
	t.Helper()
	r, err := http.NewRequest(method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if w.hash == "" {
		sum := sha256.Sum256([]byte(body))
		w.hash = hex.EncodeToString(sum[:])
	}
	r.Header.Set("X-Amz-Content-Sha256", w.hash)
	err = v4.NewSigner().SignHTTP(context.Background(), w.creds, r, w.hash, "s3", w.region, time.Now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	res, err := plainClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	if res.StatusCode >= 400 && method != "HEAD" {
		var doc struct{ Code string }
		if err := xml.Unmarshal(b, &doc); err != nil {
			t.Fatalf("%v\n%s", err, b)
		}
		code = doc.Code
	}
	return res.StatusCode, code, string(b)
}

func TestS3(t *testing.T) {
	e := start(t, emulator.World{})
	alice := e.AddUser(account, "alice")
	session := wire{e: e, creds: keys(alice)}.call(t, params("GetSessionToken")).creds(t)
	s3 := e.NewS3("eu-west-1", "bucket")
	s3.Put("bucket", "a/b c+d.txt", []byte("hello"))
	srv := httptest.NewServer(s3)
	defer srv.Close()
	good := s3Wire{url: srv.URL, creds: session, region: "eu-west-1"}
	const path = "/bucket/a/b%20c%2Bd.txt"
	for _, tt := range []struct {
		name, method, path, body string
		wire                     func(*s3Wire)
		change                   func(*http.Request)
		status                   int
		code                     string
	}{
		{"get", "GET", path, "", nil, nil, 200, ""},
		{"range", "GET", path, "", nil, func(r *http.Request) { r.Header.Set("Range", "bytes=1-2") }, 206, ""},
		{"head", "HEAD", path, "", nil, nil, 200, ""},
		{"list", "GET", "/bucket/?list-type=2&prefix=a%2F", "", nil, nil, 200, ""},
		{"location", "GET", "/bucket?location", "", nil, nil, 200, ""},
		{"put", "PUT", "/bucket/new", "text", nil, nil, 200, ""},
		{"put, body not hashed", "PUT", "/bucket/new2", "text", func(w *s3Wire) { w.hash = "UNSIGNED-PAYLOAD" }, nil, 200, ""},
		{"no such key", "GET", "/bucket/none", "", nil, nil, 404, "NoSuchKey"},
		{"no such bucket", "GET", "/other/none", "", nil, nil, 404, "NoSuchBucket"},
		{"not there", "GET", "/bucket?policy", "", nil, nil, 501, "NotImplemented"},
		{"unsigned", "GET", path, "", nil, func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Del("X-Amz-Security-Token") }, 403, "AccessDenied"},
		{"another region", "GET", path, "", func(w *s3Wire) { w.region = "us-east-1" }, nil, 400, "AuthorizationHeaderMalformed"},
		{"another secret", "GET", path, "", func(w *s3Wire) { w.creds.SecretAccessKey += "x" }, nil, 403, "SignatureDoesNotMatch"},
		{"another token", "GET", path, "", func(w *s3Wire) { w.creds.SessionToken += "x" }, nil, 403, "InvalidAccessKeyId"},
		{"no token", "GET", path, "", func(w *s3Wire) { w.creds.SessionToken = "" }, nil, 403, "InvalidAccessKeyId"},
		{"another path", "GET", "/bucket/new", "", nil, func(r *http.Request) { r.URL.Path = "/bucket/new2" }, 403, "SignatureDoesNotMatch"},
		{"another query", "GET", "/bucket/?list-type=2&prefix=a", "", nil, func(r *http.Request) { r.URL.RawQuery = "list-type=2&prefix=b" }, 403, "SignatureDoesNotMatch"},
		{"another body", "PUT", "/bucket/new", "text", nil, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("TEXT")) }, 400, "XAmzContentSHA256Mismatch"},
		{"hash not said", "GET", path, "", nil, func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }, 400, "InvalidRequest"},
		{"chunks without signatures", "PUT", "/bucket/new", "4\r\ntext\r\n0\r\n\r\n", func(w *s3Wire) { w.hash = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" }, nil, 403, "SignatureDoesNotMatch"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := good
			if tt.wire != nil {
				tt.wire(&w)
			}
			status, code, text := w.do(t, tt.method, tt.path, tt.body, tt.change)
			if status != tt.status || code != tt.code {
				t.Errorf("%d %s, want %d %s\n%s", status, code, tt.status, tt.code, text)
			}
			last := e.Requests()[len(e.Requests())-1]
			if last.Service != "s3" || (last.Status == 200) != (tt.status < 300) {
				t.Errorf("logged as %+v", last)
			}
		})
	}
	t.Run("expired", func(t *testing.T) {
		e.SetNow(func() time.Time { return time.Now().Add(13 * time.Hour) })
		defer e.SetNow(time.Now)
		// The date is looked at first: 13 hours are too much for it, too.
		if status, code, _ := good.do(t, "GET", path, "", nil); status != 403 || code != "SignatureDoesNotMatch" {
			t.Errorf("%d %s", status, code)
		}
	})
}
