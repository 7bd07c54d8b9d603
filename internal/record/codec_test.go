package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

var issued = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Strings are written as encoding/json writes them, and read as written.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", `"\`, "<&>", "\u2028\u2029", "\xff", "é\xc3", "\x00\x1f\x7f", "<sub>\"\\\n\t\b\f\r\x01\x7f é \u2028\u2029 😀"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, s string, html bool) {
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(html)
		if err := enc.Encode(s); err != nil {
			t.Fatal(err)
		}
		got := string(appendString(nil, s, html))
		if got != strings.TrimSuffix(want.String(), "\n") {
			t.Fatalf("%q: got %s, want %s", s, got, want.String())
		}
		read := form{reading: true, rest: got}
		if back := read.scanText(); read.failed || read.rest != "" || back != strings.ToValidUTF8(s, "") && !strings.Contains(back, "\ufffd") {
			t.Fatalf("%q came back as %q", s, back)
		}
	})
}

// The document is the one that encoding/json makes of it.
func FuzzDocument(f *testing.F) {
	f.Add("ASIAQNZGKIQY56JQ7WML", "CANARY+/secret<&>", "CANARY//token==", "029608264753", int64(1_795_000_000))
	f.Add("", "\"\\", "", "", int64(0))
	f.Fuzz(func(t *testing.T, id, secret, session, account string, end int64) {
		var expires time.Time
		doc := struct {
			Version                      int
			AccessKeyId, SecretAccessKey string
			SessionToken                 string `json:",omitempty"`
			Expiration                   string `json:",omitempty"`
			AccountId                    string `json:",omitempty"`
		}{1, id, secret, session, "", account}
		if end > 0 && end < 1<<36 {
			expires = time.Unix(end, 999)
			doc.Expiration = expires.UTC().Format(time.RFC3339)
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(doc); err != nil {
			t.Fatal(err)
		}
		if got := Document(id, secret, session, account, expires); !bytes.Equal(got, want.Bytes()) {
			t.Fatalf("got  %s\nwant %s", got, want.Bytes())
		}
	})
}

func FuzzBase64(f *testing.F) {
	for _, s := range []string{"", "a", "ab", "abc", "\xff\xfe", "QQ==", "Q", "====", "Q!=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := string(appendBase64(nil, s))
		if want := base64.StdEncoding.EncodeToString([]byte(s)); text != want {
			t.Fatalf("%q: got %s, want %s", s, text, want)
		}
		if back, ok := decodeBase64(text); !ok || back != s {
			t.Fatalf("%q came back as %q", s, back)
		}
		_, _ = decodeBase64(s)
	})
}

func TestHex(t *testing.T) {
	if got, want := Hex([]byte("\x00\x7f\xff")), "007fff"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
