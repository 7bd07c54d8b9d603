package awsedit

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sts-helper/sts-helper/internal/awsconfig"
)

const sample = `# mine
[default]
region = eu-west-1 # here
s3 =
  max_concurrent_requests = 20
  # and a comment inside
  addressing_style = path

[profile "my dev"]
role_arn = arn:aws:iam::111122223333:role/deploy
source_profile=base
ROLE_SESSION_NAME : ana
output = json
[profile default]
junk
`

func TestEdits(t *testing.T) {
	for name, tc := range map[string]struct {
		in, want string
		kind     Kind
		edit     func(*File)
	}{
		"remove a key with its nested lines": {in: sample,
			want: strings.NewReplacer("s3 =\n  max_concurrent_requests = 20\n", "", "  addressing_style = path\n", "").Replace(sample),
			edit: func(f *File) { f.Remove("profile default", "s3") }},
		"replace in a quoted section": {in: sample,
			want: strings.NewReplacer("role_arn = arn:aws:iam::111122223333:role/deploy\n", "credential_process = x\n", "source_profile=base\n", "", "ROLE_SESSION_NAME : ana\n", "").Replace(sample),
			edit: func(f *File) {
				f.Replace("profile my dev", []string{"role_arn", "source_profile", "role_session_name"}, "credential_process = x")
			}},
		"insert behind the last key": {in: sample,
			want: strings.Replace(sample, "output = json\n", "output = json\nx = y\n", 1),
			edit: func(f *File) { f.Replace("profile my dev", nil, "x = y") }},
		"no such section": {in: sample, want: sample, edit: func(f *File) {
			if f.Replace("profile other", nil, "x = y") {
				panic("it is there")
			}
		}},
		"CRLF": {in: "[default]\r\nregion = x\r\n[profile a]\r\n", want: "[default]\r\nregion = x\r\n[profile a]\r\nk = v\r\n",
			edit: func(f *File) { f.Replace("profile a", nil, "k = v") }},
		"no end of line at the end": {in: "[a]\nk = v", want: "[a]\nk = v\n\n[b]\nx = y\n", kind: Credentials,
			edit: func(f *File) { f.Append("[b]", "x = y") }},
		"empty": {in: "", want: "[b]\n", kind: Credentials, edit: func(f *File) { f.Append("[b]") }},
		"credentials": {in: "[a]\naws_access_key_id=x\naws_secret_access_key=y\nregion=z\n[profile a]\naws_access_key_id=x\n", kind: Credentials,
			want: "[a]\nregion=z\n[profile a]\naws_access_key_id=x\n",
			edit: func(f *File) { f.Remove("a", "aws_access_key_id", "aws_secret_access_key") }},
		"twice": {in: "[default]\nk = 1\n[default]\nk = 2\nK: 3\n", want: "[default]\nnew\n[default]\n",
			edit: func(f *File) { f.Replace("profile default", []string{"k"}, "new") }},
		"plain": {in: "a", want: "a\n\nb\n", kind: Plain, edit: func(f *File) { f.Append("b") }},
		"lines as they were": {in: "a\r\nb\r\nc", want: "a\r\nx\r\ny\r\nz\r\nc2", kind: Plain, edit: func(f *File) {
			f.ReplaceLine(2, "x", "y", "z")
			f.ReplaceLine(2, "it is no more")
			f.ReplaceLine(3, f.Line(3)+"2")
			f.ReplaceLine(1, f.Line(1))
			f.ReplaceLine(4, "no such line"+f.Line(4))
		}},
	} {
		f, err := Parse([]byte(tc.in), tc.kind)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		tc.edit(f)
		if got := string(f.Bytes()); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		back, left := Revert([]byte(tc.in), f.Bytes(), f.Hunks())
		if string(back) != tc.in || left != nil {
			t.Errorf("%s: back to %q, %v left", name, back, left)
		}
	}
}

func TestRefusals(t *testing.T) {
	for in, want := range map[string]error{
		"\xef\xbb\xbf[default]\n": ErrByteOrderMark,
		"\xff\xfe[\x00":           ErrUTF16,
		"[\x00d\x00":              ErrUTF16,
		"\x00[\x00d":              ErrUTF16,
	} {
		if _, err := Parse([]byte(in), Config); err != want {
			t.Errorf("%q: %v, want %v", in, err, want)
		}
	}
}

func TestDiff(t *testing.T) {
	f, err := Parse([]byte("1\n2\n3\n4\n[default]\nkey = CANARY\n7\n8\n9\n10\nlast"), Config)
	if err != nil {
		t.Fatal(err)
	}
	f.Remove("profile default", "key")
	f.Append("x")
	want := `--- a
+++ b
@@ -3,9 +3,10 @@
 3
 4
 [default]
-key = ***
 7
 8
 9
 10
-last
\ No newline at end of file
+last
+
+x
`
	if got := f.Diff("a", "b", func(s string) string { return strings.ReplaceAll(s, "CANARY", "***") }); got != want {
		t.Errorf("%s", got)
	}
}

// What the user changed meanwhile stays when a change is taken back.
func TestRevertAmongOtherChanges(t *testing.T) {
	f, err := Parse([]byte(sample), Config)
	if err != nil {
		t.Fatal(err)
	}
	f.Replace("profile my dev", []string{"role_arn", "source_profile"}, "credential_process = x")
	f.Remove("profile default", "s3")
	f.Append("[profile new]", "a = b")
	theirs := func(s string) string {
		return strings.Replace(s, "# mine", "# mine, with more\n# lines\n", 1) + "\n[profile later]\nregion = x\n"
	}
	var kept []Hunk
	for _, h := range f.Hunks() {
		kept = append(kept, h.Hashed())
	}
	back, left := Revert([]byte(sample), []byte(theirs(string(f.Bytes()))), kept)
	if string(back) != theirs(sample) || left != nil {
		t.Errorf("%s\n%v", back, left)
	}
	// A line of ours that the user has changed is left.
	mine := strings.Replace(string(f.Bytes()), "credential_process = x", "credential_process = y", 1)
	back, left = Revert([]byte(sample), []byte(mine), f.Hunks())
	if len(left) != 1 || !strings.Contains(string(back), "credential_process = y") || strings.Contains(string(back), "new") {
		t.Errorf("%s\n%v", back, left)
	}
}

// FuzzEdit: whatever the text is, it is read without loss, an edit changes nothing but its own lines,
// and taking it back gives the same bytes.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(sample), "profile my dev", "role_arn", false)
	f.Add([]byte("[a]\r\nk=\r\n  n = v\r\n;c\r\n\tw"), "a", "k", true)
	f.Add([]byte("[default]\nk"), "profile default", "k", false)
	f.Fuzz(func(t *testing.T, data []byte, section, key string, credentials bool) {
		kind := Config
		if credentials {
			kind = Credentials
		}
		e, err := Parse(data, kind)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Bytes(), data) || e.Changed() {
			t.Fatalf("%q", e.Bytes())
		}
		had := e.Has(section)
		if e.Replace(section, []string{key}, "credential_process = x") != had {
			t.Fatal("the section is there and is not")
		}
		if !had && e.Changed() {
			t.Fatal("it changed what is not there")
		}
		if had && key != "credential_process" && e.HasKey(section, key) {
			t.Fatalf("%q", e.Bytes())
		}
		// Every old line is there in order, or was one of the key, or the last, which had no end.
		file := awsconfig.File{Data: data}
		i := 0
		for _, l := range file.Lines(credentials) {
			text := string(data[l.Start:l.End])
			same := func() bool {
				return i < len(e.lines) && (e.lines[i].text == text || !strings.HasSuffix(text, "\n") && strings.TrimRight(e.lines[i].text, "\r\n") == strings.TrimRight(text, "\r\n"))
			}
			if !same() && i < len(e.lines) && strings.TrimRight(e.lines[i].text, "\r\n") == "credential_process = x" {
				i++
			}
			if same() {
				i++
			} else if l.Section != section || l.Key != key {
				t.Fatalf("%q is gone: %q", text, e.Bytes())
			}
		}
		e.Append("[x]", "y = z")
		if back, left := Revert(data, e.Bytes(), e.Hunks()); !bytes.Equal(back, data) || left != nil {
			t.Fatalf("back to %q, want %q; %v", back, data, left)
		}
		// The diff shows the whole change: its lines without the added ones are lines of the old text.
		for _, h := range e.Hunks() {
			if h.From > h.To || h.To > len(e.before) || slices.Contains(h.Added, "") {
				t.Fatalf("%+v", h)
			}
		}
	})
}
