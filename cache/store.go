package cache

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
	"github.com/sts-helper/sts-helper/token"
)

// Load reads the record of key. The error is a *[Miss] where there is none that can be
// believed; a record of other inputs is one of those.
func (c *Cache) Load(key Key) (*Record, error) {
	r, m := c.load(key, nil)
	if m != nil {
		return nil, m
	}
	return r, nil
}

// fromFuture is why a record is not believed that was made under a clock which was ahead, or is
// read under one that is back.
var fromFuture = miss("the record claims to be from the future")

// FromFuture reports whether the reason is that the record was made later than the wall clock
// reads now.
func (m *Miss) FromFuture() bool { return m == fromFuture }

// load reads the record of key that can be used for longest. One of which valid, where it is not nil, gives a reason
// why it is not wanted is none: what the spare directory has is newer than that.
func (c *Cache) load(key Key, valid func(*Record) string) (*Record, *Miss) {
	return c.newest(key.String(), func(r *Record) *Miss {
		switch {
		case !sameInputs(r.Inputs, key.inputs):
			return miss("the record was made for another request")
		case r.file.FromFuture(record.Now()):
			return fromFuture
		case valid != nil:
			if reason := valid(r); reason != "" {
				return miss(reason)
			}
		}
		return nil
	})
}

// Store writes t as the record of key, replacing the one before it atomically. Where
// durable is set the directory is synced too, for tokens that cost a user a code.
func (c *Cache) Store(key Key, t token.Token, durable bool) error {
	_, err := c.store(key, t, "", record.Now(), durable)
	return err
}

// StoreNoted is Store, durable, with a note beside the token: who granted it, say. The note
// is text in UTF-8 and no secret.
func (c *Cache) StoreNoted(key Key, t token.Token, note string) error {
	_, err := c.store(key, t, note, record.Now(), true)
	return err
}

// store gives the token as it is kept, also where it could not be written.
func (c *Cache) store(key Key, t token.Token, note string, issued record.Moment, durable bool) (token.Token, error) {
	f := newFile(key, t, note, issued)
	t.Issued = f.Issued.Wall
	if t.Credentials.CanExpire {
		t.Credentials.Expires = f.Expires
	}
	if f.Lifetime() <= 0 {
		return t, fmt.Errorf("the token ended at %s already", f.Expires.Format(time.RFC3339))
	}
	f.Advisory = record.JitteredAdvisory(f.Lifetime())
	data, err := envelope.Encode(f)
	if err != nil {
		return t, err
	}
	// What would not be believed is not written: it would be asked for anew every time.
	if _, m := decodeRecord(data); m != nil {
		return t, m
	}
	durability := safefile.Synced
	if durable {
		durability = safefile.Durable
	}
	return t, c.write(key.String()+record.Ext, data, durability)
}

// DeleteIfKey removes the record of key if its access key id is the given one, which STS
// would not take any more. A newer record stays, and so does a back-off. It must not be
// called with the key's lock held, that is, from within the [Fetch] of the same key.
func (c *Cache) DeleteIfKey(key Key, accessKeyID string) {
	// The holder of the lock may be about to replace the record.
	ctx, cancel := context.WithTimeout(context.Background(), record.DeleteWait)
	defer cancel()
	held, err := c.tryLock(key.String(), func(path string) (*lock.Held, error) {
		return lock.Acquire(ctx, path, lock.Holder{Purpose: "dropping a refused token"}, nil)
	})
	if err == nil {
		defer held.Release()
	}
	if r, m := c.load(key, nil); m == nil && r.Token.Credentials.AccessKeyID == accessKeyID {
		_ = c.deleteFile(key.String() + record.Ext)
	}
}

// each calls f for every plain file of the versioned folder.
func (c *Cache) each(f func(name string, info fs.FileInfo)) error {
	d, err := c.root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	entries, err := d.ReadDir(-1)
	for _, e := range entries {
		if info, ierr := e.Info(); ierr == nil && info.Mode().IsRegular() {
			f(e.Name(), info)
		}
	}
	return err
}
