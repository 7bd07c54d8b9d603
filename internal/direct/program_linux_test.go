//go:build !otheros

package direct

import (
	"encoding/binary"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The build id found in the running program is the one that the go command reads in its file.
func TestProgramID(t *testing.T) {
	self, err := os.Executable()
	must(t, err)
	want, err := exec.Command("go", "tool", "buildid", self).Output()
	if err != nil {
		t.Skip(err)
	}
	if got := programID(); got == "" || got != strings.TrimSpace(string(want)) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBuildIDAmongNotes(t *testing.T) {
	note := func(name string, kind uint32, content string) string {
		b := binary.NativeEndian.AppendUint32(nil, uint32(len(name)))
		b = binary.NativeEndian.AppendUint32(b, uint32(len(content)))
		b = binary.NativeEndian.AppendUint32(b, kind)
		for _, s := range []string{name, content} {
			b = append(b, s+"\x00\x00\x00"[:-len(s)&3]...)
		}
		return string(b)
	}
	id := note("Go\x00\x00", 4, "abc")
	for notes, want := range map[string]string{
		"":                               "",
		id:                               "abc",
		note("GNU\x00", 3, "12345") + id: "abc",
		id + note("GNU\x00", 3, "1"):     "abc",
		id[:len(id)-4]:                   "",
		id[:11]:                          "",
		note("Go\x00\x00", 3, "abc"):     "",
		note("Go", 4, "abc"):             "",
		strings.Repeat("\xff", 16):       "",
	} {
		if got := string(buildID([]byte(notes))); got != want {
			t.Errorf("%q: %q", notes, got)
		}
	}
}

// What this package imports decides when it is initialised: see the package's comment.
func TestStartsBeforeUnicodeAndCrypto(t *testing.T) {
	deps, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Skip(err)
	}
	for dep := range strings.Lines(string(deps)) {
		dep = strings.TrimSpace(dep)
		for _, late := range []string{"strings", "bytes", "unicode", "reflect", "fmt", "net", "crypto"} {
			if dep == late || late == "crypto" && strings.HasPrefix(dep, "crypto/") {
				t.Errorf("imports %s, which is initialised late", dep)
			}
		}
	}
	if !strings.Contains(string(deps), "/internal/record\n") {
		t.Error("the list is not that of this package")
	}
}
