package cache

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

const (
	sweptName = ".swept"
	// sweepEvery is how often at most the folder is gone through.
	sweepEvery = time.Minute
	// tempAge is how old a temporary file must be to have no writer any more; writing one
	// takes milliseconds.
	tempAge = time.Minute
	// fileAge is how long after its last write a file is looked at: no token lives longer
	// than 36 hours.
	fileAge = 48 * time.Hour
	// steadyFor is how long both clocks must have run alike before what the wall clock says of a
	// state's age is believed. No state matters for as long.
	steadyFor = time.Hour
	// clockSlack is how far the clocks may come apart meanwhile: time servers move the wall clock
	// in small steps.
	clockSlack = time.Minute
)

// Sweep removes what dead processes and dead tokens left behind. It is called after a
// write, so a hit never pays for it, and its failures do not matter.
//
// A wall clock that is ahead for a while makes everything look old. So a record goes when its
// token has ended by both clocks, and what has no token in it when both have run alike for a
// while.
func (c *Cache) Sweep() { c.sweep(record.Now()) }

func (c *Cache) sweep(now record.Moment) {
	if info, err := c.root.Lstat(sweptName); err == nil {
		if age := now.Wall.Sub(info.ModTime()); age >= 0 && age < sweepEvery {
			return
		}
	}
	since := c.steadySince(now)
	_ = c.root.Remove(sweptName)
	f, err := c.root.OpenFile(sweptName, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return // another process is at it
	}
	if data, err := encodeFile(newMomentFile(since)); err == nil {
		_, _ = f.Write(data)
	}
	_ = f.Close()
	steady := now.BootID == "" || now.Boot-since.Boot >= steadyFor
	_ = c.each(func(name string, info fs.FileInfo) {
		age := now.Wall.Sub(info.ModTime())
		if strings.HasPrefix(name, safefile.TempPrefix) && age > tempAge || age > fileAge && c.dead(name, now, steady) {
			_ = c.root.Remove(name)
		}
	})
	c.tag()
}

// dead reports whether a file that looks old to the wall clock is of no use any more. steady
// reports that the wall clock can be believed.
func (c *Cache) dead(name string, now record.Moment, steady bool) bool {
	switch {
	case strings.HasSuffix(name, record.Ext):
		if r, m := c.ownRecord(strings.TrimSuffix(name, record.Ext), nil); m == nil {
			return r.file.Ended(now)
		}
		return steady
	case strings.HasSuffix(name, record.StateExt), strings.HasSuffix(name, record.DirectExt):
		return steady
	}
	return false
}

// momentFile is a moment as a file holds it.
type momentFile struct {
	Wall   time.Time `json:"wall"`
	Boot   int64     `json:"boottime_ns"`
	BootID string    `json:"boot_id"`
}

func newMomentFile(m record.Moment) momentFile {
	return momentFile{m.Wall.UTC(), int64(m.Boot), m.BootID}
}

func (f momentFile) moment() record.Moment {
	return record.Moment{Wall: f.Wall, Boot: time.Duration(f.Boot), BootID: f.BootID}
}

// steadySince is from when on, as far as sweeps have seen, both clocks have run alike; now where
// they have not, or where nothing is known.
func (c *Cache) steadySince(now record.Moment) record.Moment {
	var f momentFile
	data, m := c.readOwn(sweptName)
	if m != nil || !decodeFile(data, &f) {
		return now
	}
	since := f.moment()
	apart := now.Wall.Sub(since.Wall) - (now.Boot - since.Boot)
	if !now.SameBoot(since) || now.Boot < since.Boot || apart.Abs() > clockSlack {
		return now
	}
	return since
}

// tag marks the directory for backup programs, which have no business with what is in it
// (https://bford.info/cachedir/).
func (c *Cache) tag() {
	f, err := os.OpenFile(filepath.Join(c.path, tagName), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return
	}
	_, _ = fmt.Fprint(f, "Signature: 8a477f597d28d172789f06886806bc55\n# Short-lived AWS tokens, kept by sts-helper. It is safe to delete this directory.\n")
	_ = f.Close()
}
