package record

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

var issued = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// golden are the records in testdata, whose files earlier versions wrote with encoding/json.
var golden = map[string]Record{
	"plain.cred": {
		Operation: "GetFederationToken", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires:       issued.Add(12 * time.Hour),
		FederatedUser: &Principal{"029608264753:carol", "arn:aws:sts::029608264753:federated-user/carol"},
		Issued:        Moment{Wall: issued}, Advisory: time.Hour,
	},
	"sizes.cred": {
		Operation: "AssumeRole", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires: issued.Add(time.Hour), SessionTokenSize: new(int32(3200)), SessionTokenUtilization: new(int32(79)),
		Issued: Moment{Wall: issued}, Advisory: 20 * time.Minute,
	},
	"scoped.cred": {
		Operation: "GetScopedCredentials", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires: issued.Add(time.Minute), SessionTokenSize: new(int32(1200)), SessionTokenUtilization: new(int32(30)), ScopedPolicies: new(int32(2)),
		ScopedSession: &Principal{"AROA:s", "arn:aws:sts::029608264753:assumed-role/r/s"}, SourceIdentity: "alice",
		Issued: Moment{Wall: issued}, Advisory: 30 * time.Second,
	},
	"role.cred": {
		Inputs:    []Input{{"operation", new("AssumeRole")}, {"endpoint", nil}, {"empty", new("")}, {"file", new("\xff\xfe/x")}},
		Operation: "AssumeRole", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARY+/secret<&>", SessionToken: "CANARY//token==",
		AccountID: "029608264753", Expires: issued.Add(time.Hour), PackedPolicySize: new(int32(81)),
		AssumedRole: &Principal{"AROA:s", "arn:aws:sts::029608264753:assumed-role/r/s"},
		Subject:     "<sub>\"\\\n\t\b\f\r\x01\x7f é \u2028\u2029 😀", Audience: `},"advisory_seconds":1`,
		IdentityProvider: "https://idp.example/é", SourceIdentity: "alice",
		Issued:   Moment{Wall: issued, Boot: 3600123456789, BootID: "5d0a9f0e-0000-4000-8000-000000000000"},
		Advisory: 20 * time.Minute, Note: "granted by bob <é>",
	},
}

// Records of today stay valid: a change of these files is a change of [VersionDir].
func TestGolden(t *testing.T) {
	for name, want := range golden {
		file := filepath.Join("testdata", name)
		data, err := Encode(&want)
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		was, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, was) {
			t.Errorf("%s\ngot  %s\nwant %s", name, data, was)
		}
		got, reason := Decode(was)
		if reason != "" || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %q, %#v", name, reason, got)
		}
	}
}

func TestTimesOutsideRFC3339AreRefused(t *testing.T) {
	for _, at := range []time.Time{time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		r := golden["plain.cred"]
		r.Expires = at
		if _, err := Encode(&r); err == nil {
			t.Errorf("%v is written", at)
		}
	}
}

// Strings are written as encoding/json writes them, and read as written.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "a", `"\`, "<&>", "\u2028\u2029", "\xff", "é\xc3", "\x00\x1f\x7f", golden["role.cred"].Subject} {
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

// The decoder never panics, and believes nothing but what the encoder writes.
func FuzzDecode(f *testing.F) {
	for _, r := range golden {
		data, _ := Encode(&r)
		f.Add(data[Header:])
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		file, err := EncodeFile(doc) // past the checksum, which a fuzzer cannot guess
		if err != nil {
			return
		}
		r, reason := Decode(file)
		if reason != "" {
			return
		}
		if again, err := Encode(r); err != nil || !bytes.Equal(again, file) {
			t.Fatalf("believed what is not written so: %v", err)
		}
		if !json.Valid(doc) {
			t.Fatal("believed what is not JSON")
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
	name := Name(nil)
	for s, want := range map[string]bool{name: true, name[1:]: false, "": false, strings.ToUpper(name): false, name[1:] + "g": false, name[1:] + "/": false} {
		if IsName(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
