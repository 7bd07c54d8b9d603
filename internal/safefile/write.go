package safefile

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"
	"time"
)

// Durability is what a power cut may take of a file that was written.
type Durability uint8

const (
	// Unsynced may lose the new content, and leave an empty file under the name (XFS does).
	Unsynced Durability = iota
	// Synced may lose the new file, and leave the old one.
	Synced
	// Durable loses nothing, as far as the file system can promise it.
	Durable
)

// TempPrefix begins the names of files that are being written. One that is older than a minute
// was left behind by a process that died.
const TempPrefix = ".tmp-"

// Write puts data under the name in dir at once: a new file beside it, made exclusively and
// private (0600), written, synced, closed, renamed. A reader sees the old file or the new one.
func Write(dir *os.Root, name string, data []byte, d Durability) error {
	return write(dir, name, data, d, createTemp, func(temp, name string) error { return Rename(dir, temp, name) })
}

// Create is Write where the name is free. Where it is taken, which the error reports as
// [fs.ErrExist], what is there stays.
func Create(dir *os.Root, name string, data []byte, d Durability) error {
	return write(dir, name, data, d, createTemp, func(temp, name string) error {
		err := dir.Link(temp, name)
		_ = dir.Remove(temp)
		return err
	})
}

// Replace is Write by way of a temporary file whose name the caller chooses. Once it holds all of
// data it stays, whatever else goes wrong, until it has its name: a crash or an error then leaves
// it for the caller to find. A file that is there under the temporary name goes. complete, which may
// be nil, is called between the two.
func Replace(dir *os.Root, temp, name string, data []byte, d Durability, complete func()) error {
	if err := dir.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cause(err)
	}
	f, err := createTemp(dir, temp)
	if err != nil {
		return cause(err)
	}
	whole, err := fill(f, data, d)
	if err == nil {
		if complete != nil {
			complete()
		}
		err = Rename(dir, temp, name)
	}
	if err != nil && !whole {
		_ = dir.Remove(temp)
	}
	return finish(dir, d, err)
}

// creator makes a new file of that name in dir.
type creator = func(dir *os.Root, name string) (*os.File, error)

func write(dir *os.Root, name string, data []byte, d Durability, create creator, publish func(temp, name string) error) error {
	f, temp, err := openTemp(dir, name, create)
	if err != nil {
		return cause(err)
	}
	if _, err = fill(f, data, d); err == nil {
		err = publish(temp, name)
	}
	if err != nil {
		_ = dir.Remove(temp)
	}
	return finish(dir, d, err)
}

// fill writes data to an open temporary file and closes it. The file is whole where only what
// came after the writing failed.
func fill(f *os.File, data []byte, d Durability) (whole bool, err error) {
	_, err = f.Write(data)
	whole = err == nil
	if err == nil && d >= Synced {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return whole, err
}

// finish ends a write that went well or failed with err.
func finish(dir *os.Root, d Durability, err error) error {
	if err != nil {
		return cause(err)
	}
	if d >= Durable {
		if d, err := dir.Open("."); err == nil {
			_ = d.Sync() // some systems cannot; the new file is there either way
			_ = d.Close()
		}
	}
	return nil
}

// temps numbers this process's temporary files. Nothing rests on their names being hard to
// guess: only this user can write to the directory.
var temps atomic.Uint64

const maxTemps = 100

func openTemp(dir *os.Root, name string, create creator) (f *os.File, temp string, err error) {
	start := TempPrefix + name[:min(len(name), 16)] + "-" + strconv.Itoa(os.Getpid()) + "-"
	for range maxTemps {
		temp = start + strconv.FormatInt(time.Now().UnixNano(), 36) + "-" + strconv.FormatUint(temps.Add(1), 36)
		if f, err = create(dir, temp); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	return f, temp, err
}

func createTemp(dir *os.Root, temp string) (*os.File, error) {
	f, err := OpenPrivateFile(dir, temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	// Whatever the umask took away.
	if info, serr := f.Stat(); serr == nil && info.Mode().Perm()&0o600 != 0o600 {
		if err := f.Chmod(0o600); err != nil {
			_ = f.Close()
			_ = dir.Remove(temp)
			return nil, err
		}
	}
	return f, nil
}

// maxWipe bounds how much of a file is overwritten.
const maxWipe = 1 << 20

// Wipe removes the file with that name in dir after overwriting what it holds, for the sake of
// disks that keep what was removed; flash and file systems that copy on write may keep it all
// the same. What is no private file is removed only. A missing file is no error.
func Wipe(dir *os.Root, name string) error {
	overwrite(dir, name)
	if err := dir.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cause(err)
	}
	return nil
}

func overwrite(dir *os.Root, name string) {
	f, _, err := openPrivate(dir, name, os.O_WRONLY)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return
	}
	if _, err := f.Write(make([]byte, min(info.Size(), maxWipe))); err == nil {
		_ = f.Sync()
	}
}
