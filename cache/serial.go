package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/lock"
)

// serialFile is which MFA device the user of an access key has.
type serialFile struct {
	Version      int    `json:"version"`
	AccessKeyID  string `json:"access_key_id"`
	SerialNumber string `json:"serial_number"`
}

// Like the state of a record it is swept away after two days, and then looked up anew.
func serialName(accessKeyID string) string {
	sum := sha256.Sum256([]byte("sts-helper/serial/1\n" + accessKeyID))
	return "user-" + hex.EncodeToString(sum[:]) + record.StateExt
}

// SerialOf is the serial number of the MFA device that the user of an access key was found
// to have, "" where it was not looked up lately.
func (c *Cache) SerialOf(accessKeyID string) string {
	data, m := c.read(serialName(accessKeyID))
	if m != nil {
		return ""
	}
	var f serialFile
	if !decodeFile(data, &f) || f.Version != record.Version || f.AccessKeyID != accessKeyID {
		return ""
	}
	return f.SerialNumber
}

// SerialPath is the file that SerialOf reads.
func (c *Cache) SerialPath(accessKeyID string) string {
	return filepath.Join(c.path, record.VersionDir, serialName(accessKeyID))
}

// FindSerial is SerialOf, or else what find says, which is then remembered. Of all processes
// that want to know one asks, as far as ctx gives them time to wait for it.
func (c *Cache) FindSerial(ctx context.Context, accessKeyID string, find func() (string, error)) (string, error) {
	if serial := c.SerialOf(accessKeyID); serial != "" {
		return serial, nil
	}
	name := serialName(accessKeyID)
	held, err := lock.Acquire(ctx, c.lockPath(name), lock.Holder{Purpose: "finding the MFA device of " + accessKeyID}, nil)
	if err == nil {
		defer held.Release()
		if serial := c.SerialOf(accessKeyID); serial != "" {
			return serial, nil
		}
	}
	serial, err := find()
	if err == nil {
		if data, serr := encodeFile(serialFile{record.Version, accessKeyID, serial}); serr == nil {
			_ = c.write(name, data, safefile.Unsynced) // else it is looked up again
		}
	}
	return serial, err
}

// DeleteSerial has it looked up anew the next time.
func (c *Cache) DeleteSerial(accessKeyID string) { _ = c.deleteFile(serialName(accessKeyID)) }
