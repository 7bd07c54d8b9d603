package loginfile_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/source/loginfile"
)

func parse(t testing.TB, s string) *loginfile.Text {
	t.Helper()
	x, err := loginfile.Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestSetKeepsTheRest(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{"a": "1", "accessToken": "old", "b": {"accessToken": "other"}}`, `{"a": "1", "accessToken": "new", "b": {"accessToken": "other"}}`},
		{"{\n\t\"accessToken\"  :\t\"old\" ,\n \"n\": 1e3, \"u\":\"\\u00e9\\/\" }\n", "{\n\t\"accessToken\"  :\t\"new\" ,\n \"n\": 1e3, \"u\":\"\\u00e9\\/\" }\n"},
		{`{}`, `{"accessToken": "new"}`},
		{`{"a": [1,2 , 3] }`, `{"a": [1,2 , 3], "accessToken": "new" }`},
		{`{"accessToken": "x", "accessToken": "y"}`, `{"accessToken": "new", "accessToken": "new"}`},
		{`{"AccessToken": "case"}`, `{"AccessToken": "case", "accessToken": "new"}`},
		{`{"accessToken": null}`, `{"accessToken": "new"}`},
	} {
		got := parse(t, tt.in).Set(loginfile.Member{Name: "accessToken", Value: "new"})
		if string(got.Bytes()) != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.in, got.Bytes(), tt.want)
		}
	}
}

func TestSetInside(t *testing.T) {
	x := parse(t, `{"accessToken": {"accessKeyId": "A", "foreign": 1.50}, "z": true}`)
	x = x.Set(loginfile.Member{Name: "accessToken", Value: x.Object("accessToken").Set(
		loginfile.Member{Name: "accessKeyId", Value: "B<&>"}, loginfile.Member{Name: "expiresAt", Value: time.Unix(0, 0)})})
	want := `{"accessToken": {"accessKeyId": "B<&>", "foreign": 1.50, "expiresAt": "1970-01-01T00:00:00Z"}, "z": true}`
	if string(x.Bytes()) != want {
		t.Errorf("got %s", x.Bytes())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, s := range []string{"", "{", `{"a":1`, `{"a":1}}`, `{"a":1} x`, `[]`, `null`, `"x"`, `{"a"}`, `{"a":CANARY}`} {
		if _, err := loginfile.Parse([]byte(s)); err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestTimes(t *testing.T) {
	for _, s := range []string{"2026-11-28T01:02:03Z", "2026-11-28T02:02:03+01:00", "2026-11-28T01:02:03UTC"} {
		if got := parse(t, `{"t":"`+s+`"}`).Time("t"); got.Unix() != 1795827723 {
			t.Errorf("%s: %v", s, got)
		}
	}
	if !parse(t, `{"t":"soon"}`).Time("t").IsZero() {
		t.Error("no time")
	}
}

// However a text is edited, its other members are those that it had.
func FuzzSet(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, "{ \"a\" : [ ] , \"\u2028\":{\"x\":\"\\ud800\"}}", `{"refreshToken":{},"b":"\u0000"}`} {
		f.Add([]byte(s), "new\"\\\x00\u2028é\xff")
	}
	f.Fuzz(func(t *testing.T, data []byte, value string) {
		x, err := loginfile.Parse(data)
		if err != nil {
			return
		}
		y := x.Set(loginfile.Member{Name: "refreshToken", Value: value})
		if got := y.String("refreshToken"); got != strings.ToValidUTF8(value, "\uFFFD") && got != value {
			if len(strings.ToValidUTF8(value, "")) == len(value) {
				t.Fatalf("set %q, got %q", value, got)
			}
		}
		var before, after map[string]json.RawMessage
		if json.Unmarshal(data, &before) != nil || json.Unmarshal(y.Bytes(), &after) != nil {
			t.Fatalf("not JSON any more: %q", y.Bytes())
		}
		delete(before, "refreshToken")
		delete(after, "refreshToken")
		if !maps.EqualFunc(before, after, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Fatalf("%q became %q", data, y.Bytes())
		}
		if again := y.Set(loginfile.Member{Name: "refreshToken", Value: value}); string(again.Bytes()) != string(y.Bytes()) {
			t.Fatalf("set again: %q", again.Bytes())
		}
	})
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string) *loginfile.File {
	t.Helper()
	f, err := loginfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

func TestReadWaitsForTheRest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	write(t, path, `{"a": "b`)
	go func() {
		time.Sleep(60 * time.Millisecond)
		os.WriteFile(path, []byte(`{"a": "bc"}`), 0o600)
	}()
	x, err := loginfile.Read(path)
	if err != nil || x.String("a") != "bc" {
		t.Errorf("%v %v", x, err)
	}
	write(t, path, `{"a": "b`)
	if _, err := loginfile.Read(path); !errors.Is(err, loginfile.ErrDamaged) {
		t.Error(err)
	}
	if _, err := loginfile.Read(path + "x"); !errors.Is(err, loginfile.ErrNotLoggedIn) {
		t.Error(err)
	}
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.json")
	write(t, path, `{"refreshToken": "1"}`)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("x.json", filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	f := open(t, filepath.Join(dir, "link.json"))
	if err := f.CanWrite(1000); err != nil {
		t.Fatal(err)
	}
	if err := f.Replace("1", parse(t, `{"refreshToken": "2"}`), nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if link, err := os.Readlink(filepath.Join(dir, "link.json")); err != nil || link != "x.json" {
		t.Errorf("%s %v", link, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 2 {
		t.Errorf("left behind: %v", entries)
	}
}

// A text that a crash left complete is adopted, once, and only in the place of the login
// that it replaces; one that it left incomplete is not.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x.json")
	old := `{"refreshToken": "1"}`
	write(t, path, old)
	// What a crash leaves: all was done but the renaming.
	pending := func(text string) string {
		t.Helper()
		f := open(t, path)
		hold := filepath.Join(dir, "hold")
		if err := os.Rename(path, hold); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(path, 0o700); err != nil { // renaming to it fails
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "x"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := f.Replace("1", parse(t, `{"refreshToken": "2"}`), nil); err == nil {
			t.Fatal("replaced")
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(hold, path); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, loginfile.PendingName("x.json", "1"))
		write(t, name, text)
		return name
	}

	name := pending(`{"refreshToken": "2"`)
	if x := open(t, path).Adopt(parse(t, old)); x.String("refreshToken") != "1" {
		t.Error("adopted half a text")
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("half a text is still there")
	}

	name = pending(`{"refreshToken": "2"}`)
	if x := open(t, path).Adopt(parse(t, `{"refreshToken": "0"}`)); x.String("refreshToken") != "0" {
		t.Error("adopted another login's text")
	}
	if x := open(t, path).Adopt(parse(t, old)); x.String("refreshToken") != "2" {
		t.Error("did not adopt")
	}
	if b, _ := os.ReadFile(path); string(b) != `{"refreshToken": "2"}` {
		t.Errorf("%s", b)
	}
	if _, err := os.Stat(name); err == nil {
		t.Error("the adopted text is still there")
	}

	pending(`{"refreshToken": "2"}`)
	if err := open(t, path).Remove(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestOpenRefusesADirectoryOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if f, err := loginfile.Open(filepath.Join(dir, "x.json")); err == nil {
		f.Close()
		t.Error("opened")
	}
	// As AWS's tools make it under Ubuntu's umask.
	if err := os.Chmod(dir, 0o775); err != nil {
		t.Fatal(err)
	}
	f, err := loginfile.Open(filepath.Join(dir, "x.json"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
