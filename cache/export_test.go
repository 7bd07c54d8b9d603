package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"time"

	"github.com/sts-helper/sts-helper/internal/envelope"
	"github.com/sts-helper/sts-helper/internal/record"
	"github.com/sts-helper/sts-helper/internal/safefile"
	"github.com/sts-helper/sts-helper/token"
)

// What the tests from outside may see and do.
var (
	AdvisoryWindow = record.AdvisoryWindow
	FloorOf        = record.FloorOf
	MandatoryOf    = record.MandatoryOf
	Jittered       = record.JitteredAdvisory
	Backoff        = record.Backoff
	BootClock      = record.BootClock
)

const (
	MaxFile            = record.MaxFile
	BackoffLeast       = record.BackoffLeast
	BackoffMost        = record.BackoffMost
	FailureHeldPassing = record.FailureHeldPassing
	FailureHeldFinal   = record.FailureHeldFinal
	LateWait           = record.LateWait
	TempAge            = tempAge
)

// StoreAt stores t as if it had been issued at the given instant of both clocks.
func StoreAt(c *Cache, key Key, t token.Token, wall time.Time, boot time.Duration, bootID string) error {
	_, err := c.store(key, t, "", record.Moment{Wall: wall, Boot: boot, BootID: bootID}, false)
	return err
}

// IssuedWithin reports whether the record of k was issued between two instants of the wall clock.
func IssuedWithin(c *Cache, k Key, start, end time.Time) bool {
	r, _ := c.load(k, nil)
	return r != nil && r.file.IssuedWithin(record.Moment{Wall: start}, record.Moment{Wall: end})
}

// StoreAged stores t as if it had been issued age ago. Its end does not move.
func StoreAged(c *Cache, key Key, t token.Token, age time.Duration) error {
	boot, id := record.BootClock()
	return StoreAt(c, key, t, time.Now().Round(0).Add(-age), boot-age, id)
}

// SaveFailure writes the state of key: a failure that happened at the given instant of both
// clocks and holds for hold.
func SaveFailure(c *Cache, key Key, f Failure, wall time.Time, boot time.Duration, bootID string, hold time.Duration) error {
	f.at, f.until = record.Moment{Wall: wall, Boot: boot, BootID: bootID}, hold
	return c.saveState(key.String(), &f)
}

// SaveFailureAged writes the state of key: a failure of age ago that holds for hold.
func SaveFailureAged(c *Cache, key Key, f Failure, age, hold time.Duration) error {
	boot, id := record.BootClock()
	return SaveFailure(c, key, f, time.Now().Round(0).Add(-age), boot-age, id, hold)
}

// Age makes everything the cache knows about key older by d, which is how a test lets time
// pass for other processes.
func Age(c *Cache, key Key, d time.Duration) error {
	if r, m := c.load(key, nil); m == nil {
		f := r.file
		f.Issued.Wall, f.Issued.Boot = f.Issued.Wall.Add(-d), f.Issued.Boot-d
		f.Expires = f.Expires.Add(-d)
		data, err := envelope.Encode(f)
		if err != nil {
			return err
		}
		if err := c.write(key.String()+record.Ext, data, safefile.Unsynced); err != nil {
			return err
		}
	}
	if f := c.loadState(key.String()).Failure; f != nil {
		f.at.Wall, f.at.Boot = f.at.Wall.Add(-d), f.at.Boot-d
		return c.saveState(key.String(), f)
	}
	return nil
}

// Held is how long the failure of key was told to hold; 0 where there is none.
func Held(c *Cache, key Key) time.Duration {
	if f := c.loadState(key.String()).Failure; f != nil {
		return f.until
	}
	return 0
}

// SealDocument puts the header with the right checksum in front of any document.
func SealDocument(doc []byte) []byte {
	sum := sha256.Sum256(doc)
	return append([]byte("STSH1 "+hex.EncodeToString(sum[:])+"\n"), doc...)
}

// Document is a file of the cache without its header.
func Document(file []byte) []byte { return file[record.Header:] }

// Decode reads a record; the error is nil or a *Miss.
func Decode(data []byte) (*Record, error) {
	r, m := decodeRecord(data)
	if m != nil {
		return nil, m
	}
	return r, nil
}

// Encode renders a record.
func Encode(r *Record) ([]byte, error) { return envelope.Encode(r.file) }

// RecordPath, StatePath and LockPath are the files of key.
func RecordPath(c *Cache, key Key) string {
	return filepath.Join(c.path, record.VersionDir, key.String()+record.Ext)
}

func StatePath(c *Cache, key Key) string {
	return filepath.Join(c.path, record.VersionDir, key.String()+record.StateExt)
}

func LockPath(c *Cache, key Key) string { return c.lockPath(key.String()) }

// LatePath is the lock that those take who waited in vain.
func LatePath(c *Cache, key Key) string { return c.lockPath(key.String() + "-late") }

// SteadySince has the last sweep say since when both clocks have run alike.
func SteadySince(c *Cache, since record.Moment) error {
	data, err := encodeFile(newMomentFile(since))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.path, record.VersionDir, sweptName), data, 0o600); err != nil {
		return err
	}
	return BackdateSweep(c)
}

// SweepAt sweeps as at that moment of both clocks.
func SweepAt(c *Cache, now record.Moment) { c.sweep(now) }

// BackdateSweep makes the last sweep old, and every temporary file old enough for the next.
func BackdateSweep(c *Cache) error {
	dir := filepath.Join(c.path, record.VersionDir)
	temps, err := filepath.Glob(filepath.Join(dir, safefile.TempPrefix+"*"))
	old := time.Now().Add(-2 * tempAge)
	for _, t := range append(temps, filepath.Join(dir, sweptName)) {
		_ = os.Chtimes(t, old, old)
	}
	return err
}

// Temps lists the temporary files.
func Temps(c *Cache) []string {
	temps, _ := filepath.Glob(filepath.Join(c.path, record.VersionDir, safefile.TempPrefix+"*"))
	return temps
}
