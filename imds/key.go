package imds

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

// KeySize is the length in bytes of the key that signs session tokens.
const KeySize = 32

// keyFile is the key's name in its directory.
const keyFile = "imds.key"

// LoadOrCreateKey gives the key in directory dir, and makes it, and the last element of dir, if they
// are not there. Processes that do so at the same time all get the same key.
//
// The key is a file of its own, mode 0600, never half written. On Unix it is refused, with an error that
// says what to do, if the directory or the file is a link, belongs to another user, or can be used by
// others, or if the file is not a plain one with a single name. On Windows the directory's access list
// is relied on.
func LoadOrCreateKey(dir string) ([]byte, error) {
	return loadOrCreateKey(dir)
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

func tempKeyName() string {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return ".tmp-" + keyFile + "-" + hex.EncodeToString(b[:])
}
