package safefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// setList gives a file or directory a protected access list: me stands for this user.
func setList(t *testing.T, path, list string) {
	t.Helper()
	user, err := userSID()
	mustDo(t, err)
	sd, err := windows.SecurityDescriptorFromString("D:P" + strings.ReplaceAll(list, "me", user))
	mustDo(t, err)
	dacl, _, err := sd.DACL()
	mustDo(t, err, windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION|windows.PROTECTED_DACL_SECURITY_INFORMATION, nil, nil, dacl, nil))
}

// protected reports whether nothing comes from the directory above.
func protected(t *testing.T, path string) bool {
	t.Helper()
	sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.DACL_SECURITY_INFORMATION)
	mustDo(t, err)
	control, _, err := sd.Control()
	mustDo(t, err)
	t.Logf("%s: %s", filepath.Base(path), sd)
	return control&windows.SE_DACL_PROTECTED != 0
}

// wine reports whether this is Wine, which keeps of an access list what the modes of Unix can hold.
func wine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// What is made is for this user, the system and the administrators alone, below a directory that everyone may use.
func TestMadePrivate(t *testing.T) {
	open := filepath.Join(t.TempDir(), "everyone's")
	mustDo(t, os.Mkdir(open, 0o755))
	setList(t, open, "(A;OICI;FA;;;me)(A;OICI;FA;;;WD)")
	if err := PrivateDir(open); KindOf(err) != OthersMayUse || !strings.Contains(err.Error(), "(Everyone, S-1-1-0)") {
		t.Fatalf("everyone's: %v", err)
	}
	if dir, err := OpenTrustedDir(open); KindOf(err) != OthersMayWrite {
		t.Errorf("everyone's, trusted: %v %v", dir, err)
	}
	deep := filepath.Join(open, "a", "b")
	mustDo(t, MakePrivateDir(deep), PrivateDir(filepath.Dir(deep)), PrivateDir(deep))
	if !wine() && (!protected(t, deep) || !protected(t, filepath.Dir(deep))) {
		t.Error("what the directory above gives away reaches it")
	}
	dir, err := OpenPrivateDir(deep)
	mustDo(t, err)
	defer func() { _ = dir.Close() }()
	mustDo(t, Write(dir, "f", []byte("x"), Synced), Create(dir, "g", []byte("x"), Synced))
	for _, name := range []string{"f", "g"} {
		data, err := ReadPrivate(dir, name, 10)
		if err != nil || string(data) != "x" {
			t.Errorf("%s: %q %v", name, data, err)
		}
	}
	if _, err := OpenPrivateFile(dir, "f", os.O_WRONLY|os.O_CREATE|os.O_EXCL); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a file that is there: %v", err)
	}
	for _, name := range []string{"", ".", "..", `a\b`, "a/b", "f:stream"} {
		if f, err := OpenPrivateFile(dir, name, os.O_WRONLY|os.O_CREATE); err == nil {
			_ = f.Close()
			t.Errorf("%q is made", name)
		}
	}
}

// A file is private from its first moment on, and appending goes on where it was.
func TestPrivateFileInADirectoryOfEveryone(t *testing.T) {
	open := filepath.Join(t.TempDir(), "everyone's")
	mustDo(t, os.Mkdir(open, 0o755))
	setList(t, open, "(A;OICI;FA;;;me)(A;OICI;FA;;;WD)")
	dir, err := os.OpenRoot(open)
	mustDo(t, err)
	defer func() { _ = dir.Close() }()
	for range 2 {
		f, err := OpenPrivateFile(dir, "log", os.O_RDWR|os.O_APPEND|os.O_CREATE)
		mustDo(t, err)
		_, werr := f.WriteString("line\n")
		info, err := Stat(f)
		mustDo(t, werr, err, CheckPrivateFile(info), f.Close())
	}
	if data, err := os.ReadFile(filepath.Join(open, "log")); err != nil || string(data) != "line\nline\n" {
		t.Errorf("%q %v", data, err)
	}
	if !wine() && !protected(t, filepath.Join(open, "log")) {
		t.Error("what the directory gives away reaches it")
	}
}

// What is there is refused as long as its list lets others in.
func TestAccessListsOfFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "d")
	mustDo(t, MakePrivateDir(path))
	dir, err := OpenPrivateDir(path)
	mustDo(t, err)
	defer func() { _ = dir.Close() }()
	file := filepath.Join(path, "f")
	mustDo(t, Write(dir, "f", []byte("x"), Synced))
	for list, want := range map[string]struct{ private, trusted, everyone Kind }{
		"(A;;FA;;;me)":                         {},
		"(A;;FA;;;me)(A;;FA;;;SY)(A;;FA;;;BA)": {},
		"(A;;FA;;;me)(A;;FR;;;WD)":             {private: OthersMayUse},
		"(A;;FA;;;me)(A;;FA;;;WD)":             {OthersMayUse, OthersMayWrite, OthersMayWrite},
	} {
		setList(t, file, list)
		if _, err := ReadPrivate(dir, "f", 10); KindOf(err) != want.private {
			t.Errorf("%s: %v", list, err)
		}
		_, info, err := Read(file, 10)
		mustDo(t, err)
		if err := CheckPrivateFile(info); KindOf(err) != want.private {
			t.Errorf("%s, private: %v", list, err)
		}
		if err := CheckTrusted(info); KindOf(err) != want.trusted {
			t.Errorf("%s, trusted: %v", list, err)
		}
		if err := CheckNotEveryones(file, path, info); KindOf(err) != want.everyone {
			t.Errorf("%s, everyone's: %v", list, err)
		}
		if err := CheckOthers(info, false); KindOf(err) != want.private || err != nil && err.Error() != "Everyone, S-1-1-0" {
			t.Errorf("%s, others: %v", list, err)
		}
	}
	setList(t, file, "(A;;FA;;;me)(A;;FR;;;WD)")
	_, info, err := Read(file, 10)
	mustDo(t, err)
	err = CheckPrivateFile(info)
	user, _ := userSID()
	if want := `icacls "C:\Ana Bell" /inheritance:r /grant:r "*` + user + `:F"`; KindOf(err) != OthersMayUse || ChmodCommand(err, "600", `"C:\Ana Bell"`) != want+` /remove:g "*S-1-1-0"` {
		t.Error(ChmodCommand(err, "600", `"C:\Ana Bell"`))
	}
	if err := CheckPrivateFile(info.(secured).FileInfo); KindOf(err) != OwnerUnknown {
		t.Errorf("without its list: %v", err)
	}
}

// The lists that Windows makes of text are what the rules were told.
func TestListOf(t *testing.T) {
	user, err := userSID()
	mustDo(t, err)
	sd, err := windows.SecurityDescriptorFromString("O:" + user + "D:P(D;;FA;;;BG)(A;OICI;FA;;;SY)(A;;FR;;;WD)")
	mustDo(t, err)
	l := listOf(sd, nil)
	want := []accessEntry{{aceDenied, 0x1f01ff, ""}, {aceAllowed, 0x1f01ff, sidSystem}, {aceAllowed, 0x120089, sidEveryone}}
	if l.err != nil || l.none || l.owner != user || len(l.entries) != len(want) {
		t.Fatalf("%+v", l)
	}
	for i := range want {
		if l.entries[i] != want[i] {
			t.Errorf("%+v, want %+v", l.entries[i], want[i])
		}
	}
	everyones, err := windows.NewSecurityDescriptor()
	mustDo(t, err, everyones.SetDACL(nil, true, false))
	owner, err := windows.StringToSid(user)
	mustDo(t, err, everyones.SetOwner(owner, false))
	if l := listOf(everyones, nil); l.err != nil || !l.none || KindOf(l.check(private)) != OthersMayUse {
		t.Errorf("no list: %+v", l)
	}
	if sd, err = windows.SecurityDescriptorFromString("D:P(A;;FA;;;WD)"); err == nil {
		if l := listOf(sd, nil); l.err == nil {
			t.Errorf("without an owner: %+v", l)
		}
	}
}

// A file that is rewritten lets in whom it let in before, whatever the directory gives away; what is to be private is so from
// the start.
func TestRewriteKeepsTheList(t *testing.T) {
	open := filepath.Join(t.TempDir(), "everyone's")
	mustDo(t, os.Mkdir(open, 0o755))
	if !wine() { // which gives a file what its directory has, protected or not
		setList(t, open, "(A;OICI;FA;;;me)(A;OICI;FA;;;WD)")
	}
	dir, err := os.OpenRoot(open)
	mustDo(t, err)
	defer func() { _ = dir.Close() }()
	look := func(name string) (private, trusted Kind) {
		t.Helper()
		data, info, err := Read(filepath.Join(open, name), 10)
		mustDo(t, err)
		if string(data) != "new" {
			t.Errorf("%s: %q", name, data)
		}
		return KindOf(CheckPrivateFile(info)), KindOf(CheckTrusted(info))
	}
	for list, want := range map[string]Kind{
		"(A;;FA;;;me)":             0,
		"(A;;FA;;;me)(A;;FR;;;WD)": OthersMayUse,
	} {
		path := filepath.Join(open, "kept")
		mustDo(t, os.WriteFile(path, []byte("old"), 0o600))
		setList(t, path, list)
		info, err := os.Stat(path)
		mustDo(t, err, Rewrite(dir, "kept", []byte("new"), info.Mode()))
		if private, trusted := look("kept"); private != want || trusted != 0 {
			t.Errorf("%s: kinds %d, %d", list, private, trusted)
		}
		if !wine() && !protected(t, path) {
			t.Errorf("%s: what the directory gives away reaches it", list)
		}
		mustDo(t, os.Remove(path))
	}
	mustDo(t, Rewrite(dir, "journal", []byte("new"), 0o600), Rewrite(dir, "made", []byte("new"), 0o644))
	if private, _ := look("journal"); private != 0 {
		t.Error("what is to be private is not")
	}
	if private, _ := look("made"); !wine() && private != OthersMayUse {
		t.Error("a new file has not what the directory gives")
	}
}
