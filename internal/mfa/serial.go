package mfa

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/sts-helper/sts-helper/cache"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/lock"
)

// serialFile is which MFA device the user of an access key has. Like every state it is deleted
// after two days, and then looked up anew.
type serialFile struct {
	Version      int    `json:"version"`
	AccessKeyID  string `json:"access_key_id"`
	SerialNumber string `json:"serial_number"`
}

func serialName(accessKeyID string) string {
	sum := sha256.Sum256([]byte("sts-helper/serial/1\n" + accessKeyID))
	return "user-" + hex.EncodeToString(sum[:])
}

// KnownSerial is the serial number of the MFA device that the user of an access key was found
// to have, "" where it was not looked up lately. It is read from [SerialPath].
func KnownSerial(c *cache.Cache, accessKeyID string) string {
	var f serialFile
	if !c.ReadState(serialName(accessKeyID), &f) || f.Version != record.Version || f.AccessKeyID != accessKeyID {
		return ""
	}
	return f.SerialNumber
}

// SerialPath is the file that [KnownSerial] reads.
func SerialPath(c *cache.Cache, accessKeyID string) string {
	return c.StatePath(serialName(accessKeyID))
}

// FindSerial is KnownSerial, or else what find gives, which is then remembered. Of all processes
// that look for it one asks, as far as ctx gives them time to wait for it.
func FindSerial(ctx context.Context, c *cache.Cache, accessKeyID string, find func() (string, error)) (string, error) {
	if serial := KnownSerial(c, accessKeyID); serial != "" {
		return serial, nil
	}
	name := serialName(accessKeyID)
	held, err := c.LockState(ctx, name, lock.Holder{Purpose: "finding the MFA device of " + accessKeyID}, serialWait)
	if err == nil {
		defer held.Release()
		if serial := KnownSerial(c, accessKeyID); serial != "" {
			return serial, nil
		}
	}
	serial, err := find()
	if err == nil {
		_ = c.WriteState(name, serialFile{record.Version, accessKeyID, serial}, false) // else it is looked up again
	}
	return serial, err
}

// serialWait is longer than a [Directory] takes.
const serialWait = DirectoryTimeout + 10*time.Second

// DeleteSerial has the device looked up anew the next time.
func DeleteSerial(c *cache.Cache, accessKeyID string) { c.DeleteState(serialName(accessKeyID)) }
