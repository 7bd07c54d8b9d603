package process_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

const (
	key     = "ASIAQNZGKIQY56JQ7WML"
	secret  = "secretCANARY/+abc=&<>"
	session = "sessionCANARY//+=="
)

func good() token.Credentials {
	return token.Credentials{
		AccessKeyID: key, SecretAccessKey: secret, SessionToken: session, AccountID: "029608264753",
		CanExpire: true, Expires: time.Date(2099, 11, 23, 0, 45, 5, 999_999_999, time.FixedZone("", 3600)),
	}
}

func TestDocumentIsTheOneEverySDKReads(t *testing.T) {
	got, err := process.Encode(good())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"Version":1,"AccessKeyId":"` + key + `","SecretAccessKey":"` + secret + `","SessionToken":"` + session +
		`","Expiration":"2099-11-22T23:45:05Z","AccountId":"029608264753"}` + "\n"
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	c := good()
	c.AccountID, c.SessionToken, c.CanExpire = "", "", false
	got, err = process.Encode(c)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(got); strings.Contains(s, "AccountId") || strings.Contains(s, "SessionToken") || strings.Contains(s, "Expiration") || strings.Contains(s, "null") {
		t.Errorf("an absent field is sent: %s", s)
	}
}

func TestWhatIsNeverWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*token.Credentials)
		want   error
	}{
		"expired":         {func(c *token.Credentials) { c.Expires = time.Now().Add(-time.Second) }, process.ErrExpired},
		"expiring now":    {func(c *token.Credentials) { c.Expires = time.Now() }, process.ErrExpired},
		"no key":          {func(c *token.Credentials) { c.AccessKeyID = "" }, process.ErrIncomplete},
		"no secret":       {func(c *token.Credentials) { c.SecretAccessKey = "" }, process.ErrIncomplete},
		"newline":         {func(c *token.Credentials) { c.SessionToken = "a\nb" }, process.ErrIncomplete},
		"account number":  {func(c *token.Credentials) { c.AccountID = "12" }, process.ErrIncomplete},
		"larger than all": {func(c *token.Credentials) { c.SessionToken = strings.Repeat("x", 70_000) }, process.ErrIncomplete},
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			tc.change(&c)
			var out bytes.Buffer
			err := process.Write(&out, c)
			if !errors.Is(err, tc.want) {
				t.Errorf("err = %v, want %v", err, tc.want)
			}
			if out.Len() != 0 {
				t.Error("something was written")
			}
			if err != nil && strings.Contains(err.Error(), "CANARY") {
				t.Error("the error holds a secret")
			}
		})
	}
}

type countingWriter struct {
	calls int
	short bool
}

func (w *countingWriter) Write(b []byte) (int, error) {
	w.calls++
	if w.short {
		return len(b) - 1, nil
	}
	return len(b), nil
}

func TestOneWriteAndItsResultIsSeen(t *testing.T) {
	w := &countingWriter{}
	if err := process.Write(w, good()); err != nil || w.calls != 1 {
		t.Errorf("%d writes, %v", w.calls, err)
	}
	if err := process.Write(&countingWriter{short: true}, good()); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("short write: %v", err)
	}
	r, closed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := process.Write(closed, good()); err == nil {
		t.Error("a pipe that nothing reads took a document")
	}
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil { // which Linux and FreeBSD have
		defer full.Close()
		if err := process.Write(full, good()); err == nil {
			t.Error("/dev/full took a document")
		}
	}
}

// The vectors follow the cases that the AWS SDKs' own tests have for this document
// (aws-sdk-go-v2 credentials/processcreds/testdata, botocore TestProcessProvider, smithy-rs
// credential_process.rs), rewritten.
func TestDecodeIsAsStrictAsTheStrictestSDK(t *testing.T) {
	const keys = `"AccessKeyId":"AK","SecretAccessKey":"SKCANARY"`
	for _, tc := range []struct {
		name, doc string
		ok        bool
	}{
		{"static", `{"Version":1,` + keys + `}`, true},
		{"session", `{"Version":1,` + keys + `,"SessionToken":"TK","Expiration":"2099-01-01T00:00:00Z"}`, true},
		{"fraction", `{"Version":1,` + keys + `,"Expiration":"2099-01-01T00:00:00.123Z"}`, true},
		{"offset", `{"Version":1,` + keys + `,"Expiration":"2099-01-01T00:00:00-05:00"}`, true},
		{"account", `{"Version":1,` + keys + `,"AccountId":"123456789012"}`, true},
		{"unknown member", `{"Version":1,` + keys + `,"CredentialScope":"x"}`, true},
		{"white space", " \r\n{ \"Version\" : 1 ," + keys + "}\r\n ", true},
		{"null token", `{"Version":1,` + keys + `,"SessionToken":null}`, true},
		{"long token", `{"Version":1,` + keys + `,"SessionToken":"` + strings.Repeat("t", 20_000) + `"}`, true},
		{"version missing", `{` + keys + `}`, false},
		{"version text", `{"Version":"1",` + keys + `}`, false},
		{"version fraction", `{"Version":1.0,` + keys + `}`, false},
		{"version 2", `{"Version":2,` + keys + `}`, false},
		{"version null", `{"Version":null,` + keys + `}`, false},
		{"key missing", `{"Version":1,"SecretAccessKey":"SKCANARY"}`, false},
		{"secret missing", `{"Version":1,"AccessKeyId":"AK"}`, false},
		{"secret empty", `{"Version":1,"AccessKeyId":"AK","SecretAccessKey":""}`, false},
		{"account number", `{"Version":1,` + keys + `,"AccountId":123456789012}`, false},
		{"expired", `{"Version":1,` + keys + `,"Expiration":"2020-01-01T00:00:00Z"}`, false},
		{"no zone", `{"Version":1,` + keys + `,"Expiration":"2099-01-01T00:00:00"}`, false},
		{"blank for T", `{"Version":1,` + keys + `,"Expiration":"2099-01-01 00:00:00+00:00"}`, true},
		{"+0000", `{"Version":1,` + keys + `,"Expiration":"2099-01-01T00:00:00+0000"}`, true},
		{"epoch", `{"Version":1,` + keys + `,"Expiration":4070908800}`, false},
		{"soon", `{"Version":1,` + keys + `,"Expiration":"soon"}`, false},
		{"two documents", `{"Version":1,` + keys + `}{"Version":1,` + keys + `}`, false},
		{"text before", `warning {"Version":1,` + keys + `}`, false},
		{"text after", `{"Version":1,` + keys + `} done`, false},
		{"byte order mark", "\ufeff" + `{"Version":1,` + keys + `}`, false},
		{"empty", ``, false},
		{"truncated", `{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"SKCAN`, false},
		{"list", `[]`, false},
		{"too large", `{"Version":1,` + keys + `,"SessionToken":"` + strings.Repeat("t", process.MaxDocument) + `"}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := process.Decode([]byte(tc.doc))
			if (err == nil) != tc.ok {
				t.Fatalf("err = %v, want ok %v", err, tc.ok)
			}
			if err != nil && (strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "SKCAN")) {
				t.Errorf("the error holds a secret: %v", err)
			}
			if err == nil && c.AccessKeyID != "AK" {
				t.Errorf("read %q", c.AccessKeyID)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	b, _ := process.Encode(good())
	f.Add(b)
	f.Add([]byte(`{"Version":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := process.Decode(data)
		if err != nil {
			return
		}
		if c.AccessKeyID == "" || c.SecretAccessKey == "" || c.Expired(time.Now()) {
			t.Fatalf("believed %q", data)
		}
		again, err := process.Encode(c)
		if err != nil {
			return // values that we would not give out ourselves
		}
		c2, err := process.Decode(again)
		if err != nil {
			t.Fatalf("our own document is not read: %v", err)
		}
		if c.AccessKeyID != c2.AccessKeyID || c.SecretAccessKey != c2.SecretAccessKey || !c.Expires.Equal(c2.Expires) {
			t.Fatalf("%q came back changed", data)
		}
	})
}

func ExampleWrite() {
	creds := token.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "example"}
	if err := process.Write(os.Stdout, creds); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	// Output: {"Version":1,"AccessKeyId":"AKIDEXAMPLE","SecretAccessKey":"example"}
}

func TestParseExpiration(t *testing.T) {
	want := time.Date(2099, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"2099-01-02T03:04:05Z", "2099-01-02T04:04:05+01:00", "2099-01-02T04:04:05+0100", "2099-01-01T22:04:05-0500",
		"2099-01-02T03:04:05.000Z", "2099-01-02T04:04:05.000+0100", "2099-01-02T03:04:05+0000", "2099-01-02T03:04:05UTC", "2099-01-02 03:04:05 UTC",
		"2099-01-02 03:04:05+00:00", "2099-01-02 03:04:05Z", "2099-01-02 03:04:05 +0000"} {
		if got, ok := process.ParseExpiration(s); !ok || !got.Equal(want) {
			t.Errorf("%s is %v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "2099-01-02T03:04:05", "2099-01-02 03:04:05", "2099-01-02", "4070908800", "2099-01-02T03:04:05+01", "2099-01-02T03:04:05CET", "2099-13-02T03:04:05Z", "UTC", "Fri, 02 Jan 2099 03:04:05 GMT"} {
		if got, ok := process.ParseExpiration(s); ok {
			t.Errorf("%s was taken for %v", s, got)
		}
	}
}
