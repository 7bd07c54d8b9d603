package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/lock"
)

// entriesOf is every record of the cache, the unusable ones with their reason.
func entriesOf(c *cache.Cache) ([]cache.Entry, error) {
	names, err := c.Names()
	var all []cache.Entry
	for _, name := range names {
		if e := c.Inspect(name); e.Record != nil || !e.Miss.Absent() {
			all = append(all, e)
		}
	}
	return all, err
}

// A process that holds the lock all the while may write the record again: that is said, and
// what there is goes nevertheless.
func TestDeleteWhileHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := open(t), newSource("dev", time.Hour)
		mustGet(t, c, s.want())
		path := cache.RecordPath(c, s.key)
		held, err := lock.Try(cache.LockPath(c, s.key), lock.Holder{PID: os.Getpid(), Purpose: "a token for dev"})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Delete(s.key.String())
		busy, ok := errors.AsType[*cache.HeldError](err)
		if !ok || busy.Holder.PID != os.Getpid() {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the record is there: %v", err)
		}
		held.Release()
		if err := c.Delete(s.key.String()); err != nil {
			t.Error(err)
		}
	})
}

// Notes say who asked for what; they go with the records. What is known of devices stays.
func TestDeleteAll(t *testing.T) {
	c, s := open(t), newSource("dev", time.Hour)
	mustGet(t, c, s.want())
	dir := filepath.Dir(cache.RecordPath(c, s.key))
	note := filepath.Join(dir, s.key.String()+".direct")
	device := filepath.Join(dir, "mfa-"+s.key.String()+".state")
	write(t, note, []byte("a note"))
	write(t, device, []byte("a device"))
	if err := c.DeleteAll(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(note); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the note is there: %v", err)
	}
	if _, err := os.Stat(device); err != nil {
		t.Error(err)
	}
	if names, err := c.Names(); err != nil || len(names) != 0 {
		t.Errorf("%v, %v", names, err)
	}
}
