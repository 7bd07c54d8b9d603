//go:build unix

package direct

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
)

// newNote begins a note with a key of its own.
func newNote(args []string) *Note { return NewNote(args, func(key []byte) { key[0] = 7 }) }

func decode(data string) (*Note, error) {
	n := &Note{}
	return n, n.decode(data, &hasher{})
}

func sample() *Note {
	n := newNote(nil)
	n.Files = []File{{Path: "/etc/passwd", State: Trusted, Size: 1 << 40}, {Path: "/nowhere", State: Absent}}
	n.Least, n.Life, n.At = time.Second, time.Minute, record.Moment{Wall: time.Unix(1_795_000_000, 7).UTC(), Boot: time.Hour, BootID: "b"}
	n.AddVariable("AWS_REGION", "eu-west-1")
	n.AddVariable("X", "")
	n.Answer, n.Profile = Left, "dev"
	n.SetAnswer("/c", strings.Repeat("0f", 32), []byte("record"))
	return n
}

func TestNotes(t *testing.T) {
	n := sample()
	data, err := n.encode()
	must(t, err)
	back, err := decode(string(data))
	if err == nil {
		back.hash = n.hash // which keys it has needed makes no difference
	}
	if err != nil || !reflect.DeepEqual(back, n) {
		t.Fatalf("%+v, %v", back, err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		if _, err := decode(string(bad)); err == nil {
			t.Fatalf("byte %d changed is believed", i)
		}
		if _, err := decode(string(data[:i])); err == nil {
			t.Fatalf("%d bytes are believed", i)
		}
	}
}

func TestQuestionsAreApart(t *testing.T) {
	if programID() == "" {
		t.Skip("this program has no build id")
	}
	seen := map[string][]string{}
	for _, args := range [][]string{{}, {""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a\x00b"}} {
		n := noteName(identity(nil, args))
		if other, ok := seen[n]; ok {
			t.Errorf("%q and %q are one question", args, other)
		}
		seen[n] = args
	}
}

func FuzzDecode(f *testing.F) {
	n := sample()
	start := len(format) + len(n.key) + len(sum{})
	data, _ := n.encode()
	f.Add(data[start:])
	n.Life, n.At = 0, record.Moment{}
	n.Answer, n.Profile = Document, ""
	data, _ = n.encode()
	f.Add(data[start:])
	f.Fuzz(func(t *testing.T, body []byte) {
		check := n.hash.of(body) // which a fuzzer cannot guess
		file := format + string(n.key[:]) + string(check[:]) + string(body)
		if len(file) > record.MaxFile {
			return
		}
		n, err := decode(file)
		if err != nil {
			return
		}
		if again, err := n.encode(); err != nil || string(again) != file {
			t.Fatal("a note that is not in the form it is written in is believed")
		}
	})
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
