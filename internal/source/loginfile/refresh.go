package loginfile

import (
	"bytes"
	"errors"
	"fmt"
	"time"
)

// Login is what a file says, read by the package that knows its kind.
type Login interface {
	// Valid reports whether what the login gives lasts longer than left.
	Valid(now time.Time, left time.Duration) bool
	// Text is the file.
	Text() *Text
}

// Kind is how logins of one kind are read and refreshed.
type Kind[L Login] struct {
	// Parse reads a file's text. Its error is [ErrDamaged].
	Parse func(*Text) (L, error)
	// Renew spends the login's refresh token and gives the text that follows. A refusal that
	// only a new login cures is [ErrEnded]. A login without a refresh token is refused, too.
	Renew func(L) (*Text, error)
	// Refreshed is given what a refresh of ours replaces, and by what, when that is on disk and not
	// the file's yet. It may be nil.
	Refreshed func(before, after []byte)
}

func (k Kind[L]) refreshed(before, after *Text) {
	if k.Refreshed != nil && before != after {
		k.Refreshed(before.Bytes(), after.Bytes())
	}
}

// Read reads and parses a file.
func (k Kind[L]) Read(path string) (l L, err error) {
	t, err := Read(path)
	if err != nil {
		return l, err
	}
	return k.Parse(t)
}

// Refresh makes the login at path last longer than left. It reads the file anew, since another
// program may have been first, finishes what a crash interrupted, and spends the refresh token
// only where it must and where the file can be written. The text that follows is on disk when
// it returns. A failure is believed after the file has been read again.
//
// Where it fails and the login is valid still, it gives both the login and the error; the login
// counts where usable is true. The caller holds a lock on the file: a token that is spent twice
// ends the session.
func (k Kind[L]) Refresh(path string, left time.Duration) (l L, usable bool, err error) {
	if l, err = k.Read(path); err != nil {
		return l, false, err
	}
	f, err := Open(path)
	if err != nil {
		return l, l.Valid(time.Now(), 0), err
	}
	defer f.Close()
	adopted := f.Adopt(l.Text())
	k.refreshed(l.Text(), adopted)
	if l, err = k.Parse(adopted); err != nil {
		return l, false, err
	}
	if l.Valid(time.Now(), left) {
		return l, true, nil
	}
	next, err := k.renew(f, path, l)
	if err == nil {
		return next, true, nil
	}
	switch now, rerr := k.Read(path); {
	case errors.Is(rerr, ErrNotLoggedIn):
		return l, false, rerr
	case rerr == nil && !sameTokens(now.Text(), l.Text()) && now.Valid(time.Now(), 0):
		return now, true, nil // another program refreshed it, or the user logged in again
	}
	return l, !errors.Is(err, ErrEnded) && l.Valid(time.Now(), 0), err
}

// errReplaced is a file that another program replaced while a refresh was under way: the user
// logged in anew, or out.
var errReplaced = errors.New("the login was replaced while it was refreshed")

func (k Kind[L]) renew(f *File, path string, l L) (next L, err error) {
	if err := f.CanWrite(len(l.Text().Bytes())); err != nil {
		return next, fmt.Errorf("the login is not refreshed, because its file cannot be written: %w", err)
	}
	text, err := k.Renew(l)
	if err != nil {
		return next, err
	}
	if now, err := Read(path); errors.Is(err, ErrNotLoggedIn) || err == nil && !sameTokens(now, l.Text()) {
		return next, errReplaced // what was refreshed is no longer wanted
	}
	if err := f.Replace(l.Text().String("refreshToken"), text, func() { k.refreshed(l.Text(), text) }); err != nil {
		return next, fmt.Errorf("the login was refreshed, but its file cannot be written: %w", err)
	}
	return k.Parse(text)
}

// sameTokens reports whether two texts are of one state of one login, whatever else changed.
func sameTokens(a, b *Text) bool {
	for _, name := range []string{"accessToken", "refreshToken"} {
		x, _ := a.value(name)
		y, _ := b.value(name)
		if !bytes.Equal(x, y) {
			return false
		}
	}
	return true
}
