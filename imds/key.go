package imds

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// KeySize is the length in bytes of the key that signs session tokens.
const KeySize = 32

// keyFile is the key's name in its directory.
const keyFile = "imds.key"

// LoadOrCreateKey gives the key in directory dir, and makes both where they are missing. Processes
// that do so at the same time all get the same key.
//
// The key is a file of its own, mode 0600, never half written. It is refused, with an error that says what
// to do, if the directory or the file is a link, belongs to another user, or can be used by others, or if
// the file is not a regular one (on Unix with a single name). On Windows that is so by their access lists.
func LoadOrCreateKey(dir string) ([]byte, error) {
	err := safefile.MakePrivateDir(dir)
	var root *os.Root
	if err == nil {
		root, err = safefile.OpenPrivateDir(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("the key cannot be kept in %s: %w; run %s if it is yours, or give another directory", dir, err, safefile.ChmodCommand(err, "700", display.ShellWord(dir)))
	}
	defer root.Close()
	key, err := readKey(root)
	if errors.Is(err, fs.ErrNotExist) {
		err = safefile.Create(root, keyFile, NewKey(), safefile.Synced)
		if err == nil || errors.Is(err, fs.ErrExist) { // another process was quicker
			key, err = readKey(root)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key %s cannot be used: %w; remove it, and a new one is made", filepath.Join(dir, keyFile), err)
	}
	return key, nil
}

func readKey(dir *os.Root) ([]byte, error) {
	key, err := safefile.ReadPrivate(dir, keyFile, KeySize)
	if err == nil && len(key) != KeySize {
		key, err = nil, fmt.Errorf("it has %d bytes, not %d", len(key), KeySize)
	}
	return key, err
}

// NewKey makes a key that is kept nowhere. Session tokens under it end with the process.
func NewKey() []byte {
	b := make([]byte, KeySize)
	_, _ = rand.Read(b) // never fails, or ends the program
	return b
}

// NewBearerToken makes a token for [Config.BearerToken]: 256 random bits in 43 characters.
func NewBearerToken() string {
	return base64.RawURLEncoding.EncodeToString(NewKey())
}
