package imds

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

func loadOrCreateKey(dir string) ([]byte, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("imds: cannot make a directory for the key: %w", err)
	}
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKey(dir, path); err != nil {
			return nil, err
		}
		key, err = readKey(path) // perhaps that of another process, which was quicker
	}
	return key, err
}

func readKey(path string) ([]byte, error) {
	st, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("imds: cannot open the key: %w", err)
	}
	if !st.Mode().IsRegular() || st.Size() != KeySize {
		return nil, fmt.Errorf("imds: the key %s must be a plain file of %d bytes: remove it, and a new one is made", path, KeySize)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != KeySize {
		err = errors.New("it changed while it was read")
	}
	if err != nil {
		return nil, fmt.Errorf("imds: cannot read the key: %w", err)
	}
	return key, nil
}

// createKey writes a key beside its place and links it in, which fails if there is one by now.
func createKey(dir, path string) error {
	temp := filepath.Join(dir, tempKeyName())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("imds: cannot write a key: %w", err)
	}
	defer os.Remove(temp)
	_, err = f.Write(NewKey())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Link(temp, path)
		if errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("imds: cannot write a key: %w", err)
	}
	return nil
}
