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
	f, info, err := openRegular(path, limit)
	if err != nil {
		return nil, info, err
	}
	defer func() { _ = f.Close() }()
	data, err := read(f, info, limit)
	return data, info, err
}

// Copy is Read that gives what it reads to w, piece by piece: a large file then takes no memory,
// which a process that lives for a millisecond would spend its time on getting.
func Copy(w io.Writer, path string, limit int64) (fs.FileInfo, error) {
	f, info, err := openRegular(path, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
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

// Unchanged reports whether two looks at a path found one file, to which nothing was written between them, or both none
// (nil).
func Unchanged(before, now fs.FileInfo) bool {
	if before == nil || now == nil {
		return before == nil && now == nil
	}
	return sameFile(before, now) && before.ModTime().Equal(now.ModTime()) && before.Size() == now.Size()
}

// openRegular opens the regular file at path. It may give what it found about one that it refuses.
func openRegular(path string, limit int64) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, cause(err)
	}
	info, err := Stat(f)
	switch {
	case err != nil:
		err = cause(err)
	case !info.Mode().IsRegular():
		err = refuse(NotRegular, "not a regular file")
	case info.Size() > limit:
		err = tooLarge(limit)
	default:
		return f, info, nil
	}
	_ = f.Close()
	return nil, info, err
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
	f, info, err := openPrivate(dir, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return read(f, info, limit)
}

// openPrivate opens a file of dir and checks what it opened. An [os.Root] follows links as long
// as they stay below it, so the name is looked at before.
func openPrivate(dir *os.Root, name string, flag int) (*os.File, fs.FileInfo, error) {
	named, err := dir.Lstat(name)
	if err != nil {
		return nil, nil, cause(err)
	}
	if !named.Mode().IsRegular() {
		return nil, nil, CheckPrivateFile(named)
	}
	f, err := dir.OpenFile(name, flag|openFlags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, errReplaced
	}
	if err != nil {
		return nil, nil, cause(err)
	}
	opened, err := Stat(f)
	switch {
	case err != nil:
		err = cause(err)
	case !sameFile(named, opened):
		err = errReplaced
	default:
		err = CheckPrivateFile(opened)
	}
	if err != nil {
		_ = f.Close()
		return nil, nil, err
	}
	return f, opened, nil
}

// read reads an open file, about which info was found, to its end.
func read(f *os.File, info fs.FileInfo, limit int64) ([]byte, error) {
	if info.Size() > limit {
		return nil, tooLarge(limit)
	}
	// One byte more than the size, so that the usual file ends in one short read and a file
	// that grows while it is read is still read to its end.
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if int64(len(data)) > limit {
			return nil, tooLarge(limit)
		}
		if err == io.EOF {
			return data, nil
		}
		if err != nil {
			return nil, cause(err)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}
