package settings

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// maxFile bounds every settings file. The largest ~/.aws/config seen, 5,000 profiles, is
// under 1 MiB.
const maxFile = 8 << 20

// errNotRegular is what readFile says of a directory, FIFO, socket or device.
var errNotRegular = errors.New("not a regular file")

// errTooLarge is what readFile says of a file over maxFile bytes.
var errTooLarge = errors.New("larger than 8 MiB")

// readFile reads a settings file whole. It never waits: a FIFO in the file's place is
// refused. The null device is an empty file, since that is how people switch one off.
func (e Environment) readFile(path string) ([]byte, fs.FileInfo, error) {
	e.reading(path)
	data, info, err := readRegular(path)
	e.seen(path, data, info, err)
	return data, info, err
}

func readRegular(path string) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, cause(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		if path == os.DevNull {
			return nil, info, nil
		}
		return nil, nil, errNotRegular
	}
	if info.Size() > maxFile {
		return nil, nil, errTooLarge
	}
	// One byte more than the size, so that the usual file ends in one short read and a file
	// that grows while it is read is still read to its end.
	data := make([]byte, 0, info.Size()+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		if len(data) > maxFile {
			return nil, nil, errTooLarge
		}
		if err == io.EOF {
			return data, info, nil
		}
		if err != nil {
			return nil, nil, cause(err)
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// cause strips the path that fs errors repeat; our errors name it first.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// absent tells whether nothing is at the path, as opposed to something unreadable.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || notDirectory(err)
}
