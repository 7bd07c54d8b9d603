package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

// spare is a second directory for what the first does not take: a home is read-only, its disk
// full, or its file system has no locks. Without it every process would ask STS for itself.
// What is written there is newer than what the first directory has under that name, since it
// is removed once that can be written again.
type spare struct {
	dir func() string // "" for none

	mu    sync.Mutex
	cache *Cache
	why   error // why it was needed in this process
	locks bool  // locks are taken there
}

// OpenWithSpare is [Open] with a second directory, for what cannot be kept in the one at path.
// dir is asked for its path when it is needed, and gives "" where there is none; a directory
// that is not safe is none. Where the first cannot be used at all, the second is opened in its
// place; one that is [ErrUnsafe] is an error all the same.
func OpenWithSpare(path string, dir func() string) (*Cache, error) {
	c, err := Open(path)
	if err == nil {
		c.spare = &spare{dir: dir}
		return c, nil
	}
	if errors.Is(err, ErrUnsafe) {
		return nil, err
	}
	if c := OpenSpare(dir(), err); c != nil {
		return c, nil
	}
	return nil, err
}

// OpenSpare opens the directory at path in the place of one that cannot be used because of why;
// nil where that cannot be used either.
func OpenSpare(path string, why error) *Cache {
	if path == "" {
		return nil
	}
	c, err := Open(path)
	if err != nil {
		return nil
	}
	c.spare = &spare{why: why}
	return c
}

// Spare is the directory in which something was kept since the cache's own could not be used,
// and why; "" and nil where that did not happen in this process.
func (c *Cache) Spare() (path string, why error) {
	s := c.spare
	if s == nil {
		return "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.why != nil && s.cache == nil {
		return c.path, s.why
	}
	if s.why != nil {
		return s.cache.path, s.why
	}
	return "", nil
}

// probeSize is more than most records take, in bytes.
const probeSize = 8 << 10

// CheckWritable reports why nothing can be kept, neither in the cache's own directory nor in
// the spare one.
func (c *Cache) CheckWritable() error {
	name := safefile.TempPrefix + "probe"
	err := c.write(name, make([]byte, probeSize), safefile.Unsynced)
	if err == nil {
		err = c.deleteFile(name)
	}
	return err
}

// CheckLocks reports why processes cannot take turns here: the file system has no locks, and each of
// them would ask AWS for itself.
func (c *Cache) CheckLocks() error {
	path := filepath.Join(c.path, record.LockDir, safefile.TempPrefix+"probe")
	held, err := lock.Try(path, lock.Holder{})
	if errors.Is(err, lock.ErrBusy) {
		return nil // another process tries the same
	}
	if err == nil {
		held.Release()
	}
	_ = os.Remove(path)
	return err
}

// second is the spare cache, nil where there is none. It is made where it is needed because of
// why, and only looked for where why is nil.
func (c *Cache) second(why error) *Cache {
	s := c.spare
	if s == nil || s.dir == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cache == nil {
		path := s.dir()
		if path == "" {
			return nil
		}
		if _, err := os.Lstat(path); err != nil && why == nil {
			return nil
		}
		var err error
		if s.cache, err = Open(path); err != nil {
			s.cache = nil
			return nil
		}
	}
	if why != nil && s.why == nil {
		s.why = why
	}
	return s.cache
}

// lockPath is the file of the lock with that name.
func (c *Cache) lockPath(name string) string {
	if s := c.spare; s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.locks {
			return s.cache.lockPath(name)
		}
	}
	return record.LockPath(c.path, name)
}

// tryLock calls try with the lock's file; once more with the spare one where there can be no
// lock in the cache's own directory.
func (c *Cache) tryLock(name string, try func(path string) (*lock.Held, error)) (*lock.Held, error) {
	held, err := try(c.lockPath(name))
	if !errors.Is(err, lock.ErrUnavailable) || c.second(err) == nil {
		return held, err
	}
	c.spare.mu.Lock()
	again := !c.spare.locks
	c.spare.locks = true
	c.spare.mu.Unlock()
	if !again {
		return held, err
	}
	return try(c.lockPath(name))
}

// both joins the errors of doing something in both directories.
func (c *Cache) both(do func(*Cache) error) error {
	err := do(c)
	if other := c.second(nil); other != nil {
		err = errors.Join(err, do(other))
	}
	return err
}

// removed removes a file from both directories. What is not there is removed, whatever a
// read-only file system says about it.
func (c *Cache) removed(name string, remove func(*Cache) error) error {
	return c.both(func(c *Cache) error {
		err := remove(c)
		if err != nil {
			if _, missing := c.root.Lstat(name); errors.Is(missing, fs.ErrNotExist) {
				return nil
			}
		}
		return err
	})
}

// writeSpare keeps what could not be written because of why.
func (c *Cache) writeSpare(name string, data []byte, d safefile.Durability, why error) error {
	if other := c.second(why); other != nil && other.write(name, data, d) == nil {
		return nil
	}
	return fmt.Errorf("%s cannot be written: %w", name, why)
}

// newest gives the record with that name that can be used for longest, of those to which refuse, where it is not nil, has
// no objection.
func (c *Cache) newest(name string, refuse func(*Record) *Miss) (*Record, *Miss) {
	r, m := c.ownRecord(name, refuse)
	if m == nil && r.file.Fresh(record.Now()) {
		return r, nil
	}
	if other := c.second(nil); other != nil {
		if o, om := other.ownRecord(name, refuse); om == nil && (m != nil || o.Remaining() > r.Remaining()) {
			return o, nil
		}
	}
	return r, m
}

func (c *Cache) ownRecord(name string, refuse func(*Record) *Miss) (*Record, *Miss) {
	data, m := c.readOwn(name + record.Ext)
	if m != nil {
		return nil, m
	}
	r, m := decodeRecord(data)
	if m == nil && refuse != nil {
		if m = refuse(r); m != nil {
			return nil, m
		}
	}
	return r, m
}
