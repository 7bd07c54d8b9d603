package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// tagName is beside the folders that package record names.
const tagName = "CACHEDIR.TAG"

// ErrUnsafe is matched by errors of [Open] about a directory that others could read, write
// or replace. Nothing was read or written; the error says what to do.
var ErrUnsafe error = &failure.Error{Class: failure.Configuration, Text: "the cache directory is not safe to use", Final: true}

// Cache is an open cache directory. It is safe for concurrent use.
type Cache struct {
	path     string
	root     *os.Root // path/v1
	spare    *spare   // nil for none
	repaired int
}

// Open opens the cache in the directory at path, an absolute path, and makes it (0700)
// where it does not exist. It refuses, with [ErrUnsafe], a directory that is a link, that
// belongs to another user, or that others may enter. On Windows it is made with an access list of
// its own, for the user, the system and the administrators. Other errors mean that there can be
// no cache here: a read-only or full disk, say; the caller can go on without one. What Kubernetes
// does to a volume for fsGroup is undone; see [Cache.Repaired].
func Open(path string) (*Cache, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrUnsafe, path)
	}
	path = filepath.Clean(path)
	repaired := 0
	if safefile.KindOf(safefile.PrivateDir(path)) == safefile.OthersMayUse {
		repaired = safefile.RepairVolume(path)
	}
	folder := filepath.Join(path, record.VersionDir)
	for _, dir := range []string{path, folder, filepath.Join(path, record.LockDir)} {
		if err := safefile.MakePrivateDir(dir); err != nil {
			return nil, unsafeDir(dir, err)
		}
	}
	root, err := safefile.OpenPrivateDir(folder)
	if err != nil {
		return nil, unsafeDir(folder, err)
	}
	return &Cache{path: path, root: root, repaired: repaired}, nil
}

// Close releases the directory. Records stay.
func (c *Cache) Close() error {
	if other := c.second(nil); other != nil {
		_ = other.Close()
	}
	return c.root.Close()
}

// Path is the directory the cache is in.
func (c *Cache) Path() string { return c.path }

// Repaired is how many files and directories of the cache a group could use, until [Open] made them private again: those
// of a volume that Kubernetes gave to the pod's fsGroup. 0 is the usual case.
func (c *Cache) Repaired() int { return c.repaired }

// unsafeDir says what to do about a directory that was refused.
func unsafeDir(path string, err error) error {
	var do string
	switch safefile.KindOf(err) {
	case 0:
		if _, named := errors.AsType[*fs.PathError](err); named {
			return err
		}
		return fmt.Errorf("%s: %w", path, err)
	case safefile.Symlink:
		do = "; name the directory itself with --cache-dir"
	case safefile.NotDirectory:
		do = "; move it away or use --cache-dir"
	case safefile.OthersMayUse:
		do = "; run: " + safefile.ChmodCommand(err, "700", display.ShellWord(path))
	default:
		do = "; use --cache-dir or remove it"
	}
	return fmt.Errorf("%w: %s: %w%s", ErrUnsafe, path, err, do)
}

// noFile is the reason of the commonest miss.
const noFile = "there is none"

// read reads a file of the versioned folder, the spare one's first.
func (c *Cache) read(name string) ([]byte, *Miss) {
	if other := c.second(nil); other != nil {
		if data, m := other.readOwn(name); m == nil {
			return data, nil
		}
	}
	return c.readOwn(name)
}

// readOwn reads a file of the versioned folder: a private one, not a link, bounded.
func (c *Cache) readOwn(name string) ([]byte, *Miss) {
	data, err := safefile.ReadPrivate(c.root, name, record.MaxFile)
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, miss(noFile)
	case safefile.KindOf(err) != 0:
		return nil, miss(err.Error())
	}
	return nil, &Miss{"the file cannot be read", err}
}

// deleteFile removes a file of the versioned folder; one that is not there is no error.
func (c *Cache) deleteFile(name string) error {
	return c.removed(name, func(c *Cache) error { return c.root.Remove(name) })
}

// write replaces a file of the versioned folder.
func (c *Cache) write(name string, data []byte, d safefile.Durability) error {
	err := safefile.Write(c.root, name, data, d)
	if err != nil && c.removeEmptyDir(name) {
		err = safefile.Write(c.root, name, data, d)
	}
	if err != nil {
		return c.writeSpare(name, data, d, err)
	}
	if other := c.second(nil); other != nil {
		_ = other.deleteFile(name)
	}
	c.Sweep()
	return nil
}

// removeEmptyDir removes an empty directory in a file's place, which no rename replaces. It reports
// whether it did.
func (c *Cache) removeEmptyDir(name string) bool {
	info, err := c.root.Lstat(name)
	return err == nil && info.IsDir() && c.root.Remove(name) == nil
}
