package sts_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/sts"
)

// canned is a transport that answers the same to everything.
type canned struct {
	status int
	body   string
}

func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: c.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{"Content-Type": {"text/xml"}},
		Body: io.NopCloser(strings.NewReader(c.body)), ContentLength: int64(len(c.body)), Request: r,
	}, nil
}

// Whatever STS, or who takes its place, answers: no panic, and a token only if it is a token
// for what was asked.
func FuzzAnswer(f *testing.F) {
	for i, op := range operations {
		s := good(valid(op))
		s.Expires = "2999-01-01T00:00:00Z"
		f.Add(uint8(i), 200, s.xml(op))
		s.Expires = "+" // replaced by a good one, below
		f.Add(uint8(i), 200, s.xml(op))
		f.Add(uint8(i), 403, refusal("AccessDenied", "no"))
	}
	f.Add(uint8(0), 200, "")
	f.Add(uint8(0), 500, "<html>")
	f.Add(uint8(1), 400, "<ErrorResponse><Error><Code></Code></Error></ErrorResponse>")
	f.Add(uint8(2), 302, "")
	f.Add(uint8(3), 200, strings.Repeat("<a>", 300))
	f.Fuzz(func(t *testing.T, which uint8, status int, body string) {
		if status < 100 || status > 999 || status == 503 || status == 429 || strings.Contains(body, "hrott") || strings.Contains(body, "Limit") || strings.Contains(body, "TooMany") || strings.Contains(body, "Slow") || strings.Contains(body, "Prior") {
			return // these wait, and are asked again
		}
		r := valid(operations[int(which)%len(operations)])
		body = strings.Replace(body, "<Expiration>+<", "<Expiration>"+time.Now().Add(10*time.Minute).UTC().Format(time.RFC3339)+"<", 1)
		c, err := sts.New(sts.Options{Region: "eu-west-1", Transport: canned{status, body}})
		if err != nil {
			t.Fatal(err)
		}
		tok, err := c.Do(context.Background(), r, keys())
		if err != nil {
			var e *sts.Error
			if !errors.As(err, &e) || e.Class == "" || e.Message == "" && e.Code == "" {
				t.Fatalf("%#v", err)
			}
			for _, c := range err.Error() {
				if c < ' ' || c >= 0x7f && c < 0xa0 || c == 0x202e || c == 0x2028 {
					t.Fatalf("%q", err)
				}
			}
			return
		}
		if status != 200 || tok.Validate() != nil || tok.Operation != r.Operation {
			t.Fatalf("%d gave %v", status, tok)
		}
		if left := time.Until(tok.Credentials.Expires); left < 58*time.Second || left > 12*time.Hour+6*time.Minute {
			t.Fatalf("ends in %s", left)
		}
		if p := tok.Principal(); p != nil && p.ARN != good(r).ARN && r.Operation != "AssumeRoleWithSAML" {
			t.Fatalf("names %s", p.ARN)
		}
		if a := tok.Credentials.AccountID; a != account && (a != "" || tok.Principal() != nil) {
			t.Fatalf("account %s", a)
		}
	})
}
