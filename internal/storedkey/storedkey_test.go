package storedkey_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/storedkey"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"work": true, "a.b-c_D9": true, strings.Repeat("x", 64): true,
		"": false, ".work": false, "-work": false, "../work": false, "a/b": false, `a\b`: false, "a b": false, "ä": false, strings.Repeat("x", 65): false,
	} {
		if got := storedkey.ValidName(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
		if want && storedkey.NameOf(storedkey.Path("", name)) != name {
			t.Errorf("%q is not found again", name)
		}
	}
	for _, file := range []string{"work.age", "work.lock", ".tmp-work.json", ".json"} {
		if name := storedkey.NameOf(file); name != "" {
			t.Errorf("%q describes %q", file, name)
		}
	}
}

// A rotation that a description cannot have come to is not gone on with: its last step deletes a key.
func TestImpossibleRotations(t *testing.T) {
	const first, second = "AKIAIOSFODNN7EXAMPLE", "AKIAI44QH8DHBEXAMPLE"
	for _, tt := range []struct {
		inUse    string
		step     storedkey.Step
		old, new string
		before   []string
		ok       bool
	}{
		{first, storedkey.Creating, first, "", []string{first}, true},
		{first, storedkey.Stored, first, second, []string{first}, true},
		{second, storedkey.Switched, first, second, []string{first}, true},

		{first, "tested", first, second, []string{first}, false}, // of a later version
		{first, "", first, second, []string{first}, false},
		{first, storedkey.Switched, first, second, []string{first}, false}, // the key in use would be deleted
		{second, storedkey.Switched, second, second, []string{second}, false},
		{second, storedkey.Stored, first, second, []string{first}, false},
		{first, storedkey.Stored, first, "", []string{first}, false},
		{first, storedkey.Creating, first, "", nil, false}, // it would be taken for the new one
		{second, storedkey.Creating, first, "", []string{first}, false},
	} {
		b, err := (&storedkey.Key{Name: "work", AccessKeyID: tt.inUse, Store: storedkey.Kernel, Rotation: &storedkey.Rotation{Step: tt.step, Old: tt.old, New: tt.new, Before: tt.before}}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := storedkey.Parse(b, "work"); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// A description that is read is one that can be written again.
func FuzzParse(f *testing.F) {
	now := time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC)
	full, err := (&storedkey.Key{Name: "work", AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Store: storedkey.Kernel, ARN: "arn", Added: now, Created: &now, Rotated: &now,
		Rotation: &storedkey.Rotation{Step: storedkey.Stored, Before: []string{"AKIAIOSFODNN7EXAMPLE"}, Began: now, New: "AKIAI44QH8DHBEXAMPLE", Old: "AKIAIOSFODNN7EXAMPLE"}}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	for _, bad := range []string{"", "{}", "[]", string(full[:len(full)/2]), strings.Replace(string(full), "work", "w", 1), strings.Replace(string(full), `"kernel"`, `"x"`, 1),
		strings.Replace(string(full), `"version": 1`, `"version": 2`, 1), strings.ReplaceAll(string(full), "AKIAI", "../../")} {
		f.Add([]byte(bad))
		if _, err := storedkey.Parse([]byte(bad), "work"); err == nil {
			f.Errorf("%s is taken", bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := storedkey.Parse(data, "work")
		if err != nil {
			return
		}
		again, err := k.Encode()
		if err != nil {
			t.Skip() // a year that JSON cannot have
		}
		if _, err := storedkey.Parse(again, "work"); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
