//go:build unix

package direct

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
)

func sample() Note {
	return Note{
		Variables: []Variable{NewVariable("AWS_REGION", "eu-west-1"), NewVariable("X", "")},
		Files:     []File{{Path: "/etc/passwd", State: Trusted, Size: 1 << 40}, {Path: "/nowhere", State: Absent}},
		Cache:     "/c", Key: strings.Repeat("0f", 32),
		Least: time.Second, Life: time.Minute, At: record.Moment{Wall: time.Unix(1_795_000_000, 7).UTC(), Boot: time.Hour, BootID: "b"},
	}
}

func TestNotes(t *testing.T) {
	n := sample()
	data, err := n.encode()
	must(t, err)
	back, err := decode(data)
	if err != nil || !reflect.DeepEqual(*back, n) {
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
	if programID() == "" {
		t.Skip("this program has no build id")
	}
	seen := map[string][]string{}
	for _, args := range [][]string{{}, {""}, {"a"}, {"a", ""}, {"", "a"}, {"a", "b"}, {"ab"}, {"a\x00b"}} {
		n := noteName(args)
		if other, ok := seen[n]; ok {
			t.Errorf("%q and %q are one question", args, other)
		}
		seen[n] = args
	}
}

func FuzzDecode(f *testing.F) {
	n := sample()
	data, _ := n.encode()
	f.Add(data[record.Header:])
	n.Life, n.At = 0, record.Moment{}
	data, _ = n.encode()
	f.Add(data[record.Header:])
	f.Fuzz(func(t *testing.T, doc []byte) {
		file, err := envelope.EncodeFile(doc)
		if err != nil {
			return
		}
		n, err := decode(file)
		if err != nil {
			return
		}
		if again, err := n.encode(); err != nil || !bytes.Equal(again, file) {
			t.Fatal("a note that is not in the form it is written in is believed")
		}
	})
}
