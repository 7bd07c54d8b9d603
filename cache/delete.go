package cache

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

// Delete removes the record with that name, a [Key]'s String or an [Entry]'s Name, and what
// is known about refreshing it. What the files hold is overwritten first, for the sake of
// disks that keep what was removed; flash and file systems that copy on write may keep it all
// the same. Removing what is not there is no error. The lock's file stays.
//
// A *[HeldError] says that the files are removed, but that the process which holds the lock did not
// give it back within 5 seconds and may write them again.
func (c *Cache) Delete(name string) error {
	if !record.IsName(name) {
		return fs.ErrInvalid
	}
	// The holder of the lock may be about to write the record again.
	ctx, cancel := context.WithTimeout(context.Background(), record.DeleteWait)
	defer cancel()
	held, err := c.tryLock(name, func(path string) (*lock.Held, error) {
		return lock.Acquire(ctx, path, lock.Holder{Purpose: "logging out"}, nil)
	})
	var busy error
	switch {
	case err == nil:
		defer held.Release()
	case errors.Is(err, context.DeadlineExceeded):
		holder, _ := lock.ReadHolder(c.lockPath(name))
		busy = &HeldError{Holder: holder, Waited: record.DeleteWait}
	}
	return errors.Join(c.wipe(name+record.Ext), c.wipe(name+record.StateExt), busy)
}

// DeleteAll removes every record there is, every failure that is remembered, every note of
// the command, and what dead writers left behind. What is known of MFA devices stays: a code
// used is used. Errors are joined; a *[HeldError] among them is as in [Cache.Delete].
func (c *Cache) DeleteAll() error {
	var names []string
	var errs []error
	found := func(file string, _ fs.FileInfo) {
		if name, ok := recordName(file); ok {
			names = append(names, name)
		} else if strings.HasPrefix(file, safefile.TempPrefix) || strings.HasSuffix(file, record.DirectExt) {
			errs = append(errs, c.wipe(file))
		}
	}
	err := c.both(func(c *Cache) error { return c.each(found) })
	for _, name := range names {
		errs = append(errs, c.Delete(name))
	}
	return errors.Join(append(errs, err)...)
}

func (c *Cache) wipe(name string) error {
	return c.removed(name, func(c *Cache) error { return safefile.Wipe(c.root, name) })
}
