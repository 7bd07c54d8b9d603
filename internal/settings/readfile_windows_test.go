package settings

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// The command that takes a directory from others leaves its user the files in it.
func TestMendOfADirectoryOfEveryone(t *testing.T) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	me := user.User.Sid.String()
	dir := filepath.Join(t.TempDir(), "sts-helper")
	path := filepath.Join(dir, "config.toml")
	if err := safefile.MakePrivateDir(dir); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := safefile.Write(root, "config.toml", nil, safefile.Synced); err != nil {
		t.Fatal(err)
	}
	sd, err := windows.SecurityDescriptorFromString("D:P(A;OICI;FA;;;" + me + ")(A;;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	dacl, _, err := sd.DACL()
	if err == nil {
		err = windows.SetNamedSecurityInfo(dir, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, info, err := safefile.Read(path, maxFile)
	if err != nil {
		t.Fatal(err)
	}
	e, ok := errors.AsType[*Error](checkTrusted(path, info))
	if want := `icacls "` + dir + `" /inheritance:r /grant:r "*` + me + `:(OI)(CI)F" /remove:g "*S-1-1-0"`; !ok || !strings.Contains(e.Do, want) {
		t.Errorf("%+v, want %s", e, want)
	}
}
