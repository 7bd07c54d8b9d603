//go:build unix

package safefile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// open gives a private directory.
func open(t *testing.T) (path string, dir *os.Root) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "private")
	must(t, safefile.MakePrivateDir(path))
	dir, err := safefile.OpenPrivateDir(path)
	must(t, err)
	t.Cleanup(func() { _ = dir.Close() })
	return path, dir
}

// refused checks one rule and its wording, and that the file's name is left to the caller.
func refused(t *testing.T, err error, kind safefile.Kind, text string) {
	t.Helper()
	if err == nil || safefile.KindOf(err) != kind || !strings.HasPrefix(err.Error(), text) || strings.Contains(err.Error(), "/") {
		t.Errorf("got %v (kind %d), want %q (kind %d)", err, safefile.KindOf(err), text, kind)
	}
}

func TestDirectories(t *testing.T) {
	mkdir := func(mode fs.FileMode) func(*testing.T, string) error {
		return func(_ *testing.T, p string) error { return errors.Join(os.Mkdir(p, 0o700), os.Chmod(p, mode)) }
	}
	for name, tt := range map[string]struct {
		make    func(t *testing.T, path string) error
		private safefile.Kind
		trusted safefile.Kind
		text    string
	}{
		"missing": {make: func(*testing.T, string) error { return nil }},
		"0700":    {make: mkdir(0o700)},
		"setgid":  {make: mkdir(0o700 | fs.ModeSetgid)},
		"0755":    {make: mkdir(0o755), private: safefile.OthersMayUse, text: "others may use it (mode 0755)"},
		"0701":    {make: mkdir(0o701), private: safefile.OthersMayUse, text: "others may use it (mode 0701)"},
		"0720":    {make: mkdir(0o720), private: safefile.OthersMayUse, trusted: safefile.OthersMayWrite, text: "others may use it (mode 0720)"},
		"sticky":  {make: mkdir(0o777 | fs.ModeSticky), private: safefile.OthersMayUse, trusted: safefile.OthersMayWrite, text: "others may use it (mode 0777)"},
		"link": {make: func(t *testing.T, p string) error { return os.Symlink(t.TempDir(), p) },
			private: safefile.Symlink, text: "is a symbolic link"},
		"dangling link": {make: func(t *testing.T, p string) error { return os.Symlink(filepath.Join(t.TempDir(), "none"), p) },
			private: safefile.Symlink, text: "is a symbolic link"},
		"file": {make: func(_ *testing.T, p string) error { return os.WriteFile(p, nil, 0o600) },
			private: safefile.NotDirectory, text: "not a directory"},
		"FIFO": {make: func(_ *testing.T, p string) error { return syscall.Mkfifo(p, 0o600) },
			private: safefile.NotDirectory, text: "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d")
			must(t, tt.make(t, path))
			err := safefile.MakePrivateDir(path)
			if tt.private == 0 {
				must(t, err, safefile.PrivateDir(path))
				dir, err := safefile.OpenPrivateDir(path)
				must(t, err, dir.Close())
			} else {
				refused(t, err, tt.private, tt.text)
				refused(t, safefile.PrivateDir(path), tt.private, tt.text)
				_, err = safefile.OpenPrivateDir(path)
				refused(t, err, tt.private, tt.text)
			}
			dir, err := safefile.OpenTrustedDir(path)
			if dir != nil {
				_ = dir.Close()
			}
			if tt.trusted != 0 {
				refused(t, err, tt.trusted, "others may write to it (mode ")
			} else if wrong := slices.Contains([]string{"file", "FIFO", "dangling link"}, name); (err != nil) != wrong {
				t.Errorf("trusted: %v", err)
			}
		})
	}
	deep := filepath.Join(t.TempDir(), "a", "b")
	must(t, safefile.MakePrivateDir(deep))
	for _, path := range []string{deep, filepath.Dir(deep)} {
		must(t, safefile.PrivateDir(path))
	}
}

func TestOtherUsers(t *testing.T) {
	if os.Geteuid() != 0 {
		if err := safefile.PrivateDir("/"); safefile.KindOf(err) != safefile.OtherOwner {
			t.Errorf("root's directory: %v", err)
		}
		info, err := os.Stat("/")
		must(t, err, safefile.CheckTrusted(info))
		t.Skip("needs root to make a file of another user's")
	}
	path, dir := open(t)
	file := filepath.Join(path, "f")
	must(t, os.WriteFile(file, []byte("x"), 0o600), os.Chown(file, 12345, 12345))
	_, err := safefile.ReadPrivate(dir, "f", 10)
	refused(t, err, safefile.OtherOwner, "belongs to uid 12345, not to you (uid 0)")
	data, info, err := safefile.Read(file, 10)
	must(t, err)
	if string(data) != "x" {
		t.Errorf("read %q", data)
	}
	refused(t, safefile.CheckTrusted(info), safefile.OtherOwner, "belongs to uid 12345")
	must(t, os.Chown(path, 12345, 12345))
	refused(t, safefile.PrivateDir(path), safefile.OtherOwner, "belongs to uid 12345")
	_, err = safefile.OpenTrustedDir(path)
	refused(t, err, safefile.OtherOwner, "belongs to uid 12345")
}

func TestPrivateFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, path string) error
		kind  safefile.Kind
		text  string
	}{
		"good":     {spoil: func(*testing.T, string) error { return nil }},
		"readonly": {spoil: func(_ *testing.T, p string) error { return os.Chmod(p, 0o400) }},
		"readable": {func(_ *testing.T, p string) error { return os.Chmod(p, 0o644) }, safefile.OthersMayUse, "others may use it (mode 0644)"},
		"writable": {func(_ *testing.T, p string) error { return os.Chmod(p, 0o620) }, safefile.OthersMayUse, "others may use it (mode 0620)"},
		"setuid":   {func(_ *testing.T, p string) error { return os.Chmod(p, 0o600|fs.ModeSetuid) }, safefile.OthersMayUse, "others may use it (mode 4600)"},
		"second name": {func(t *testing.T, p string) error { return os.Link(p, p+"2") },
			safefile.HardLinked, "has more than one hard link"},
		"link": {func(t *testing.T, p string) error { return errors.Join(os.Rename(p, p+"2"), os.Symlink("f2", p)) },
			safefile.NotRegular, "not a regular file"},
		"link to a FIFO": {func(t *testing.T, p string) error {
			return errors.Join(os.Remove(p), syscall.Mkfifo(p+"2", 0o600), os.Symlink("f2", p))
		}, safefile.NotRegular, "not a regular file"},
		"FIFO": {func(_ *testing.T, p string) error { return errors.Join(os.Remove(p), syscall.Mkfifo(p, 0o600)) },
			safefile.NotRegular, "not a regular file"},
		"directory": {func(_ *testing.T, p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) },
			safefile.NotRegular, "not a regular file"},
		"too large": {func(_ *testing.T, p string) error { return os.WriteFile(p, make([]byte, 1025), 0o600) },
			safefile.TooLarge, "larger than 1 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			path, dir := open(t)
			file := filepath.Join(path, "f")
			must(t, os.WriteFile(file, []byte("CANARY"), 0o600), tt.spoil(t, file))
			data, err := safefile.ReadPrivate(dir, "f", 1<<10)
			if tt.kind != 0 {
				refused(t, err, tt.kind, tt.text)
			} else if err != nil || string(data) != "CANARY" {
				t.Errorf("%q, %v", data, err)
			}
		})
	}
	_, dir := open(t)
	if _, err := safefile.ReadPrivate(dir, "none", 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
	if _, err := safefile.ReadPrivate(dir, "../private", 1); err == nil {
		t.Error("a name leads out of the directory")
	}
}

func TestReadAnyRegularFile(t *testing.T) {
	dir := t.TempDir()
	file, link, fifo := filepath.Join(dir, "f"), filepath.Join(dir, "l"), filepath.Join(dir, "fifo")
	must(t, os.WriteFile(file, bytes.Repeat([]byte("x"), 3000), 0o644), os.Symlink(file, link), syscall.Mkfifo(fifo, 0o600))
	for _, path := range []string{file, link} {
		data, info, err := safefile.Read(path, 3000)
		if err != nil || len(data) != 3000 || info.Size() != 3000 {
			t.Errorf("%s: %d bytes, %v", path, len(data), err)
		}
	}
	_, _, err := safefile.Read(file, 2999)
	refused(t, err, safefile.TooLarge, "larger than 2999 bytes")
	sparse := filepath.Join(dir, "sparse") // to make room for it would be fatal
	must(t, os.WriteFile(sparse, nil, 0o600), os.Truncate(sparse, 1<<42))
	_, _, err = safefile.Read(sparse, 1<<20)
	refused(t, err, safefile.TooLarge, "larger than 1 MiB")
	for _, path := range []string{fifo, dir, os.DevNull, "/dev/zero"} {
		_, _, err := safefile.Read(path, 10)
		refused(t, err, safefile.NotRegular, "not a regular file")
	}
	if _, _, err := safefile.Read(filepath.Join(dir, "none"), 10); !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), dir) {
		t.Errorf("missing: %v", err)
	}
	// The size that the kernel reports for its own files is 0.
	if data, _, err := safefile.Read("/proc/self/maps", 1<<20); err == nil && len(data) == 0 {
		t.Error("a file that is longer than its size is cut off")
	}
	if _, err := os.Stat("/proc/self/maps"); err == nil {
		_, _, err = safefile.Read("/proc/self/maps", 10)
		refused(t, err, safefile.TooLarge, "larger than 10 bytes")
	}
}

// A FIFO, a link and a good file that take turns in one place: no read waits, and none gives
// anything but the file.
func TestFileThatIsSwapped(t *testing.T) {
	path, dir := open(t)
	file, elsewhere := filepath.Join(path, "f"), filepath.Join(path, "elsewhere")
	must(t, os.WriteFile(elsewhere, []byte("not this"), 0o600))
	var stop atomic.Bool
	var swapper sync.WaitGroup
	swapper.Go(func() {
		for !stop.Load() {
			_ = safefile.Write(dir, "f", []byte("good"), safefile.Unsynced)
			_ = syscall.Mkfifo(file+"2", 0o600)
			_ = os.Rename(file+"2", file)
			_ = os.Symlink("elsewhere", file+"3")
			_ = os.Rename(file+"3", file)
		}
	})
	good := 0
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end) || good == 0; {
		data, err := safefile.ReadPrivate(dir, "f", 100)
		if err == nil {
			good++
			if string(data) != "good" {
				t.Errorf("read %q", data)
			}
		}
		_, _, _ = safefile.Read(file, 100)
	}
	stop.Store(true)
	swapper.Wait()
}

// Readers beside writers see whole files, whatever the number of writers.
func TestWriteIsAtomic(t *testing.T) {
	path, dir := open(t)
	contents := [][]byte{bytes.Repeat([]byte("a"), 5000), bytes.Repeat([]byte("b"), 7), nil}
	must(t, safefile.Write(dir, "f", contents[0], safefile.Durable))
	var writers sync.WaitGroup
	for _, content := range contents {
		writers.Go(func() {
			for range 200 {
				if err := safefile.Write(dir, "f", content, safefile.Unsynced); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		data, err := safefile.ReadPrivate(dir, "f", 1<<20)
		whole := false
		for _, c := range contents {
			whole = whole || bytes.Equal(c, data)
		}
		if err != nil && safefile.KindOf(err) != safefile.Replaced || err == nil && !whole {
			t.Errorf("%d bytes, %v", len(data), err)
		}
	}
	entries, err := os.ReadDir(path)
	if must(t, err); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestCreateOnce(t *testing.T) {
	path, dir := open(t)
	var created atomic.Int32
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			switch err := safefile.Create(dir, "key", []byte{byte(i)}, safefile.Synced); {
			case err == nil:
				created.Add(1)
			case !errors.Is(err, fs.ErrExist):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	entries, err := os.ReadDir(path)
	if must(t, err); created.Load() != 1 || len(entries) != 1 {
		t.Errorf("%d made it; there is %v", created.Load(), entries)
	}
	_, err = safefile.ReadPrivate(dir, "key", 1)
	must(t, err)
}

// The umask belongs to the whole process, so this test must not run beside others.
func TestWriteUnderAnyUmask(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o777} {
		path, dir := open(t)
		old := syscall.Umask(mask)
		err := safefile.Write(dir, "f", []byte("x"), safefile.Synced)
		syscall.Umask(old)
		must(t, err)
		if info, err := os.Stat(filepath.Join(path, "f")); err != nil || info.Mode() != 0o600 {
			t.Errorf("umask %o: %v, %v", mask, info.Mode(), err)
		}
	}
}

// A temporary file is a new one, whatever was put into its place.
func TestTemporaryFileIsNew(t *testing.T) {
	path, dir := open(t)
	must(t, os.WriteFile(filepath.Join(path, "file"), nil, 0o600), os.Symlink("nowhere", filepath.Join(path, "link")))
	for _, name := range []string{"file", "link"} {
		if _, err := safefile.CreateTemp(dir, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	path, dir := open(t)
	must(t, os.MkdirAll(filepath.Join(path, "f", "x"), 0o700))
	if err := safefile.Write(dir, "f", []byte("x"), safefile.Synced); err == nil || strings.Contains(err.Error(), "tmp") {
		t.Errorf("a full directory is replaced, or the error names what is gone: %v", err)
	}
	entries, err := os.ReadDir(path)
	if must(t, err); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestWipe(t *testing.T) {
	path, dir := open(t)
	name := func(s string) string { return filepath.Join(path, s) }
	must(t, os.WriteFile(name("f"), []byte("CANARY"), 0o600))
	kept, err := os.Open(name("f"))
	must(t, err)
	defer kept.Close()
	must(t, safefile.Wipe(dir, "f"), safefile.Wipe(dir, "f"))
	data := make([]byte, 10)
	if n, _ := kept.Read(data); string(data[:n]) != "\x00\x00\x00\x00\x00\x00" {
		t.Errorf("still there: %q", data[:n])
	}
	// A second name or a link's target is not this program's to change.
	must(t, os.WriteFile(name("target"), []byte("kept"), 0o600), os.Symlink("target", name("link")), safefile.Wipe(dir, "link"))
	must(t, os.Link(name("target"), name("second")), safefile.Wipe(dir, "second"), syscall.Mkfifo(name("fifo"), 0o600), safefile.Wipe(dir, "fifo"))
	if data, err := os.ReadFile(name("target")); string(data) != "kept" {
		t.Errorf("%q, %v", data, err)
	}
	entries, err := os.ReadDir(path)
	if must(t, err); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

// Copy gives what Read reads, and refuses what Read refuses.
func TestCopyReadsAsReadDoes(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/empty", nil, 0o600), os.WriteFile(dir+"/large", bytes.Repeat([]byte("0123456"), 20_000), 0o644),
		os.Mkdir(dir+"/dir", 0o700), syscall.Mkfifo(dir+"/fifo", 0o600), os.Symlink("large", dir+"/link"))
	for _, name := range []string{"empty", "large", "dir", "fifo", "link", "none"} {
		for _, limit := range []int64{0, 100, 139_999, 140_000, 1 << 20} {
			want, _, werr := safefile.Read(dir+"/"+name, limit)
			var got bytes.Buffer
			info, err := safefile.Copy(&got, dir+"/"+name, limit)
			if (err == nil) != (werr == nil) || err != nil && err.Error() != werr.Error() {
				t.Errorf("%s within %d: %v, Read says %v", name, limit, err, werr)
			}
			if err == nil && (!bytes.Equal(got.Bytes(), want) || info == nil) {
				t.Errorf("%s within %d: other content", name, limit)
			}
		}
	}
}
