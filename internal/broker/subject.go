package broker

import (
	"errors"
	"io"
	"os"

	"github.com/sts-helper/sts-helper/internal/display"
	"github.com/sts-helper/sts-helper/internal/failure"
)

// sameSubject refuses a document that speaks for somebody else than when the key was made: its
// token would be kept, and served, under the wrong name.
func sameSubject(file, was, is string) error {
	if was == is {
		return nil
	}
	e := failure.Sourcef(nil, "%s now speaks for somebody else than when this began; run it again, or reload the server", display.Quote(file))
	e.Final, e.Private = false, true
	return e
}

// errNotPlain is readSmall's word for a pipe: the file is read more than once, and a pipe may
// never end.
var errNotPlain = errors.New("it is not a plain file")

var errTooLarge = errors.New("the file is too large")

// readSmall reads a plain file of at most limit bytes.
func readSmall(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotPlain
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errTooLarge
	}
	return data, err
}
