package cache

import (
	"errors"

	"github.com/sts-helper/sts-helper/lock"
)

// HeldBy says who holds the lock of the record with that name, a [Key]'s String or an
// [Entry]'s Name, at this moment, and whether any process does. Who it is comes from a file: it
// is a courtesy, and its strings are to be made safe before a terminal sees them.
func (c *Cache) HeldBy(name string) (lock.Holder, bool) {
	who, held := heldBy(c.lockPath(name))
	if other := c.second(nil); other != nil && !held {
		return heldBy(other.lockPath(name))
	}
	return who, held
}

func heldBy(path string) (lock.Holder, bool) {
	who, ok := lock.ReadHolder(path)
	if !ok {
		return lock.Holder{}, false // it was never held, or is being taken just now
	}
	held, err := lock.Try(path, who)
	if err == nil {
		held.Release()
	}
	return who, errors.Is(err, lock.ErrBusy)
}
