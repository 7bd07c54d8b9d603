//go:build !otheros

package direct

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/process"
	"github.com/sts-helper/sts-helper/token"
)

// world is a default cache with a record in it, and a note of it in the making.
type world struct {
	c    *cache.Cache
	tok  token.Token
	key  cache.Key
	note *Note
}

// remember keeps the note, and reports whether it was written.
func (w *world) remember() bool {
	_, file := w.c.RecordFile(w.key)
	w.note.SetAnswer(w.c.Path(), w.key.String(), file)
	return w.note.Remember(line)
}

var line = []string{"sts-helper", "--source-profile", "base"}

func newWorld(t testing.TB) *world {
	t.Helper()
	if programID() == "" {
		t.Skip("this program has no build id")
	}
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	t.Setenv(chainVariable, "")
	t.Setenv(offVariable, "")
	w := &world{note: newNote(line)}
	w.open(t, filepath.Join(home, "sts-helper"))
	return w
}

// open makes a cache and stores a record in it.
func (w *world) open(t testing.TB, dir string) {
	t.Helper()
	var err error
	if w.c, err = cache.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.c.Close() })
	w.tok = token.Token{Operation: token.AssumeRole, Credentials: token.Credentials{
		AccessKeyID: "ASIAQNZGKIQY56JQ7WML", SecretAccessKey: "CANARY+/secret<&>", SessionToken: "CANARY//token==",
		CanExpire: true, Expires: time.Now().Add(2 * time.Hour), AccountID: "029608264753",
	}}
	w.key = cache.NewKey(cache.Present("operation", "AssumeRole"), cache.Absent("x"))
	if err := w.c.Store(w.key, w.tok, false); err != nil {
		t.Fatal(err)
	}
}

func (w *world) recordPath() string {
	return filepath.Join(w.c.Path(), record.VersionDir, w.key.String()+record.Ext)
}

func (w *world) look(t testing.TB, path string) {
	t.Helper()
	content, info, err := safefile.Read(path, MaxFile)
	f, ok := w.note.NewFile(path, content, info, err)
	if !ok {
		t.Fatalf("%s cannot be noted: %v", path, err)
	}
	w.note.Files = append(w.note.Files, f)
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnswerIsTheDocumentOfTheProcess(t *testing.T) {
	w := newWorld(t)
	if answer(line) != nil {
		t.Fatal("answered before it was noted")
	}
	if !w.remember() {
		t.Fatal("not noted")
	}
	want, err := process.Encode(w.tok.Credentials)
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(line); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if w.remember() {
		t.Error("the same was noted twice")
	}
	if answer(append(line, "--fips")) != nil {
		t.Error("another line has the same answer")
	}
}

// A note that has got the name of another line's is no answer to that line.
func TestNoteOfAnotherLine(t *testing.T) {
	w := newWorld(t)
	if !w.remember() {
		t.Fatal("not noted")
	}
	other := append(line, "--fips")
	note := func(args []string) string {
		return filepath.Join(w.c.Path(), record.VersionDir, noteName(identity(nil, args)))
	}
	must(t, os.Rename(note(line), note(other)))
	if answer(other) != nil {
		t.Error("answered")
	}
}

// Records may be elsewhere; notes are in the default cache all the same, which is made.
func TestRecordsInAnotherCache(t *testing.T) {
	w := newWorld(t)
	w.open(t, filepath.Join(t.TempDir(), "elsewhere"))
	if err := os.RemoveAll(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "sts-helper")); err != nil {
		t.Fatal(err)
	}
	if !w.remember() || answer(line) == nil {
		t.Error("not answered")
	}
}

func TestAnyChangeEndsTheAnswer(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, w *world, dir string){
		"content":      func(t *testing.T, _ *world, dir string) { write(t, dir+"/config", "two") },
		"removed":      func(t *testing.T, _ *world, dir string) { must(t, os.Remove(dir+"/config")) },
		"others write": func(t *testing.T, _ *world, dir string) { must(t, os.Chmod(dir+"/config", 0o622)) },
		"a directory now": func(t *testing.T, _ *world, dir string) {
			must(t, os.Remove(dir+"/config"), os.Mkdir(dir+"/config", 0o700))
		},
		"a FIFO now": func(t *testing.T, _ *world, dir string) {
			must(t, os.Remove(dir+"/config"), syscall.Mkfifo(dir+"/config", 0o600))
		},
		"an empty file is a FIFO now": func(t *testing.T, _ *world, dir string) {
			must(t, os.Remove(dir+"/empty"), syscall.Mkfifo(dir+"/empty", 0o600))
		},
		"a file appears": func(t *testing.T, _ *world, dir string) { write(t, dir+"/none", "") },
		"the parent appears": func(t *testing.T, _ *world, dir string) {
			must(t, os.Mkdir(dir+"/nodir", 0o700))
			write(t, dir+"/nodir/f", "")
		},
		"variable":          func(t *testing.T, _ *world, _ string) { t.Setenv("DIRECT_TEST", "two") },
		"variable unset":    func(t *testing.T, _ *world, _ string) { t.Setenv("DIRECT_TEST", "") },
		"variable appears":  func(t *testing.T, _ *world, _ string) { t.Setenv("DIRECT_TEST_NONE", "x") },
		"working directory": func(t *testing.T, _ *world, dir string) { t.Chdir(dir) },
		"home":              func(t *testing.T, _ *world, dir string) { t.Setenv("HOME", dir) },
		"record removed":    func(t *testing.T, w *world, _ string) { must(t, os.Remove(w.recordPath())) },
		"record damaged":    func(t *testing.T, w *world, _ string) { must(t, os.Truncate(w.recordPath(), 700)) },
		"record open":       func(t *testing.T, w *world, _ string) { must(t, os.Chmod(w.recordPath(), 0o644)) },
		"cache open":        func(t *testing.T, w *world, _ string) { must(t, os.Chmod(w.c.Path(), 0o755)) },
		"cache is a link": func(t *testing.T, w *world, dir string) {
			must(t, os.Rename(w.c.Path(), dir+"/cache"), os.Symlink(dir+"/cache", w.c.Path()))
		},
		"folder is a link": func(t *testing.T, w *world, dir string) {
			folder := filepath.Join(w.c.Path(), record.VersionDir)
			must(t, os.Rename(folder, dir+"/folder"), os.Symlink(dir+"/folder", folder))
		},
		"record is a FIFO": func(t *testing.T, w *world, _ string) {
			must(t, os.Remove(w.recordPath()), syscall.Mkfifo(w.recordPath(), 0o600))
		},
		"record has a second name": func(t *testing.T, w *world, dir string) {
			must(t, os.Link(w.recordPath(), w.recordPath()+"x"))
		},
		"record of another": func(t *testing.T, w *world, _ string) { w.swap(t) },
		"record is a link": func(t *testing.T, w *world, _ string) {
			must(t, os.Rename(w.recordPath(), w.recordPath()+"x"), os.Symlink(w.recordPath()+"x", w.recordPath()))
		},
		"record almost over":   func(t *testing.T, w *world, _ string) { w.age(t, 90*time.Minute) },
		"record from a future": func(t *testing.T, w *world, _ string) { w.age(t, -time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dir := t.TempDir()
			t.Setenv("DIRECT_TEST", "one")
			w.note.AddVariable("DIRECT_TEST", "one")
			w.note.AddVariable("DIRECT_TEST_NONE", "")
			w.look(t, write(t, dir+"/config", "one"))
			w.look(t, write(t, dir+"/empty", ""))
			w.look(t, dir+"/none")
			w.look(t, dir+"/nodir/f")
			wd, err := os.Getwd()
			must(t, err)
			f, _ := w.note.NewFile(".", []byte(wd), nil, nil)
			w.note.Files = append(w.note.Files, f)
			if !w.remember() || answer(line) == nil {
				t.Fatal("not answered to begin with")
			}
			change(t, w, dir)
			if answer(line) != nil {
				t.Error("answered all the same")
			}
		})
	}
}

// swap puts another request's record in the place of w's.
func (w *world) swap(t *testing.T) {
	t.Helper()
	other := cache.NewKey(cache.Present("operation", "GetSessionToken"))
	must(t, w.c.Store(other, w.tok, false))
	must(t, os.Rename(filepath.Join(w.c.Path(), record.VersionDir, other.String()+record.Ext), w.recordPath()))
}

// age makes w's record older by d, and notes it so.
func (w *world) age(t *testing.T, d time.Duration) {
	t.Helper()
	data, err := os.ReadFile(w.recordPath())
	must(t, err)
	r, reason := envelope.Decode(data)
	if reason != "" {
		t.Fatal(reason)
	}
	r.Issued.Wall, r.Issued.Boot, r.Expires = r.Issued.Wall.Add(-d), r.Issued.Boot-d, r.Expires.Add(-d)
	data, err = envelope.Encode(r)
	must(t, err)
	write(t, w.recordPath(), string(data))
	if !w.remember() {
		t.Fatal("not noted again")
	}
}

// A change that leaves size and times as they were is seen: what counts is what is read.
func TestTimesAreNotTrusted(t *testing.T) {
	w := newWorld(t)
	file := write(t, filepath.Join(t.TempDir(), "config"), "role_arn = one")
	info, err := os.Stat(file)
	must(t, err)
	w.look(t, file)
	if !w.remember() || answer(line) == nil {
		t.Fatal("not answered to begin with")
	}
	write(t, file, "role_arn = two")
	must(t, os.Chtimes(file, info.ModTime(), info.ModTime()))
	if answer(line) != nil {
		t.Error("answered all the same")
	}
}

// Large files are compared to the last byte.
func TestLargeFiles(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	text := strings.Repeat("[profile p]\n", 40_000)
	files := []string{dir + "/one", dir + "/two", dir + "/three"}
	for _, file := range files {
		w.look(t, write(t, file, text))
	}
	w.look(t, write(t, dir+"/small", "x"))
	if !w.remember() || answer(line) == nil {
		t.Fatal("not answered to begin with")
	}
	for _, file := range files {
		write(t, file, text[1:]+"x")
		if answer(line) != nil {
			t.Errorf("%s: answered all the same", file)
		}
		write(t, file, text)
		if answer(line) == nil {
			t.Errorf("%s: not answered", file)
		}
	}
}

// What is rewritten with the same content is the same.
func TestSameContentIsNoChange(t *testing.T) {
	w := newWorld(t)
	file := write(t, filepath.Join(t.TempDir(), "config"), "one")
	w.look(t, file)
	w.remember()
	must(t, os.Remove(file))
	write(t, file, "one")
	if answer(line) == nil {
		t.Error("not answered")
	}
}

func TestNullDeviceIsNeverAChange(t *testing.T) {
	w := newWorld(t)
	f, ok := w.note.NewFile(os.DevNull, nil, nil, nil)
	if !ok || f.State != Null {
		t.Fatalf("%+v", f)
	}
	w.note.Files = []File{f}
	if !w.remember() || answer(line) == nil {
		t.Error("not answered")
	}
}

func TestWhatCannotBeReadIsNotNoted(t *testing.T) {
	for _, err := range []error{fs.ErrPermission, syscall.EIO, syscall.ELOOP} {
		if f, ok := newNote(line).NewFile("/x", nil, nil, err); ok {
			t.Errorf("%v: %+v", err, f)
		}
	}
}

func TestNotesThatEnd(t *testing.T) {
	w := newWorld(t)
	w.note.Life = time.Minute
	if !w.remember() || answer(line) == nil {
		t.Fatal("not answered to begin with")
	}
	at := record.Moment{Wall: time.Now(), Boot: time.Hour, BootID: "b"}
	n := Note{Life: time.Minute, At: at}
	w.note.Life = time.Nanosecond
	if !w.remember() || answer(line) != nil {
		t.Error("answered after its end")
	}
	for _, tc := range []struct {
		wall, boot time.Duration
		id         string
		ended      bool
	}{
		{0, 0, "b", false},
		{59 * time.Second, 59 * time.Second, "b", false},
		{time.Minute, 0, "b", true},
		{-time.Hour, time.Minute, "b", true}, // the clock was set back
		{-time.Second, 0, "c", true},         // from the future
	} {
		now := record.Moment{Wall: at.Wall.Add(tc.wall), Boot: at.Boot + tc.boot, BootID: tc.id}
		if got := n.ended(now); got != tc.ended {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

// A record that only a user can renew is handed out as long as the ordinary way does so.
func TestRecordsThatAreKept(t *testing.T) {
	w := newWorld(t)
	w.note.Least = record.Mandatory
	if !w.remember() {
		t.Fatal("not noted")
	}
	w.age(t, 90*time.Minute)
	if answer(line) == nil {
		t.Error("not answered in the advisory window")
	}
	state := write(t, strings.TrimSuffix(w.recordPath(), record.Ext)+record.StateExt, "x")
	if answer(line) != nil {
		t.Error("answered although a refresh failed")
	}
	must(t, os.Remove(state))
	w.age(t, 29*time.Minute+10*time.Second)
	if answer(line) != nil {
		t.Error("answered in the mandatory window")
	}
}

// How long a record lasts is said until it ends, by the clock that is further on.
func TestLeft(t *testing.T) {
	w := newWorld(t)
	w.note.Answer, w.note.Profile = Left, "dev"
	if !w.remember() {
		t.Fatal("not noted")
	}
	for _, tc := range []struct {
		later time.Duration
		want  string
	}{{time.Minute, "dev 1h5"}, {90 * time.Minute, "dev 2"}, {28 * time.Minute, "dev "}, {2 * time.Minute, ""}, {-5 * time.Hour, ""}} {
		w.age(t, tc.later)
		if got := string(answer(line)); !strings.HasPrefix(got, tc.want) || tc.want == "" && got != "" || strings.Contains(got, "CANARY") {
			t.Errorf("%v later: %q, want %q", tc.later, got, tc.want)
		}
	}
}

func TestOff(t *testing.T) {
	for _, variable := range []string{offVariable, chainVariable} {
		w := newWorld(t)
		t.Setenv(variable, "1")
		if w.remember() {
			t.Errorf("%s: noted", variable)
		}
	}
}

func TestOnlyLinesThatMayBeNotedAreLookedFor(t *testing.T) {
	for line, want := range map[string]bool{
		"sts-helper": true, "sts-helper --duration=2h": true, "sts-helper -v": true, "sts-helper process": true, "sts-helper process --fips": true,
		"sts-helper status --short": true, "sts-helper status dev --short": true, "sts-helper status": false, "sts-helper status dev": false, "sts-helper login --short": false,
		"sts-helper login": false, "sts-helper serve --listen x": false, "sts-helper ": false,
	} {
		if got := mayBeNoted(strings.Split(line, " ")); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}
