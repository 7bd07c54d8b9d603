//go:build unix

package safefile

import (
	"io/fs"
	"os"
)

// Stat is what is known about an open file, for the checks of this package.
func Stat(f *os.File) (fs.FileInfo, error) { return f.Stat() }

// StatDir is the same for an open directory.
func StatDir(dir *os.Root) (fs.FileInfo, error) { return dir.Stat(".") }

// StatPath is the same for the file or directory at path, behind any links.
func StatPath(path string) (fs.FileInfo, error) { return os.Stat(path) }

func lstat(path string) (fs.FileInfo, error) { return os.Lstat(path) }

func sameFile(a, b fs.FileInfo) bool { return os.SameFile(a, b) }

// mkdirAll makes a directory, and those above it, private where they are missing.
func mkdirAll(path string) error { return os.MkdirAll(path, 0o700) }

// OpenPrivateFile opens the file with that name in dir, and makes it private (0600) where flag says to make it.
func OpenPrivateFile(dir *os.Root, name string, flag int) (*os.File, error) {
	return dir.OpenFile(name, flag|openFlags, 0o600)
}

// createLike makes a new file for [Rewrite], which sets the mode.
func createLike(dir *os.Root, temp, _ string, _ fs.FileMode) (*os.File, error) {
	return createTemp(dir, temp)
}
