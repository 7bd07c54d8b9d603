package keystore

import (
	"errors"
	"io/fs"
	"os"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/internal/storedkey"
)

// openDir opens the private directory of the descriptions, and makes it and those above it where they are missing.
func openDir(dir string) (*os.Root, error) {
	if err := safefile.MakePrivateDir(dir); err != nil {
		return nil, err
	}
	return safefile.OpenPrivateDir(dir)
}

// Describe writes a description, whole or not at all.
func Describe(dir string, k *storedkey.Key) error {
	data, err := k.Encode()
	if err == nil {
		var root *os.Root
		if root, err = openDir(dir); err == nil {
			defer func() { _ = root.Close() }()
			err = safefile.Write(root, storedkey.Path("", k.Name), data, safefile.Durable)
		}
	}
	if err != nil {
		return unusable(dir, err)
	}
	return nil
}

// Described is the description of a key, nil where there is none.
func Described(dir, name string) (*storedkey.Key, error) {
	root, err := safefile.OpenPrivateDir(dir)
	if err == nil {
		defer func() { _ = root.Close() }()
		var data []byte
		if data, err = safefile.ReadPrivate(root, storedkey.Path("", name), storedkey.MaxFile); err == nil {
			var k *storedkey.Key
			if k, err = storedkey.Parse(data, name); err == nil {
				return k, nil
			}
			dir = storedkey.Path(dir, name)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nil, unusable(dir, err)
}

// Names are those of all stored keys, sorted.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, unusable(dir, err)
	}
	return storedkey.NamesOf(entries), nil
}

// DeleteDescription deletes a description; one that is not there is no error.
func DeleteDescription(dir, name string) error {
	root, err := safefile.OpenPrivateDir(dir)
	if err == nil {
		defer func() { _ = root.Close() }()
		err = root.Remove(storedkey.Path("", name))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unusable(dir, err)
	}
	return nil
}

func unusable(path string, err error) error {
	return &failure.Error{Class: failure.Configuration, Text: display.Safe(path) + ": " + display.Cause(err), Err: err}
}

// MakeDir makes the private directory of the descriptions where it is missing.
func MakeDir(dir string) error {
	root, err := openDir(dir)
	if err != nil {
		return unusable(dir, err)
	}
	return root.Close()
}
