//go:build linux

package direct

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

// stored gives the file of a record that package cache wrote, and the token in it.
func stored(t testing.TB, change func(*token.Token)) (file string, tok token.Token) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "cache")
	c, err := cache.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	tok = token.Token{Operation: token.AssumeRole, Credentials: token.Credentials{
		AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARY+/secret", SessionToken: "CANARY//token==",
		CanExpire: true, Expires: time.Now().Add(2 * time.Hour), AccountID: "029608264753",
	}}
	if change != nil {
		change(&tok)
	}
	key := cache.NewKey(cache.Present("operation", `],"token":{"operation":"`), cache.Absent("x"))
	if err := c.Store(key, tok, false); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "v1", key.String()+".cred"), tok
}

// What is read of a record here is what package cache reads, and the document is the one that
// package process writes.
func TestRecordIsReadAsTheCacheReadsIt(t *testing.T) {
	size := int32(81)
	for name, change := range map[string]func(*token.Token){
		"plain":      nil,
		"no account": func(t *token.Token) { t.Credentials.AccountID = "" },
		"all fields": func(t *token.Token) {
			t.PackedPolicySize = &size
			t.AssumedRole = &token.Principal{ID: "AROA:s", ARN: `arn:"},"advisory_seconds":0,"issued_boottime_ns":0`}
			t.Subject, t.Audience, t.Provider, t.SourceIdentity = `s"\`, "a<&>", "\u2028", `},"advisory_seconds":1`
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, tok := stored(t, change)
			r, ok := readRecord(readOwn(file, 64<<10))
			if !ok {
				t.Fatal("the record is not read")
			}
			want, err := process.Encode(tok.Credentials)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.document(); !bytes.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if r.advisory < 54*time.Minute || r.advisory > time.Hour {
				t.Errorf("advisory window of %s", r.advisory)
			}
		})
	}
}

func TestFreshness(t *testing.T) {
	issued := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	r := record{issued: issued, expires: issued.Add(time.Hour), advisory: 20 * time.Minute, boot: time.Hour, bootID: "b"}
	for _, tc := range []struct {
		name      string
		wall      time.Duration // since it was issued
		boot      time.Duration
		id        string
		unadvised bool
		want      bool
	}{
		{"at once", 0, 0, "b", false, true},
		{"before the window", 39 * time.Minute, 39 * time.Minute, "b", false, true},
		{"in the window", 41 * time.Minute, 41 * time.Minute, "b", false, false},
		{"wall clock set back", 0, 41 * time.Minute, "b", false, false},
		{"another boot", 10 * time.Minute, -time.Hour, "c", false, true},
		{"no boot clock", 41 * time.Minute, 0, "", false, false},
		{"from the future", -6 * time.Minute, 0, "b", false, false},
		{"a little from the future", -4 * time.Minute, 0, "b", false, true},
		{"above the floor", time.Hour - 11*time.Second, 0, "", true, true},
		{"below the floor", time.Hour - 9*time.Second, 0, "", true, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := r
			if tc.unadvised {
				r.advisory = 0
			}
			if got := r.fresh(issued.Add(tc.wall), r.boot+tc.boot, tc.id); got != tc.want {
				t.Errorf("fresh: %v", got)
			}
		})
	}
}

func TestDamagedRecordsAreLeftAlone(t *testing.T) {
	file, _ := stored(t, nil)
	data := readOwn(file, 64<<10)
	for i := range data {
		for _, mask := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(data)
			bad[i] ^= mask
			if _, ok := readRecord(bad); ok {
				t.Fatalf("byte %d ^ %#x is believed", i, mask)
			}
		}
		if _, ok := readRecord(data[:i]); ok {
			t.Fatalf("%d bytes are believed", i)
		}
	}
}

func sample() Note {
	n := Note{Variables: []Variable{NewVariable("AWS_REGION", "eu-west-1"), NewVariable("X", "")}, Dir: "/d", Key: string(bytes.Repeat([]byte("0f"), 32))}
	n.Files = []File{{Path: "/etc/passwd", State: stateOf("/etc/passwd")}, {Path: "/nowhere"}}
	n.Inputs[3] = 7
	return n
}

func TestNotes(t *testing.T) {
	n := sample()
	data := n.encode()
	back, err := decode(data)
	if err != nil || !reflect.DeepEqual(back, n) {
		t.Fatalf("%+v, %v", back, err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		if _, err := decode(bad); err == nil {
			t.Fatalf("byte %d changed is believed", i)
		}
		if _, err := decode(data[:i]); err == nil {
			t.Fatalf("%d bytes are believed", i)
		}
	}
}

func TestQuestionsAreApart(t *testing.T) {
	seen := map[string][]string{}
	for _, args := range [][]string{{}, {""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a\x00b"}} {
		n := name(args, 1)
		if other, ok := seen[n]; ok {
			t.Errorf("%q and %q are one question", args, other)
		}
		seen[n] = args
	}
	if name([]string{"a"}, 1) == name([]string{"a"}, 2) {
		t.Error("two users ask one question")
	}
}

func TestFileStateChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	if stateOf(file) != [stateSize]byte{} {
		t.Error("a missing file has a state")
	}
	write := func(s string) {
		if err := os.WriteFile(file, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	before := stateOf(file)
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * settled)
	write("two") // as long as before, and its modification time put back
	if err := os.Chtimes(file, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if stateOf(file) == before {
		t.Error("a change with the old size and time is not seen")
	}
	if _, still := Look(file); still {
		t.Error("a file changed just now counts as still")
	}
	time.Sleep(2 * settled)
	if _, still := Look(file); !still {
		t.Error("a file counts as changing")
	}
}

func FuzzDecode(f *testing.F) {
	n := sample()
	f.Add(n.encode())
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, err := decode(data)
		if err == nil && !bytes.Equal(n.encode(), data) {
			t.Fatal("a note that is not in the form it is written in is believed")
		}
	})
}

func FuzzReadRecord(f *testing.F) {
	file, _ := stored(f, nil)
	f.Add(readOwn(file, 64<<10))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, ok := readRecord(data); ok && (r.accessKeyID == "" || r.secret == "" || r.token == "") {
			t.Fatal("an incomplete record is believed")
		}
	})
}
