package source

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// State is what can be seen of a source without asking it.
type State struct {
	// Login names the login that the credentials come from. It stays the same while this program
	// refreshes the login, and is another one where anything else changed its file: then it may
	// be another user's. "" for a source that is no login.
	Login string
}

// maxLogin bounds a login's file, in bytes.
const maxLogin = 1 << 20

// lineageFile says which login a file holds. It is kept beside the records.
type lineageFile struct {
	Content string `json:"content"` // hash of the file's content after our refresh
	Before  string `json:"before"`  // and before it: the file has that until it is replaced
	Login   string `json:"login"`   // hash of the content that the refreshes began with
}

func lineageName(file string) string { return "login-" + hash([]byte(file)) }

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// LoginOf is the state of the login in that file, as it is now. c may be nil. The error is that
// of a file that cannot be read; a user who is logged out has none.
func LoginOf(c *cache.Cache, file string) (State, error) {
	data, _, err := safefile.Read(file, maxLogin)
	if err != nil {
		return State{}, err
	}
	return LoginIn(c, file, data), nil
}

// LoginIn is the state of the login in a file with that content.
func LoginIn(c *cache.Cache, file string, content []byte) State {
	return State{Login: lineage(c, file, hash(content))}
}

// lineage is the login that the content of a file with that hash is of: its own, or the one from
// which it came by refreshes of ours.
func lineage(c *cache.Cache, file, content string) string {
	var known lineageFile
	if c != nil && c.ReadState(lineageName(file), &known) && (known.Content == content || known.Before == content) && known.Login != "" {
		return known.Login
	}
	return content
}

// Refreshed notes that this program replaces the content of a login's file, the one before by the
// one after, so that it remains the same login. It is called with the login's lock held. Where
// it is not called the login is taken for another one, which costs a request and nothing else.
func Refreshed(c *cache.Cache, file string, before, after []byte) {
	if c == nil {
		return
	}
	_ = c.WriteState(lineageName(file), lineageFile{Content: hash(after), Before: hash(before), Login: lineage(c, file, hash(before))}, false)
}
