package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/record"
)

// tagName is beside the folders that package record names.
const tagName = "CACHEDIR.TAG"

// ErrUnsafe is matched by errors of [Open] about a directory that others could read, write
// or replace. Nothing was read or written; the error says what to do.
var ErrUnsafe = errors.New("the cache directory is not safe to use")

// Cache is an open cache directory. It is safe for concurrent use.
type Cache struct {
	path string
	root *os.Root // path/v1
}

// Open opens the cache in the directory at path, an absolute path, and makes it (0700)
// where it does not exist. It refuses, with [ErrUnsafe], a directory that is a link, that
// belongs to somebody else, or that others may enter. Other errors mean that there can be
// no cache here: a read-only or full disk, say; the caller can go on without one.
func Open(path string) (*Cache, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrUnsafe, path)
	}
	path = filepath.Clean(path)
	if err := makePrivate(path); err != nil {
		return nil, err
	}
	for _, sub := range []string{record.VersionDir, record.LockDir} {
		if err := makePrivate(filepath.Join(path, sub)); err != nil {
			return nil, err
		}
	}
	root, err := os.OpenRoot(filepath.Join(path, record.VersionDir))
	if err != nil {
		return nil, err
	}
	// What was opened is what counts: the name may have been pointed elsewhere since.
	info, err := root.Stat(".")
	if err == nil {
		err = checkPrivate(path, info)
	}
	if err != nil {
		_ = root.Close()
		return nil, err
	}
	return &Cache{path: path, root: root}, nil
}

// Close releases the directory. Records stay.
func (c *Cache) Close() error { return c.root.Close() }

// Path is the directory the cache is in.
func (c *Cache) Path() string { return c.path }

// makePrivate makes the directory where it is missing and checks it where it is not.
func makePrivate(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
		info, err = os.Lstat(path)
	}
	if err != nil {
		return err
	}
	return checkPrivate(path, info)
}

func checkPrivate(path string, info fs.FileInfo) error {
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%w: %s is a link; name the directory itself with --cache-dir", ErrUnsafe, path)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: %s is not a directory; move it away or use --cache-dir", ErrUnsafe, path)
	}
	return checkOwner(path, info)
}

// maxReread bounds how often a file that was replaced while it was opened is opened again.
const maxReread = 8

// noFile is the reason of the commonest miss.
const noFile = "there is none"

// errReplaced is the one miss that says nothing about the record: a writer came between.
var errReplaced = miss("the file keeps being replaced")

// read reads a file of the versioned folder: a plain file of ours, not a link, bounded.
func (c *Cache) read(name string) (data []byte, m *Miss) {
	for range maxReread {
		if data, m = c.readOnce(name); m != errReplaced {
			break
		}
	}
	return data, m
}

func (c *Cache) readOnce(name string) ([]byte, *Miss) {
	named, err := c.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, miss(noFile)
	}
	if err != nil {
		return nil, &Miss{"the file cannot be looked at", pathless(err)}
	}
	if !named.Mode().IsRegular() {
		return nil, miss("it is not a plain file")
	}
	f, err := c.root.OpenFile(name, os.O_RDONLY|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, &Miss{"the file cannot be opened", pathless(err)}
	}
	defer func() { _ = f.Close() }()
	opened, err := f.Stat()
	if err != nil {
		return nil, &Miss{"the file cannot be looked at", pathless(err)}
	}
	if !os.SameFile(named, opened) {
		return nil, errReplaced
	}
	if reason := strangeFile(opened); reason != "" {
		return nil, miss(reason)
	}
	data, err := io.ReadAll(io.LimitReader(f, record.MaxFile+1))
	if err != nil {
		return nil, &Miss{"the file cannot be read", pathless(err)}
	}
	return data, nil
}

// pathless drops the path from a file error: misses are shown next to the file's name.
func pathless(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (c *Cache) lockPath(name string) string {
	return filepath.Join(c.path, record.LockDir, name+record.LockExt)
}
