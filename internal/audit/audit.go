// Package audit keeps the log of who got which credentials: one JSON line for each token that is handed to
// another program. Each line has the hash of the one before, so that [Verify] finds a line that was changed
// or taken out. It never holds a secret, and nothing that fails here keeps a program from credentials.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/journal"
	"github.com/gofrs/flock"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/safefile"
)

// Config says where the log is kept. The zero Config keeps none.
type Config struct {
	// File is its absolute path, "" for none.
	File string
	// Journald reports whether the lines go to the system's journal, which seals its entries itself.
	Journald bool
}

// On reports whether there is a log.
func (c Config) On() bool { return c.File != "" || c.Journald }

const (
	// lockWait is how long a line waits for other processes that write one.
	lockWait = time.Second
	// kept is how many files that were put aside are.
	kept = 9
	// block is how much of a log is read at once, in bytes: more than nearly every line has.
	block = 8 << 10
)

// notWhole is the break after half a line, which a process leaves that is killed while it writes, or by a full disk.
const notWhole = "the line before is not whole"

// maxSize is the size in bytes from which a file is put aside as FILE.1.
var maxSize int64 = 10 << 20

// Ways on which credentials are handed out.
const (
	Process     = "credential_process"
	Environment = "env"
	Exec        = "exec"
	Grant       = "grant"
	Container   = "container"
	IMDS        = "imds"
)

// Line is one line of the log.
type Line struct {
	Version     int       `json:"v"` // 1
	Time        time.Time `json:"time"`
	Profile     string    `json:"profile,omitempty"`
	Identity    string    `json:"identity,omitempty"` // the ARN that STS named
	AccessKeyID string    `json:"access_key_id"`
	Expires     time.Time `json:"expires,omitzero"`
	SecondsLeft int64     `json:"seconds_left,omitempty"`
	Way         string    `json:"way"`
	UID         int       `json:"uid"`               // of the program that got them, -1 where it is not known
	PID         int       `json:"pid,omitempty"`     // 0 where it is not known
	Program     string    `json:"program,omitempty"` // "" where it is not known
	Pod         string    `json:"pod,omitempty"`     // NAMESPACE/SERVICEACCOUNT/POD, where a pod got them
	// Break says why the chain begins anew here.
	Break string `json:"break,omitempty"`
	// Previous is the SHA-256 of the line before, its line end included: hexadecimal, "" at the
	// beginning and after a break.
	Previous string `json:"previous"`
}

// Write appends a line. The error says what is wrong with the log.
func (c Config) Write(l Line) error {
	l.Version, l.Time = 1, time.Now().UTC().Truncate(time.Millisecond)
	if !l.Expires.IsZero() {
		l.Expires = l.Expires.UTC()
		l.SecondsLeft = int64(l.Expires.Sub(l.Time) / time.Second)
	}
	var errs []error
	if c.Journald {
		errs = append(errs, toJournal(l))
	}
	if c.File != "" {
		if err := c.append(l); err != nil {
			errs = append(errs, fmt.Errorf("the audit log %s cannot be written: %s", display.Safe(c.File), display.Innermost(err)))
		}
	}
	return errors.Join(errs...)
}

func toJournal(l Line) error {
	text, err := json.Marshal(l)
	if err == nil {
		err = journal.Send(string(text), journal.PriInfo, map[string]string{"SYSLOG_IDENTIFIER": "sts-helper", "STS_HELPER_AUDIT": "1"})
	}
	if err != nil {
		return fmt.Errorf("the audit line cannot be sent to the journal: %s", display.Innermost(err))
	}
	return nil
}

func (c Config) append(l Line) error {
	release := take(c.File + ".lock")
	if release != nil {
		defer release()
	} else {
		l.Break = "the lock could not be had"
	}
	f, err := open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size()
	lead := ""
	if l.Break == "" {
		var whole bool
		if l.Previous, whole, err = last(f, size); err != nil {
			return err
		}
		if !whole {
			lead, l.Previous, l.Break = "\n", "", notWhole
		}
		if size >= maxSize {
			if err := putAside(c.File); err != nil {
				return err
			}
			_ = f.Close()
			if f, err = open(c.File); err != nil {
				return err
			}
			size, lead = 0, ""
		}
		if size == 0 && l.Previous == "" { // the one before was put aside by a process that was killed then
			l.Previous = lastOf(c.File + ".1")
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	n, err := f.WriteString(lead + string(text) + "\n")
	if err != nil && n > 0 && release != nil {
		_ = f.Truncate(size) // a full disk takes half a line
	}
	return err
}

// queue is who of this process waits for the lock of a log. Only one waits at the kernel, which takes a thread for
// as long as another process keeps the lock.
type queue struct {
	turn  chan struct{}
	stuck atomic.Bool // a wait was in vain, and the lock did not come yet
}

var queues sync.Map // *queue by the path of the lock

// take takes the lock of the log, nil where it cannot be had in time; at once where a line before waited in vain. The
// kernel keeps the order of those who wait, which lock.Acquire, with its looks at the clock in between, does not.
func take(path string) (release func()) {
	one, _ := queues.LoadOrStore(path, &queue{turn: make(chan struct{}, 1)})
	q := one.(*queue)
	if q.stuck.Load() {
		return nil
	}
	timeout := time.After(lockWait)
	select {
	case q.turn <- struct{}{}:
	case <-timeout:
		return nil
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	got := make(chan error, 1)
	go func() { got <- l.Lock() }()
	leave := func() { _ = l.Unlock(); <-q.turn } // one that was not had is given back, too
	select {
	case err := <-got:
		if err == nil {
			return leave
		}
		leave()
	case <-timeout:
		q.stuck.Store(true)
		go func() { // it comes all the same, some time
			<-got
			q.stuck.Store(false)
			leave()
		}()
	}
	return nil
}

// open opens the log for appending. What is there must be a file of this user's own, which no other user can read.
func open(path string) (*os.File, error) {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	f, err := safefile.OpenPrivateFile(dir, filepath.Base(path), os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return nil, err
	}
	info, err := safefile.Stat(f)
	if err == nil {
		err = safefile.CheckPrivateFile(info)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// last is the hash of the last line, "" where there is none, and whether that line is whole.
func last(f *os.File, size int64) (hash string, whole bool, err error) {
	if size == 0 {
		return "", true, nil
	}
	for n := int64(block); ; n *= 2 {
		buf := make([]byte, min(size, n))
		if _, err := f.ReadAt(buf, size-int64(len(buf))); err != nil && err != io.EOF {
			return "", false, err
		}
		if buf[len(buf)-1] != '\n' {
			return "", false, nil
		}
		start := bytes.LastIndexByte(buf[:len(buf)-1], '\n') + 1
		if start > 0 || int64(len(buf)) == size {
			return hashOf(buf[start:]), true, nil
		}
	}
}

func lastOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	hash, _, _ := last(f, info.Size())
	return hash
}

func hashOf(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// putAside makes FILE.1 of the log, FILE.2 of that, and so on; the oldest goes.
func putAside(path string) error {
	for n := kept; n > 0; n-- {
		from := path
		if n > 1 {
			from += "." + strconv.Itoa(n-1)
		}
		if err := os.Rename(from, path+"."+strconv.Itoa(n)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
