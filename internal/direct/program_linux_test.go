package direct

import (
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

func TestBuildIDOfOtherPages(t *testing.T) {
	const note = "\x04\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00Go\x00\x00abc"
	for page, want := range map[string]string{
		"":                                       "",
		"\x7fELF...." + note + "....":            "abc",
		note[:len(note)-1]:                       "",
		note[8:]:                                 "",
		strings.Replace(note, "\x03", "\xff", 1): "",
	} {
		if got := string(buildID([]byte(page))); got != want {
			t.Errorf("%q: %q", page, got)
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
