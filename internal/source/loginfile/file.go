package loginfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/safefile"
)

// limit bounds a login file; real ones have some 5 KiB.
const limit = 1 << 20

// A file that another program writes in place is whole again within milliseconds.
const (
	rereads    = 25
	rereadWait = 20 * time.Millisecond
)

// The ways in which a login cannot be used; each is cured by logging in.
var (
	ErrNotLoggedIn = errors.New("not logged in")
	ErrEnded       = errors.New("the login has ended")
	ErrDamaged     = errors.New("the login's file is damaged")
)

// Read reads a login file, and again where another program is just writing it. A missing file
// is [ErrNotLoggedIn], one that stays no JSON object [ErrDamaged]. It follows links.
func Read(path string) (*Text, error) {
	for i := 0; ; i++ {
		data, _, err := safefile.Read(path, limit)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotLoggedIn
		}
		if err != nil {
			return nil, err
		}
		if t, err := Parse(data); err == nil {
			return t, nil
		}
		if i == rereads {
			return nil, ErrDamaged
		}
		time.Sleep(rereadWait)
	}
}

// pendingPrefix and pendingSuffix surround the name of a text on its way to a login file.
const pendingPrefix, pendingSuffix = ".sts-helper-", ".new"

// pendingName is where the text that replaces the one with this refresh token is written.
func pendingName(name, refreshToken string) string {
	sum := sha256.Sum256([]byte(refreshToken))
	return pendingStart(name) + hex.EncodeToString(sum[:8]) + pendingSuffix
}

func pendingStart(name string) string {
	return pendingPrefix + strings.TrimSuffix(name, ".json") + "-"
}

// File is a login file and its directory, opened by [Open].
type File struct {
	dir  *os.Root
	name string
}

// Open opens the directory of a login file for the steps that write. The directory is made
// where it is missing, and refused where other users could put a file of theirs into it. A
// link is followed, so that it stays one. The writer holds a lock of the caller's.
func Open(path string) (*File, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	info, err := safefile.StatDir(dir)
	if err == nil {
		err = safefile.CheckTrusted(ownGroup{info})
	}
	if err != nil {
		_ = dir.Close()
		return nil, err
	}
	return &File{dir, filepath.Base(path)}, nil
}

// ownGroup is a directory whose group may write to it. AWS's tools make theirs under the umask,
// and where each user has a group of their own, as on Ubuntu, that is 002.
type ownGroup struct{ fs.FileInfo }

func (g ownGroup) Mode() fs.FileMode { return g.FileInfo.Mode() &^ 0o020 }

// Close closes the directory.
func (f *File) Close() { _ = f.dir.Close() }

// Adopt finishes a [File.Replace] that a crash interrupted: where a whole text waits that
// replaces the one with t's refresh token, it becomes the file's. It is the text that counts
// from now on, t itself where nothing waits.
func (f *File) Adopt(t *Text) *Text {
	token := t.String("refreshToken")
	if token == "" {
		return t
	}
	pending := pendingName(f.name, token)
	data, err := safefile.ReadPrivate(f.dir, pending, limit)
	if err != nil {
		return t
	}
	next, err := Parse(data)
	if err != nil || next.String("refreshToken") == "" {
		_ = f.dir.Remove(pending) // the crash came before the text was whole
		return t
	}
	_ = safefile.Rename(f.dir, pending, f.name) // where it fails, the text waits on
	return next
}

// CanWrite reports what would keep a text of about this size from being written, before a
// refresh token is spent for it.
func (f *File) CanWrite(size int) error {
	probe := pendingStart(f.name) + "probe"
	err := safefile.Replace(f.dir, probe+pendingSuffix, probe, make([]byte, size+4096), safefile.Unsynced, nil)
	if err != nil {
		_ = f.dir.Remove(probe + pendingSuffix)
		return err
	}
	return f.dir.Remove(probe)
}

// retries is how often a text is written again that could not be: nothing else has it.
const retries = 3

// Replace puts next in the place of a text with this refresh token, "" for none. What Adopt
// could have found of earlier crashes goes. After an error Adopt may still find next. complete,
// which may be nil, is called when next is on disk and not the file's yet.
func (f *File) Replace(refreshToken string, next *Text, complete func()) error {
	temp := pendingName(f.name, refreshToken)
	err := safefile.Replace(f.dir, temp, f.name, next.data, safefile.Durable, complete)
	for i := 0; i < retries && err != nil; i++ {
		if data, rerr := safefile.ReadPrivate(f.dir, temp, limit); rerr == nil && bytes.Equal(data, next.data) {
			err = safefile.Rename(f.dir, temp, f.name)
		} else {
			err = safefile.Replace(f.dir, temp, f.name, next.data, safefile.Unsynced, complete)
		}
	}
	if err != nil {
		return err
	}
	f.sweep()
	return nil
}

// Remove removes the file and what was on its way to it. A missing file is no error.
func (f *File) Remove() error {
	f.sweep()
	if err := f.dir.Remove(f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (f *File) sweep() {
	entries, err := fs.ReadDir(f.dir.FS(), ".")
	if err != nil {
		return
	}
	start := pendingStart(f.name)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), start) {
			_ = f.dir.Remove(e.Name())
		}
	}
}

// LockName is the path of the lock of a login file: beside it, where every process that uses the
// file finds it, whatever its own settings.
func LockName(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Join(filepath.Dir(path), pendingPrefix+strings.TrimSuffix(filepath.Base(path), ".json")+".lock")
}

// LockPath is [LockName], of a directory that is made where it is missing and refused as by
// [Open].
func LockPath(path string) (string, error) {
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	f.Close()
	return LockName(path), nil
}
