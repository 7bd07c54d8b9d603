package settings_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/sts-helper/sts-helper/internal/settings"
)

// A POSIX shell makes one word of it, the very one.
func TestShellWord(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no POSIX shell")
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"", "dev", "/home/a/.cache", `C:\temp`, `\`, `a\ b`, "a@b.example", "@", "%1", "100%", "it's", "''", "a b", "$HOME", "`id`", "*", "~", "~/x",
		"#x", "!x", "a;b", "a&b", "a|b", "<x", "(x)", "{a,b}", "[a]", `"`, "-n", "=x", "é", `'\''`, "a'b\\",
	} {
		cmd := exec.Command(sh, "-c", "printf '<%s>' "+settings.ShellWord(s))
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "HOME=/elsewhere")
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "<"+s+">" {
			t.Errorf("%q as %s: %q, %v", s, settings.ShellWord(s), out, err)
		}
	}
	if got := settings.ShellWord("a\x1b[31m\nb"); got != `"a\x1b[31m\nb"` {
		t.Errorf("%s", got)
	}
	for _, s := range []string{"dev", "/home/a.b/c-d", "a@b.example", "k=v"} {
		if got := settings.ShellWord(s); got != s {
			t.Errorf("%q is quoted without need: %s", s, got)
		}
	}
}
