package safefile

import (
	"errors"
	"io/fs"
	"os"
)

// MakePrivateDir makes the directory at path (0700), and those above it, where it is missing,
// and checks it by checkPrivateDir where it is not. An error in making it names what could
// not be made.
func MakePrivateDir(path string) error {
	err := PrivateDir(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := mkdirAll(path); err != nil {
		return err
	}
	return PrivateDir(path)
}

// PrivateDir checks the directory at path by checkPrivateDir.
func PrivateDir(path string) error {
	info, err := lstat(path)
	if err != nil {
		return cause(err)
	}
	return checkPrivateDir(info)
}

// OpenPrivateDir opens the directory at path, which must be there, and checks what it opened
// by checkPrivateDir: the name may have come to mean another directory meanwhile.
func OpenPrivateDir(path string) (*os.Root, error) {
	named, err := lstat(path)
	if err != nil {
		return nil, cause(err)
	}
	if err := checkPrivateDir(named); err != nil {
		return nil, err
	}
	return openDir(path, func(opened fs.FileInfo) error {
		if !sameFile(named, opened) {
			return errReplaced
		}
		return checkPrivateDir(opened)
	})
}

// OpenTrustedDir makes the directory at path (0700) where it is missing, opens it, and refuses
// one in which others could put another file under a name, by [CheckTrusted]. A link to a
// directory will do.
func OpenTrustedDir(path string) (*os.Root, error) {
	if err := mkdirAll(path); err != nil {
		return nil, err
	}
	return openDir(path, CheckTrusted)
}

func openDir(path string, check func(fs.FileInfo) error) (*os.Root, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, cause(err)
	}
	info, err := StatDir(root)
	if err == nil {
		err = check(info)
	}
	if err != nil {
		_ = root.Close()
		return nil, cause(err)
	}
	return root, nil
}
