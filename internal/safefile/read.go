package safefile

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Read reads the regular file at path whole, of any user and behind any links. It gives what
// it found about the file, for [CheckTrusted]. A file of more than limit bytes is refused, and
// so is whatever is no regular file: a FIFO is not waited for.
func Read(path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, cause(err)
	}
	defer func() { _ = f.Close() }()
	return read(f, limit, func(info fs.FileInfo) error {
		if !info.Mode().IsRegular() {
			return refuse(NotRegular, "not a regular file")
		}
		return nil
	})
}

// Copy is Read that gives what it reads to w, piece by piece: a large file then takes no memory,
// which a process that lives for a millisecond would spend its time on getting.
func Copy(w io.Writer, path string, limit int64) (fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, cause(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, cause(err)
	case !info.Mode().IsRegular():
		return nil, refuse(NotRegular, "not a regular file")
	case info.Size() > limit:
		return nil, tooLarge(limit)
	}
	piece := make([]byte, min(info.Size()+1, maxPiece))
	for rest := limit; ; {
		n, err := f.Read(piece)
		if rest -= int64(n); rest < 0 {
			return nil, tooLarge(limit)
		}
		if _, werr := w.Write(piece[:n]); werr != nil {
			return nil, werr
		}
		if err == io.EOF {
			return info, nil
		}
		if err != nil {
			return nil, cause(err)
		}
	}
}

// maxPiece is how much Copy reads at once.
const maxPiece = 32 << 10

// maxReread bounds how often a file that was replaced while it was opened is opened again.
const maxReread = 8

var errReplaced = refuse(Replaced, "replaced each time that it is opened")

// ReadPrivate reads the file with that name in dir whole: a file of this user's by
// [CheckPrivateFile], not a link, of at most limit bytes. A file that is replaced meanwhile is
// read as it was or as it is.
func ReadPrivate(dir *os.Root, name string, limit int64) (data []byte, err error) {
	for range maxReread {
		if data, err = readPrivate(dir, name, limit); err != errReplaced {
			break
		}
	}
	return data, err
}

func readPrivate(dir *os.Root, name string, limit int64) ([]byte, error) {
	f, err := openPrivate(dir, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, _, err := read(f, limit, nil)
	return data, err
}

// openPrivate opens a file of dir and checks what it opened. An [os.Root] follows links as long
// as they stay below it, so the name is looked at before.
func openPrivate(dir *os.Root, name string, flag int) (*os.File, error) {
	named, err := dir.Lstat(name)
	if err != nil {
		return nil, cause(err)
	}
	if !named.Mode().IsRegular() {
		return nil, CheckPrivateFile(named)
	}
	f, err := dir.OpenFile(name, flag|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errReplaced
	}
	if err != nil {
		return nil, cause(err)
	}
	opened, err := f.Stat()
	switch {
	case err != nil:
		err = cause(err)
	case !os.SameFile(named, opened):
		err = errReplaced
	default:
		err = CheckPrivateFile(opened)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// read reads an open file to its end.
func read(f *os.File, limit int64, check func(fs.FileInfo) error) ([]byte, fs.FileInfo, error) {
	info, err := f.Stat()
	if err == nil && check != nil {
		err = check(info)
	}
	if err != nil {
		return nil, info, cause(err)
	}
	if info.Size() > limit {
		return nil, info, tooLarge(limit)
	}
	// One byte more than the size, so that the usual file ends in one short read and a file
	// that grows while it is read is still read to its end.
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			return nil, info, tooLarge(limit)
		}
		if err == io.EOF {
			return data, info, nil
		}
		if err != nil {
			return nil, info, cause(err)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}
