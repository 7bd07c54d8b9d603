// Package storedkey is the description of a long-term key that sts-helper keeps: a file without any secret, which says
// the key's id and the store that has its secret. So a call that finds its token knows whose it is without asking
// the store. What has to be done to a key in several steps is written down here, too.
package storedkey

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/token"
)

// MaxFile bounds a description, in bytes.
const MaxFile = 64 << 10

const (
	version = 1
	ext     = ".json"
	maxName = 64 // bytes
)

// Key describes a stored key.
type Key struct {
	Version     int    `json:"version"`
	Name        string `json:"name"`
	AccessKeyID string `json:"access_key_id"`
	Store       Store  `json:"store"`
	// ARN is whose it is, as STS said when it was stored.
	ARN       string    `json:"arn"`
	MFASerial string    `json:"mfa_serial,omitempty"`
	Added     time.Time `json:"added"`
	// Created is when this access key was made, as far as that is known.
	Created  *time.Time `json:"created,omitempty"`
	Rotated  *time.Time `json:"rotated,omitempty"` // for the last time
	Rotation *Rotation  `json:"rotation,omitempty"`
}

// IDs are those of the access keys whose secrets may be stored, the one in use first: in a rotation there are two.
func (k *Key) IDs() []string {
	ids := []string{k.AccessKeyID}
	if r := k.Rotation; r != nil {
		for _, id := range []string{r.Old, r.New} {
			if id != "" && !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// Store is where a secret is kept.
type Store string

// The stores.
const (
	System Store = "system" // Secret Service, macOS keychain, Windows credentials
	Kernel Store = "kernel" // Linux's keyring of the user, until the machine restarts
	File   Store = "file"   // encrypted under a passphrase, beside the description
)

// Stores are all of them.
var Stores = [...]Store{System, Kernel, File}

// Rotation is how far a key's rotation has come. Each step is written down before it is begun, and can be done again.
type Rotation struct {
	Step Step `json:"step"`
	// Before are the user's key ids before another one was made.
	Before []string `json:"before"`
	// Began is when that was, by IAM's clock.
	Began time.Time `json:"began"`
	New   string    `json:"new,omitempty"` // the id of the new key, once its secret is stored
	Old   string    `json:"old"`
}

// possible reports whether a rotation comes to that place with that key in use. Where it does not, to go on could
// delete the only key that works.
func (r *Rotation) possible(inUse string) bool {
	if !token.ValidAccessKeyID(r.Old) || r.New != "" && !token.ValidAccessKeyID(r.New) || r.New == r.Old || !slices.Contains(r.Before, r.Old) {
		return false
	}
	switch r.Step {
	case Creating:
		return inUse == r.Old
	case Stored:
		return inUse == r.Old && r.New != ""
	case Switched:
		return inUse == r.New
	}
	return false
}

// Step is a step of a rotation.
type Step string

// The steps. Until Switched the old key is the one in use.
const (
	Creating Step = "creating" // a key may have been made whose secret is not stored
	Stored   Step = "stored"   // the new one is stored, beside the old one
	Switched Step = "switched" // the new one was tried, and is in use; the old one is to go
)

// ValidName reports whether a name can be that of a stored key: letters, digits, and - _ . inside.
func ValidName(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '.' && name[0] != '-' &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

// Path is the description of the key with that name in the directory of all of them.
func Path(dir, name string) string { return filepath.Join(dir, name+ext) }

// NameOf is the name of the key that a file of that directory describes, "" for another file.
func NameOf(file string) string {
	name, ok := strings.CutSuffix(file, ext)
	if !ok || !ValidName(name) {
		return ""
	}
	return name
}

// NamesOf are the names of the keys that the files of that directory describe, sorted.
func NamesOf(files []fs.DirEntry) (names []string) {
	for _, f := range files {
		if name := NameOf(f.Name()); name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var errDamaged = errors.New("it is no description of a stored key")

// Parse reads a description.
func Parse(data []byte, name string) (*Key, error) {
	var k Key
	if err := json.Unmarshal(data, &k); err != nil || k.Version != version || k.Name != name || !token.ValidAccessKeyID(k.AccessKeyID) {
		return nil, errDamaged
	}
	if k.Rotation != nil && !k.Rotation.possible(k.AccessKeyID) {
		return nil, errDamaged
	}
	for _, s := range Stores {
		if k.Store == s {
			return &k, nil
		}
	}
	return nil, errDamaged
}

// Encode writes a description.
func (k *Key) Encode() ([]byte, error) {
	k.Version = version
	b, err := json.MarshalIndent(k, "", "  ")
	return append(b, '\n'), err
}
