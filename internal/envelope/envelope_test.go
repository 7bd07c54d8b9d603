package envelope

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
)

var update = flag.Bool("update", false, "write the golden files anew")

var issued = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// golden are the records in testdata, whose files earlier versions wrote with encoding/json.
var golden = map[string]record.Record{
	"plain.cred": {
		Operation: "GetFederationToken", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires:       issued.Add(12 * time.Hour),
		FederatedUser: &record.Principal{ID: "029608264753:carol", ARN: "arn:aws:sts::029608264753:federated-user/carol"},
		Issued:        record.Moment{Wall: issued}, Advisory: time.Hour,
	},
	"sizes.cred": {
		Operation: "AssumeRole", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires: issued.Add(time.Hour), SessionTokenSize: new(int32(3200)), SessionTokenUtilization: new(int32(79)),
		Issued: record.Moment{Wall: issued}, Advisory: 20 * time.Minute,
	},
	"scoped.cred": {
		Operation: "GetScopedCredentials", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires: issued.Add(time.Minute), SessionTokenSize: new(int32(1200)), SessionTokenUtilization: new(int32(30)), ScopedPolicies: new(int32(2)),
		ScopedSession: &record.Principal{ID: "AROA:s", ARN: "arn:aws:sts::029608264753:assumed-role/r/s"}, SourceIdentity: "alice",
		Issued: record.Moment{Wall: issued}, Advisory: 30 * time.Second,
	},
	"noboot.cred": {
		Operation: "GetSessionToken", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARYsecret", SessionToken: "CANARYtoken",
		Expires: issued.Add(time.Hour), Issued: record.Moment{Wall: issued}, IssuedPart: 123456789, Advisory: 20 * time.Minute,
	},
	"role.cred": {
		Inputs:    []record.Input{{Name: "operation", Value: new("AssumeRole")}, {Name: "endpoint"}, {Name: "empty", Value: new("")}, {Name: "file", Value: new("\xff\xfe/x")}},
		Operation: "AssumeRole", AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARY+/secret<&>", SessionToken: "CANARY//token==",
		AccountID: "029608264753", Expires: issued.Add(time.Hour), PackedPolicySize: new(int32(81)),
		AssumedRole: &record.Principal{ID: "AROA:s", ARN: "arn:aws:sts::029608264753:assumed-role/r/s"},
		Subject:     "<sub>\"\\\n\t\b\f\r\x01\x7f é \u2028\u2029 😀", Audience: `},"advisory_seconds":1`,
		IdentityProvider: "https://idp.example/é", SourceIdentity: "alice",
		Issued:   record.Moment{Wall: issued, Boot: 3600123456789, BootID: "5d0a9f0e-0000-4000-8000-000000000000"},
		Advisory: 20 * time.Minute, Note: "granted by bob <é>",
	},
}

// Records of today stay valid: a change of these files is a change of [record.VersionDir].
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
		skimmed, reason := record.Parse(string(was[record.Header:]))
		if reason != "" || len(skimmed.Inputs) != len(want.Inputs) {
			t.Fatalf("%s: %q, %d inputs", name, reason, len(skimmed.Inputs))
		}
		if skimmed.Inputs = want.Inputs; !reflect.DeepEqual(*skimmed, want) {
			t.Errorf("%s: skimmed %#v", name, skimmed)
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

// The decoder never panics, and believes nothing but what the encoder writes.
func FuzzDecode(f *testing.F) {
	for _, r := range golden {
		data, _ := Encode(&r)
		f.Add(data[record.Header:])
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

// A name is 64 lower-case hexadecimal digits.
func TestNames(t *testing.T) {
	sum := Sum(nil)
	name := record.Hex(sum[:])
	for s, want := range map[string]bool{name: true, name[1:]: false, "": false, strings.ToUpper(name): false, name[1:] + "g": false, name[1:] + "/": false} {
		if record.IsName(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}
